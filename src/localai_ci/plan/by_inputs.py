"""The entries whose inputs differ between two states of a tree: what the input hash says. Pure.

Rules say what a file may be an input of; the hash says what enters. Where both are known, rules
only explain. Images that a build starts from count by their names here, as no registry is asked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from localai_ci.backends.input_hash import InputSet, Snapshot, inputs_of
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.rules import takes
from localai_ci.plan.decide import FORCED, Plan, complete_images, prefixes
from localai_ci.plan.findings import Findings
from localai_ci.plan.reasons import Reason, ReasonKind
from localai_ci.text import listed, plural


def by_inputs(plan: Plan, before: Snapshot, after: Snapshot, previous: Matrix) -> Plan:
    """The plan of exactly what has other inputs now; the reasons of the rules stay.

    Args:
        plan: What the rules decided.
        before: The tree before the change.
        after: The tree that is built.
        previous: The matrix before it.

    Raises:
        InputError: the inputs of an entry cannot be told.
    """
    if plan.change.paths is None or plan.change.event in FORCED:
        return without_inputs(plan)
    old = previous.by_id()
    found = Findings(plan.matrix.entries)
    reached = _may_enter(plan, old.values())
    same = []
    for entry in plan.matrix.entries:
        planned = plan.by_id.get(entry.id)
        why = difference(entry, old.get(entry.id), before, after) if reached else ""
        told = planned.reasons if planned else ()
        reasons = [r for r in told if r.kind is not ReasonKind.other_leg and (why or _stays(r))]
        for reason in reasons or ([Reason(ReasonKind.inputs, why)] if why else []):
            found.add_whole(entry, reason)
        if planned and not reasons and not why:
            same.append(entry.id)
    if plan.change.event.publishes:
        complete_images(plan.matrix, found)
    entries = tuple(found.planned())
    left = {p.entry.id for p in entries}
    return replace(plan, entries=entries, same=tuple(i for i in same if i not in left))


def _may_enter(plan: Plan, old: Iterable[Entry]) -> bool:
    """Whether the change can alter an input at all; most edit what enters nothing."""
    inputs = plan.inputs
    own = {
        place
        for entries in (plan.matrix.entries, old)
        for entry in entries
        for place in (*entry.folders, entry.dockerfile)
    }
    return inputs.absent or any(
        inputs.rule(path)
        or inputs.is_matrix(path)
        or path.startswith("matrix/")
        # A package that nobody named in a rule may be linked all the same.
        or path.endswith(".go")
        or not own.isdisjoint(prefixes(path))
        for path in plan.change.paths or ()
    )


def without_inputs(plan: Plan) -> Plan:
    """The plan by rules, where there is nothing to compare inputs with."""
    note = "by rules: there are no two trees with a matrix to compare inputs of"
    return replace(plan, change=replace(plan.change, notes=(*plan.change.notes, note)))


def _stays(reason: Reason) -> bool:
    """Whether no input tells of it: asked for by name, a doubt, a base that was rebuilt."""
    rebuilt = reason.kind is ReasonKind.base_changed and not reason.files
    return rebuilt or reason.kind in {ReasonKind.forced, ReasonKind.unknown}


def difference(entry: Entry, old: Entry | None, before: Snapshot, after: Snapshot) -> str:
    """What of an entry's inputs differs, as a clause; empty if nothing does."""
    if old is None:
        return "its row is new"
    try:
        then = whole(old, before)
    except InputError as e:
        return f"what they were cannot be told ({e.what})"
    return "; ".join(_differences(then, whole(entry, after)))


def whole(entry: Entry, tree: Snapshot) -> InputSet:
    """All that enters, with what makes the builder base, which has no hash here."""
    known = tree.known
    if entry not in known:
        known[entry] = _found(entry, tree)
    return known[entry]


def _found(entry: Entry, tree: Snapshot) -> InputSet:
    inputs = inputs_of(entry, tree, entry.builder or entry.base_image)
    if not entry.builder:
        return inputs
    of_base = [
        (path, tree.files[path])
        for path in tree.entering.of_bases
        if (rule := tree.rules.rule(path)) and takes(rule.select, entry)
    ]
    return replace(inputs, files=tuple(sorted({*inputs.files, *of_base})))


def _differences(old: InputSet, new: InputSet) -> Iterator[str]:
    files = sorted({path for path, _ in {*old.files} ^ {*new.files}})
    if files:
        yield f"{plural(len(files), 'file')} ({listed(files)})"
    names = sorted({name for name, _ in {*old.arguments} ^ {*new.arguments}})
    if names:
        yield f"how it is built ({listed(names)})"
    if old.base != new.base:
        yield f"what it is built on ({old.base or 'nothing'} → {new.base or 'nothing'})"
