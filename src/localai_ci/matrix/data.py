"""Where the data files are."""

from functools import cache
from pathlib import Path

from localai_ci.errors import InputError


@cache
def data_dir() -> Path:
    """The folder of the YAML files: ``matrix/`` of a checkout, ``_matrix/`` of a wheel.

    Raises:
        InputError: the package was installed without its data.
    """
    package = Path(__file__).parents[1]
    for folder in (package.parents[1] / "matrix", package / "_matrix"):
        if (folder / "backends.yaml").is_file():
            return folder
    raise InputError(
        "the data files are not installed",
        where=str(package),
        remedy="Install localai-ci from its checkout or wheel, both of which carry matrix/.",
    )
