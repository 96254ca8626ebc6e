"""What stands in packages.yaml: what a finished image must be."""

from pathlib import Path
from typing import Annotated

from localai_ci.config.model import Field, Strict
from localai_ci.config.profiles import Language
from localai_ci.config.reader import load_table

Globs = Annotated[list[str], Field(min_length=1)]


class Exempt(Strict):
    """Libraries that need not be in the image."""

    reason: Annotated[str, Field(min_length=10)]
    libraries: Globs
    languages: list[Language] = Field([], description="Only there; everywhere if absent.")


class Layout(Strict):
    """How the images of one build are laid out."""

    loader: str = Field("", description="The dynamic loader, where one is bundled.")
    libraries: list[str] = Field(
        [],
        description="Folders that run.sh adds to the search path; with a *, one of those folders.",
    )
    binaries: list[str] = Field([], description="Programs beside compile.yaml's targets.")
    anywhere: bool = Field(default=False, description="A library counts wherever it lies.")


class PackagesFile(Strict):
    """packages.yaml."""

    exempt: list[Exempt]
    leftovers: dict[str, Globs] = Field(description="By language.")
    builds: dict[str, Layout]


def load_packages(path: Path | None = None, data: bytes | None = None) -> PackagesFile:
    """packages.yaml, by default the installed one: `load_table` says more."""
    return load_table("packages.yaml", PackagesFile, path, data)[0]
