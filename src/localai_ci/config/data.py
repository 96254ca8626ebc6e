"""Where the data files are."""

from pathlib import Path


def is_wheel() -> bool:
    """Whether the data came with an installed package: nobody's files to edit."""
    return (Path(__file__).parents[1] / "_matrix").is_dir()


def data_dir() -> Path:
    """The folder of the YAML files: ``matrix/`` of a checkout, or what a wheel carries of it."""
    package = Path(__file__).parents[1]
    wheel = package / "_matrix"
    return wheel if wheel.is_dir() else package.parents[1] / "matrix"
