"""What stands in go-modules.yaml: which modules a package links, at which versions."""

from functools import cached_property
from pathlib import Path
from typing import Annotated

from localai_ci.config.data import data_dir
from localai_ci.config.model import Field, Strict
from localai_ci.config.reader import load

GoNames = Annotated[list[str], Field(min_length=1)]


class LinkedTogether(Strict):
    """Packages that link the same modules."""

    packages: GoNames
    modules: Annotated[
        dict[str, str],
        Field(min_length=1, description="Version by module; true with exactly these."),
    ]


class GoModules(Strict):
    """go-modules.yaml."""

    generated: dict[str, GoNames] = Field(
        {}, description="Folders of packages that a build makes: what their code imports."
    )
    links: list[LinkedTogether]

    @cached_property
    def closures(self) -> dict[str, list[dict[str, str]]]:
        """The modules by package, once for each set of versions."""
        found: dict[str, list[dict[str, str]]] = {}
        for row in self.links:
            for package in row.packages:
                found.setdefault(package, []).append(row.modules)
        return found


def load_go_modules(path: Path | None = None, data: bytes | None = None) -> GoModules:
    """Read go-modules.yaml, by default the installed one.

    Args:
        path: The file; only its name where ``data`` is given.
        data: The content, of a file that is not on disk.

    Raises:
        InputError: a fault in it, with file and line.
    """
    return load(path or data_dir() / "go-modules.yaml", GoModules, data)[0]
