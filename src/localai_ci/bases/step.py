"""A step of a builder base: data first (so it can be compared and hashed), a function second."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localai_ci.bases.mirrors import Mirrors
from localai_ci.config.upstreams import Download, Upstreams
from localai_ci.config.variants import Release, Variant

if TYPE_CHECKING:  # a plan hashes steps, and runs none
    from dagger import Container

# Nothing is swallowed: an unset variable, a failed command or a failed pipe ends the step.
SHELL = ("bash", "-euo", "pipefail", "-c")


@dataclass(frozen=True)
class BaseRecipe:
    """Everything a step is rendered from."""

    variant: Variant
    release: Release
    upstreams: Upstreams
    mirrors: Mirrors

    def install(self, *packages: str, recommends: bool = False) -> str:
        """Bash that installs packages; without what they recommend, unless asked."""
        return self.mirrors.install(packages, recommends=recommends)

    def fetch(self, download: Download, target: str) -> str:
        """Bash that downloads an upstream's file to ``target`` and verifies it."""
        return self.mirrors.fetch(download.address, download.sha256, target)


@dataclass(frozen=True)
class Step:
    """One step: ``Container -> Container``, applied with ``container.with_(step)``.

    Attributes:
        name: What the user sees in the trace and in errors: ``apt``, ``protoc``, ``grpc``.
        script: Bash, run as root in ``/``; exports stay inside it, so that no build variable
            reaches the image's environment.
    """

    name: str
    script: str

    def __call__(self, container: "Container") -> "Container":
        """The container with this step's layer on top."""
        return container.with_exec([*SHELL, self.script])


def in_quotes(value: str) -> str:
    """A value as one word of bash, in quotes whether it needs them or not."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


def in_scratch_folder(script: str) -> str:
    """Bash that runs ``script`` in a folder which is gone afterwards."""
    return f'work=$(mktemp -d)\ncd "$work"\n{script.rstrip()}\ncd /\nrm -rf "$work"\n'
