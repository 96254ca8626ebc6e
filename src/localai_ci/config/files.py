"""Files that others wrote: no link is followed, no device waited for, a bound is kept."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from localai_ci.config import bounds
from localai_ci.errors import InputError


def below(folder: Path, ending: str) -> Iterator[Path]:
    """Everything below a folder that is called so, whatever it is; no linked folder is entered.

    Raises:
        InputError: more than a run has.
    """
    number = 0
    for place, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted([*files, *folders]):
            if not name.endswith(ending):
                continue
            number += 1
            if number > bounds.RECEIPTS:
                raise InputError(
                    f"more than {bounds.RECEIPTS} receipts are here", where=str(folder),
                    remedy="Give the folder of one run's receipts.",
                )  # fmt: skip
            yield Path(place) / name


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


def given(path: Path, longest: int) -> bytes:
    """The content of what the user named, which may well be a pipe.

    Raises:
        ValueError: too large.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _bounded(file.read(longest + 1), longest)


def _bounded(data: bytes, longest: int) -> bytes:
    if len(data) > longest:
        raise ValueError(f"it has more than {longest} bytes")
    return data
