"""The rules themselves, compared by what they decide of each file of the tree. Pure.

An edit of the rules enters no image. But what the old ones left out may be stale: of every file
that rebuilds more now than it did, the entries that are new are due.
"""

from collections.abc import Iterable

from localai_ci.config.inputs import Selection
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.loading import MATRIX_PATHS
from localai_ci.matrix.rules import Inputs, takes
from localai_ci.matrix.tables import RULES
from localai_ci.plan.comparing import NO_TREES, Question, Reached, by_difference
from localai_ci.text import listed

WHY_NOT = "of no file it decides anything else now"


def compare_decisions(question: Question) -> Reached:
    """The entries that some file would rebuild now and would not have before."""
    if question.before is None or question.after is None:
        # What decides here is in these files alone; a planner of someone else's is none of them.
        decides = not {RULES, *MATRIX_PATHS}.isdisjoint(question.paths)
        return NO_TREES if decides else Reached(why_not=WHY_NOT)
    files = question.after.files
    if files is None:
        return NO_TREES
    try:
        before = question.before.tables.rules
    except InputError as e:
        return Reached(doubt=f"What it said before is not sound ({e.what})")
    stale = _stale(files, before, question.inputs, question.entries)
    return by_difference(
        ((entry, listed(stale.get(entry.id, ()))) for entry in question.entries), WHY_NOT
    )


def _stale(
    files: Iterable[str], before: Inputs, after: Inputs, entries: tuple[Entry, ...]
) -> dict[str, list[str]]:
    """By entry the files that would rebuild it only now; of its own folder all always do."""
    taken: dict[str, frozenset[str]] = {}

    def selected(inputs: Inputs, path: str) -> frozenset[str]:
        rule = inputs.rule(path)
        if rule is None and not _unknown(inputs, path):
            return frozenset()
        select = rule.select if rule else Selection(builds=[], backends=[])
        key = repr(select)
        if key not in taken:
            taken[key] = frozenset(e.id for e in entries if takes(select, e))
        return taken[key]

    found: dict[str, list[str]] = {}
    for path in files:
        for id_ in selected(after, path) - selected(before, path):
            found.setdefault(id_, []).append(path)
    return found


def _unknown(inputs: Inputs, path: str) -> bool:
    """Whether a file rebuilds everything because no rule knows it."""
    return not inputs.is_matrix(path) and not inputs.neutral(path) and inputs.below_root(path)
