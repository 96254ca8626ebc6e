"""What differs between two matrices."""

from collections.abc import Iterable
from dataclasses import dataclass

from localai_ci.matrix.entry import Entry
from localai_ci.matrix.localai import row


@dataclass(frozen=True)
class FieldChange:
    """One field of a row, by LocalAI's name; empty where it was or is absent."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        """``base-image: ubuntu:22.04 → ubuntu:24.04``."""
        return f"{self.field}: {self.old or '(none)'} → {self.new or '(none)'}"


@dataclass(frozen=True)
class MatrixDiff:
    """Entries by id: new, gone, and the same with other fields. Order does not count."""

    added: dict[str, Entry]
    removed: dict[str, Entry]
    changed: dict[str, tuple[FieldChange, ...]]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed)


def diff(old: Iterable[Entry], new: Iterable[Entry]) -> MatrixDiff:
    """Compare two sets of entries."""
    before = {e.id: e for e in old}
    after = {e.id: e for e in new}
    changes = {i: _fields(before[i], e) for i, e in after.items() if i in before}
    return MatrixDiff(
        {i: e for i, e in after.items() if i not in before},
        {i: e for i, e in before.items() if i not in after},
        {i: fields for i, fields in changes.items() if fields},
    )


def _fields(old: Entry, new: Entry) -> tuple[FieldChange, ...]:
    if old == new:
        return ()
    before, after = row(old), row(new)
    return tuple(
        FieldChange(name, before.get(name, ""), after.get(name, ""))
        for name in dict.fromkeys([*before, *after])
        if before.get(name, "") != after.get(name, "")
    )
