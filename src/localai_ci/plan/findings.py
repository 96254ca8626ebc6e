"""The entries to build, as reasons for them are found."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from localai_ci.matrix.entry import Entry
from localai_ci.plan.reasons import Reason


@dataclass(frozen=True)
class Planned:
    """An entry to build, and every reason for it."""

    entry: Entry
    reasons: tuple[Reason, ...]


class Findings:
    """Collects reasons: which entries have one, and the files behind it."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        """Nothing is due yet of these."""
        self._entries = entries
        self._files: defaultdict[Reason, dict[str, None]] = defaultdict(dict)
        self._of: defaultdict[str, dict[Reason, None]] = defaultdict(dict)

    def add(self, entries: Iterable[Entry], reason: Reason, file: str = "") -> bool:
        """Note a reason; say whether there was an entry for it."""
        if file:
            self._files[reason][file] = None
        entry = None
        for entry in entries:
            self._of[entry.id][reason] = None
        return entry is not None

    def add_whole(self, entry: Entry, reason: Reason) -> None:
        """Note a reason that has its files already."""
        self._of[entry.id][reason] = None

    def has(self, entry: Entry) -> bool:
        """Whether there is a reason to build it."""
        return entry.id in self._of

    def add_all(self, reason: Reason, file: str = "") -> bool:
        """A reason to build everything."""
        return self.add(self._entries, reason, file)

    def planned(self) -> Iterator[Planned]:
        """The entries with reasons, in the order of the matrix."""
        whole = {r: replace(r, files=tuple(f)) for r, f in self._files.items()}
        for entry in self._entries:
            if reasons := self._of.get(entry.id):
                yield Planned(entry, tuple(whole.get(r, r) for r in reasons))
