"""Matrix files from disk: a folder of ours, or one file in LocalAI's format."""

from pathlib import Path

from localai_ci.errors import InputError
from localai_ci.matrix import localai
from localai_ci.matrix.data import data_dir
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.expand import expand
from localai_ci.matrix.models import Backends, Build, Profiles
from localai_ci.matrix.yamlfile import Document, Loc, load


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
        return _ours(path)
    if not path.is_file():
        raise InputError(
            "there is no such matrix",
            where=str(path),
            remedy="Give a folder with backends.yaml, or a file like LocalAI's backend-matrix.yml.",
        )
    entries, document = localai.read(path, _known_builds())
    return Matrix(entries, str(path), _row_lines(entries, document))


def _ours(folder: Path) -> Matrix:
    profiles, _ = load(folder / "profiles.yaml", Profiles)
    backends, document = load(folder / "backends.yaml", Backends)
    entries = expand(profiles, backends, document)
    lines = {
        name: f"{document.path}:{document.line(('backends', build, name))}"
        for build, names in backends.backends.items()
        for name in names
    }
    return Matrix(entries, str(folder), lines)


def _known_builds() -> dict[str, Build]:
    return load(data_dir() / "backends.yaml", Backends)[0].builds


def _row_lines(entries: tuple[Entry, ...], document: Document) -> dict[str, str]:
    linux = sum(e.os == "linux" for e in entries)
    locs: list[Loc] = [("include", i) for i in range(linux)]
    locs += [("includeDarwin", i) for i in range(len(entries) - linux)]
    return {
        e.id: f"{document.path}:{document.line(loc)}" for e, loc in zip(entries, locs, strict=True)
    }
