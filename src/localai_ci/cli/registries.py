"""The option that names another registries.yaml, for all commands that ask registries."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from localai_ci.config.registries import Registries

RegistriesPath = Annotated[
    Path | None,
    typer.Option("--registries", help="Another registries.yaml; the installed one if absent."),
]


def load_registries(path: Path | None) -> "Registries":
    """The registries.yaml that was named, else the installed one.

    Raises:
        InputError: the file is at fault, with file and line.
    """
    from localai_ci.config.reader import load
    from localai_ci.config.registries import Registries, registries

    return load(path, Registries)[0] if path else registries()
