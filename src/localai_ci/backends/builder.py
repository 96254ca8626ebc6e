"""Where a backend's builder base comes from."""

import enum


class Builder(enum.Enum):
    """Where the builder base of a backend comes from."""

    auto = "auto"
    """Pulled if a registry has exactly the base that would be built, else built in place."""

    prebuilt = "prebuilt"
    """Pulled: the variant's newest in the registry, or the one given with --base."""

    fromsource = "fromsource"
    """Built in place."""
