"""Matrix files: a folder of ours, one file in LocalAI's format, or a revision of a tree."""

from collections.abc import Callable
from pathlib import Path

from localai_ci.config.backends import Backends, Build
from localai_ci.config.data import data_dir
from localai_ci.config.profiles import Profiles
from localai_ci.config.reader import load
from localai_ci.errors import InputError
from localai_ci.matrix import localai
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.expand import expand
from localai_ci.matrix.words import gate

MATRIX_PATHS = ("matrix/profiles.yaml", "matrix/backends.yaml", localai.MATRIX_FILE)
"""Where a tree may carry its matrix."""


def load_matrix(path: Path | None = None) -> Matrix:
    """Read a matrix.

    Args:
        path: A folder with profiles.yaml and backends.yaml, or a file in LocalAI's format;
            the installed data if absent.

    Raises:
        InputError: nothing there, or a fault in it; each with file and line.
    """
    path = path or data_dir()
    if path.is_dir():
        return _ours(path, lambda _: None)
    if not path.is_file():
        raise InputError(
            "there is no such matrix",
            where=str(path),
            remedy="Give a folder with backends.yaml, or a file like LocalAI's backend-matrix.yml.",
        )
    return _theirs(path, None, known_builds())


def known_builds() -> dict[str, Build]:
    """What the installed backends.yaml says of each Dockerfile."""
    return load(data_dir() / "backends.yaml", Backends)[0].builds


def matrix_in_tree(
    read: Callable[[str], bytes | None],
    root: str = "matrix",
    builds: Callable[[], dict[str, Build]] = known_builds,
) -> Matrix | None:
    """The matrix that a tree carries: ``matrix/`` if it is there, else LocalAI's own file.

    Args:
        read: The content of a path of the tree, None if it is not there.
        root: How messages call ``matrix/``.
        builds: What is known of each Dockerfile of LocalAI's.

    Raises:
        InputError: a fault in it.
    """
    if read("matrix/backends.yaml") is not None:
        return _ours(Path(root), lambda path: read(f"matrix/{path.name}"), in_tree=True)
    data = read(localai.MATRIX_FILE)
    return None if data is None else _theirs(Path(localai.MATRIX_FILE), data, builds())


def load_files(folder: Path) -> tuple[Profiles, Backends, tuple[Entry, ...]]:
    """profiles.yaml and backends.yaml of a folder, and the entries they expand to."""
    profiles, _ = load(folder / "profiles.yaml", Profiles)
    backends, document = load(folder / "backends.yaml", Backends)
    return profiles, backends, expand(profiles, backends, document)


def _ours(folder: Path, read: Callable[[Path], bytes | None], *, in_tree: bool = False) -> Matrix:
    path = folder / "profiles.yaml"
    data = read(path)
    if data is None and in_tree:
        path = data_dir() / "profiles.yaml"
    profiles, _ = load(path, Profiles, data)
    path = folder / "backends.yaml"
    backends, document = load(path, Backends, read(path))
    lines = {
        name: f"{document.path}:{document.line(('backends', build, name))}"
        for build, names in backends.backends.items()
        for name in names
    }
    return gate(Matrix(expand(profiles, backends, document), str(folder), lines))


def _theirs(path: Path, data: bytes | None, builds: dict[str, Build]) -> Matrix:
    from localai_ci.matrix.localai import read

    entries, places = read(path, builds, data)
    lines = {entry.id: place for entry, place in zip(entries, places, strict=True)}
    return gate(Matrix(entries, str(path), lines))
