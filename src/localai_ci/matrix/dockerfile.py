"""What a Dockerfile says of its arguments."""

import re

ARG = re.compile(r"^\s*ARG\s+([A-Z_][A-Z0-9_]*)", re.MULTILINE)


def arguments_of(text: str) -> set[str]:
    """The build arguments that a Dockerfile takes; any other does not change its image."""
    return set(ARG.findall(text))
