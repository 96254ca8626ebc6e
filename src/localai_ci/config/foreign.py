"""Files that others wrote: no link is followed, no device waited for, a bound is kept."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.text import quoted


def walk(root: Path, leave: str = "") -> Iterator[tuple[str, bool]]:
    """Everything below a folder: its path with forward slashes, and whether it is a folder.

    A link is no folder, whatever it leads to.

    Args:
        root: Where.
        leave: The name of folders that are not looked into, and not told.

    Raises:
        InputError: more or deeper than any tree, or it cannot be read.
    """
    left, number = [""], 0
    while left:
        inside = left.pop()
        if inside.count("/") >= bounds.FOLDER_DEPTH:
            raise _fault(root, inside, f"folders are nested deeper than {bounds.FOLDER_DEPTH}")
        try:
            with os.scandir(root / inside) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as e:
            raise _fault(root, inside, f"it cannot be read: {e.strerror}") from None
        number += len(entries)
        if number > bounds.TREE_FILES:
            raise _fault(root, "", f"it has more than {bounds.TREE_FILES} files")
        for entry in entries:
            folder = entry.is_dir(follow_symlinks=False)
            if folder and entry.name == leave:
                continue
            path = f"{inside}/{entry.name}" if inside else entry.name
            yield path, folder
            if folder:
                left.append(path)


def below(folder: Path, ending: str) -> Iterator[Path]:
    """Everything below a folder that is called so, whatever it is, by name.

    Raises:
        InputError: more than a run has.
    """
    if not folder.is_dir():
        return
    found = sorted(path for path, _ in walk(folder) if path.endswith(ending))
    if len(found) > bounds.RECEIPTS:
        raise InputError(
            f"more than {bounds.RECEIPTS} receipts are here",
            where=str(folder),
            remedy="Give the folder of one run's receipts.",
        )
    yield from (folder / path for path in found)


def regular(path: Path, longest: int) -> bytes:
    """A regular file's content.

    Raises:
        ValueError: it is none, or too large.
        OSError: it cannot be read.
    """
    kind = path.lstat().st_mode
    if not stat.S_ISREG(kind):
        what = "a link" if stat.S_ISLNK(kind) else "a folder" if stat.S_ISDIR(kind) else "a device"
        raise ValueError(f"it is {what}, not a file")
    # Between the look and the opening it may have become something else.
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(number, "rb") as file:
        return _bounded(file.read(longest + 1), longest)


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


def _bounded(data: bytes, longest: int) -> bytes:
    if len(data) > longest:
        raise ValueError(f"it has more than {longest} bytes")
    return data


def _fault(root: Path, inside: str, what: str) -> InputError:
    where = f"{root}: {quoted(inside)}" if inside else str(root)
    return InputError(what, where=where, remedy="Check what this folder is.")
