"""The folder of receipts that arrived: a bad file spoils its own image alone.

Jobs write these files, and a job may be broken or taken over: no link is followed, nothing but
regular files of a bounded size is read.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError
from localai_ci.names import entry_of_receipt_file
from localai_ci.release.receipt import MANIFEST_LIMIT, Receipt
from localai_ci.text import listed

FILE_LIMIT = 4 * MANIFEST_LIMIT
"""Bytes of a receipt: manifest and configuration as JSON strings, and little else."""
_FILES = 20_000  # in one folder: LocalAI has about 450 legs


@dataclass(frozen=True)
class Unusable:
    """A file that is of no use.

    Attributes:
        path: Which.
        entry: The leg it would be, by its name or content; empty where that is not known.
        why: What is wrong with it.
    """

    path: Path
    entry: str
    why: str

    def __str__(self) -> str:
        """``path: why``."""
        return f"{self.path}: {self.why}"


@dataclass(frozen=True)
class Arrived:
    """What a folder holds: receipts by kind and entry, and what could not be used."""

    receipts: tuple[Receipt, ...]
    unusable: tuple[Unusable, ...] = ()


def read_folder(folder: Path, *, empty: bool = False) -> Arrived:
    """All receipts below a folder (``*.json``).

    Args:
        folder: May be missing where ``empty``.
        empty: Whether there may be none.

    Raises:
        InputError: there is no receipt at all; names what was found instead.
    """
    found: dict[tuple[ImageKind, str], tuple[Path, Receipt]] = {}
    twice: set[tuple[ImageKind, str]] = set()
    unusable: list[Unusable] = []
    for path in _paths(folder):
        read = _read(path)
        if isinstance(read, Unusable):
            unusable.append(read)
            continue
        key = (read.kind, read.entry)
        if key in found and found[key][1] != read:
            twice.add(key)
            why = f"another receipt for {read.entry} than {found[key][0]}: keep that of one build"
            unusable.append(Unusable(path, read.entry, why))
        found.setdefault(key, (path, read))
    if not found and not empty:
        raise InputError(
            "no receipt (*.json) is here"
            + (f": {listed([str(one) for one in unusable])}" if unusable else ""),
            where=str(folder),
            remedy="Give the folder that holds what `backend … publish` returned.",
        )
    kept = (receipt for key, (_, receipt) in sorted(found.items()) if key not in twice)
    return Arrived(tuple(kept), tuple(unusable))


def _paths(folder: Path) -> Iterator[Path]:
    """Everything that is called like a receipt, whatever it is; no linked folder is entered."""
    number = 0
    for place, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted([*files, *folders]):
            if not name.endswith(".json"):
                continue
            number += 1
            if number > _FILES:
                raise InputError(
                    f"more than {_FILES} receipts are here", where=str(folder),
                    remedy="Give the folder of one run's receipts.",
                )  # fmt: skip
            yield Path(place) / name


def _read(path: Path) -> Receipt | Unusable:
    entry = entry_of_receipt_file(path.name)
    try:
        return Receipt.model_validate_json(_bytes(path))
    except ValidationError as e:
        faults = [_described(fault["loc"], fault["msg"]) for fault in e.errors(include_input=False)]
        return Unusable(path, entry, f"not a receipt: {listed(faults, 5)}")
    except (ValueError, RecursionError) as e:
        return Unusable(path, entry, f"not a receipt: {e}")
    except OSError as e:
        return Unusable(path, entry, f"it cannot be read: {e.strerror}")


def _bytes(path: Path) -> bytes:
    """A regular file's content.

    Raises:
        ValueError: it is not one, or too large.
        OSError: it cannot be read.
    """
    kind = path.lstat().st_mode
    if not stat.S_ISREG(kind):
        what = "a link" if stat.S_ISLNK(kind) else "a folder" if stat.S_ISDIR(kind) else "a device"
        raise ValueError(f"it is {what}, not a file")
    # Between the look and the opening it may have become something else.
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(number, "rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise ValueError(f"it has more than {FILE_LIMIT // 1024**2} MB")
    return data


def _described(place: Sequence[int | str], message: str) -> str:
    where = ".".join(map(str, place))[:80]
    text = message.removeprefix("Value error, ")[:200]
    return f"{where}: {text}" if where else text
