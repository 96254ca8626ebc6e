"""The folder of receipts that arrived: a bad file spoils its own image alone.

Jobs write these files, and a job may be broken or taken over: no link is followed, nothing but
regular files of a bounded size is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.config.foreign import below, regular
from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError
from localai_ci.names import entry_of_receipt_file
from localai_ci.release.receipt import Receipt
from localai_ci.text import cut, listed

_SHOWN = 1_000  # characters of what is told of one file


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
        return cut(f"{self.path}: {self.why}", _SHOWN)


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
    for path in below(folder, ".json"):
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


def _read(path: Path) -> Receipt | Unusable:
    entry = entry_of_receipt_file(path.name)
    try:
        return Receipt.model_validate(json_text.read(regular(path, bounds.RECEIPT_BYTES)))
    except ValidationError as e:
        faults = [_told(fault["loc"], fault["msg"]) for fault in e.errors(include_input=False)]
        return Unusable(path, entry, f"not a receipt: {listed(faults, 5)}")
    except ValueError as e:
        return Unusable(path, entry, f"not a receipt: {e}")
    except OSError as e:
        return Unusable(path, entry, f"it cannot be read: {e.strerror}")


def _told(place: Sequence[int | str], message: str) -> str:
    where = ".".join(map(str, place))[:80]
    text = message.removeprefix("Value error, ")[:200]
    return f"{where}: {text}" if where else text
