"""What a rule or a Dockerfile is compared by: both states of the tree, before and after.

Each comparison is a function from a `Question` to what is `Reached`: the entries that the edit
concerns, each with what differs for it; or why that cannot be told, and then all that the rule
selects are concerned.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from localai_ci.matrix.entry import Entry
from localai_ci.matrix.rules import Inputs
from localai_ci.matrix.tree_state import TreeState


@dataclass(frozen=True)
class Question:
    """An edited file, and what is asked of it.

    Attributes:
        path: The file.
        entries: Those that would be rebuilt without a comparison.
        inputs: The rules after the change.
        before: The tree before, None where it is not known.
        after: The tree after it.
        paths: All paths of the change.
    """

    path: str
    entries: tuple[Entry, ...]
    inputs: Inputs
    before: TreeState | None = None
    after: TreeState | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reached:
    """What an edit reaches.

    Attributes:
        reached: The entries by what differs for them, as a clause.
        why_not: Why it reaches none, where it does not.
        doubt: Why it cannot be told; then it reaches all.
    """

    reached: dict[str, list[Entry]] = field(default_factory=dict)
    why_not: str = ""
    doubt: str = ""


Comparison = Callable[[Question], Reached]

NO_TREES = Reached(doubt="What it said before is not known")


def by_difference(pairs: Iterable[tuple[Entry, str]], why_not: str) -> Reached:
    """The answer from each entry with what differs for it, empty where nothing does."""
    reached: dict[str, list[Entry]] = {}
    for entry, what in pairs:
        if what:
            reached.setdefault(what, []).append(entry)
    return Reached(reached, "" if reached else why_not)
