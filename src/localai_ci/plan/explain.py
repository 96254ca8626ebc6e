"""`--why` and `--why-not`: one paragraph about one entry."""

from localai_ci.matrix.entry import Entry, unknown_entry
from localai_ci.matrix.rules import takes
from localai_ci.plan.change import Change
from localai_ci.plan.decide import Plan
from localai_ci.text import SHOWN, and_more, listed


def explain(plan: Plan, id_: str) -> str:
    """Why an entry is built, or why it is not, whichever is the case.

    Raises:
        InputError: the matrix has no such entry.
    """
    if planned := plan.by_id.get(id_):
        return f"{id_} is built because {_joined([str(r) for r in planned.reasons])}."
    entry = plan.matrix.by_id().get(id_)
    if not entry:
        raise unknown_entry(id_, plan.matrix)
    if reference := plan.built.get(id_):
        return (
            f"{id_} is not built: the change reaches it, but an image of exactly these inputs"
            f" exists already, {reference}, which is tagged instead."
        )
    if id_ in plan.same:
        return (
            f"{id_} is not built: by the rules the change reaches it, but its inputs are what they"
            " were."
        )
    return f"{id_} is not built: {_absence(plan, entry)}"


def _absence(plan: Plan, entry: Entry) -> str:
    change = plan.change
    rules = [r.name for r in plan.inputs.file.rules if takes(r.select, entry)]
    own = listed(entry.folders)
    dockerfile = f", none is its Dockerfile {entry.dockerfile}" if entry.dockerfile else ""
    return (
        f"{_count(change)}. None is in its sources ({own}){dockerfile}, and none matches one of"
        f" the {len(rules)} shared inputs that reach it ({', '.join(rules)}); its row in the"
        f" matrix is what it was.{_idle(plan)}"
    )


def _count(change: Change) -> str:
    number = len(change.paths or ())
    return f"{number} {'file' if number == 1 else 'files'} changed"


def _idle(plan: Plan) -> str:
    """The paths that rebuild nothing at all, with the reason each; at most three."""
    if not plan.idle:
        return ""
    texts = [f"{path}: {why.rstrip('.')}" for path, why in list(plan.idle.items())[:SHOWN]]
    if more := and_more(list(plan.idle), len(texts)):
        texts.append(more)
    return f" Without any effect: {'; '.join(texts)}."


def _joined(clauses: list[str]) -> str:
    return clauses[0] if len(clauses) == 1 else "; and ".join(clauses)
