"""The files of a folder as git would list them, so that plan and build hash the same inputs."""

import hashlib
import os
import stat
from pathlib import Path

from localai_ci.config.files import walk
from localai_ci.errors import InputError
from localai_ci.text import quoted


def listing(folder: Path) -> dict[str, str]:
    """Every file with its mode and blob id, by path with forward slashes.

    A submodule counts by its files here, where git has one line with its commit.
    """
    return {path: _line(folder / path) for path, inside in walk(folder) if not inside}


def _line(path: Path) -> str:
    kind = path.lstat().st_mode
    mode = "120000" if stat.S_ISLNK(kind) else "100755" if kind & 0o111 else "100644"
    return f"{mode} {blob_id(path)}"


def blob_id(path: Path) -> str:
    """The id that git gives the content of a file, or of a link as it stands.

    Raises:
        InputError: it is a device or a pipe, or it is written to meanwhile.
    """
    kind = path.lstat()
    if stat.S_ISLNK(kind.st_mode):
        target = os.fsencode(path.readlink())
        return _sha1(b"blob %d\0" % len(target) + target).hexdigest()
    if not stat.S_ISREG(kind.st_mode):
        raise _strange(path, "it is neither a file nor a link")
    state, left = _sha1(b"blob %d\0" % kind.st_size), kind.st_size
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            left -= len(piece)
            state.update(piece)
    if left:
        raise _strange(path, "it changes while it is read")
    return state.hexdigest()


_PIECE = 1 << 20  # bytes at once: a model may lie in a tree


def _sha1(data: bytes) -> "hashlib._Hash":
    return hashlib.sha1(data, usedforsecurity=False)


def _strange(path: Path, what: str) -> InputError:
    return InputError(what, where=quoted(str(path), 200), remedy="Take it out of the tree.")
