"""Files that root believes and programs that it starts: nobody else may have written them."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from native.errors import EngineError

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def owners() -> tuple[int, ...]:
    """Whose files count: root's and this user's own."""
    return (0, os.geteuid())


def fault(path: Path, found: os.stat_result, *, place: bool = False) -> str:
    """Why a file or folder cannot be relied on; empty if it can.

    Args:
        path: How it is called.
        found: What the system says of it, links not followed.
        place: Whether it is only the place of one: in a sticky folder, such as /tmp, nobody
            replaces what is another's.
    """
    if stat.S_ISLNK(found.st_mode):
        return f"{path} is a link"
    if found.st_uid not in owners():
        return f"{path} belongs to another user (uid {found.st_uid})"
    sticky = place and stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & OTHERS_WRITE and not sticky:
        return f"others may write to {path} (mode {stat.S_IMODE(found.st_mode):o})"
    return ""


def demand(path: Path) -> None:
    """Refuse a path that another user has written or could replace; what is not there is fine.

    Raises:
        EngineError: it, or a folder that it is in.
    """
    for reason in _faults(path):
        raise EngineError(
            f"the cache folder cannot be relied on: {reason}",
            "set LOCALAI_CI_CACHE to a folder of your own that only you can write to; if it is"
            " yours all along: chmod go-w",
        )


def _faults(path: Path) -> Iterator[str]:
    for at in (path, *path.parents):
        try:
            found = at.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            yield f"{at}: {error.strerror}"
            continue
        if reason := fault(at, found, place=at != path):
            yield reason


def opened(path: Path, flags: int) -> int:
    """A file of ours as a descriptor, never through a link; it is made where ``flags`` say so.

    Raises:
        EngineError: it is a link, no plain file, or not ours alone.
        FileNotFoundError: it is not there.
    """
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise EngineError(f"{path} is a link, and is not followed", "remove it") from None
        raise
    found = os.fstat(file)
    reason = fault(path, found)
    if not stat.S_ISREG(found.st_mode):
        reason = f"{path} is not a plain file"
    if reason:
        os.close(file)
        raise EngineError(f"the cache folder cannot be relied on: {reason}", "remove it")
    return file


def read(path: Path, limit: int) -> bytes:
    """The content of a small file of ours.

    Raises:
        EngineError: as `opened`, or it is larger than ``limit`` bytes.
        FileNotFoundError: it is not there.
    """
    with os.fdopen(opened(path, os.O_RDONLY), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise EngineError(f"{path} has more than {limit} bytes", "remove it")
    return content


def write(path: Path, content: bytes) -> None:
    """Write a file of ours, whatever was there before."""
    with os.fdopen(opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(content)
