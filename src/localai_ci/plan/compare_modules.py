"""go.mod and go.sum, compared by the modules that each Go backend links. Pure."""

from localai_ci.backends.go_links import GoTree
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.tree_state import TreeState
from localai_ci.plan.comparing import NO_TREES, Question, Reached, by_difference
from localai_ci.text import listed


def compare_modules(question: Question) -> Reached:
    """The entries that link other modules than before, or of which it cannot be told."""
    old, new = _tree(question.before), _tree(question.after)
    if not old or not new:
        return NO_TREES

    def difference(entry: Entry) -> str:
        before, after = old.links(entry.folders), new.links(entry.folders)
        if doubt := after.doubt or before.doubt:
            return f"what it links cannot be told: {doubt}"
        changed = after.differences(before)
        return f"it links {listed(changed)}" if changed else ""

    return by_difference(
        ((entry, difference(entry)) for entry in question.entries),
        "no Go backend links what it changes",
    )


def _tree(state: TreeState | None) -> GoTree | None:
    files = state.files if state else None
    if state is None or files is None:
        return None
    return GoTree(files, state.read, state.tables.go_modules)
