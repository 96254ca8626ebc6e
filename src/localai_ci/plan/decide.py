"""The decision: which entries a change rebuilds. Pure, and on any doubt everything."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from localai_ci.matrix.diff import diff
from localai_ci.matrix.entry import Entry, Matrix, by_suffix
from localai_ci.matrix.rules import Inputs
from localai_ci.plan.change import Change
from localai_ci.plan.event import Event
from localai_ci.plan.findings import Findings, Planned
from localai_ci.plan.judge_rule import judge_dockerfile, judge_rule
from localai_ci.plan.reasons import Reason, ReasonKind
from localai_ci.plan.rowless import mentioned, places_of, rowless, without_rows
from localai_ci.text import listed

FORCED = {
    Event.tag: "a release builds every image",
    Event.schedule: "a scheduled run builds every image",
    Event.workflow_dispatch: "a run started by hand builds every image",
}


@dataclass(frozen=True)
class Plan:
    """What a change builds, and what was made of each changed path.

    ``idle`` are the paths that rebuild nothing, each with why; ``built`` the entries that were
    dropped because an image of exactly their inputs exists, by id, with its reference; ``same``
    the ids of those that rules would build and whose inputs are what they were.
    """

    matrix: Matrix
    inputs: Inputs
    change: Change
    entries: tuple[Planned, ...]
    idle: dict[str, str]
    built: dict[str, str] = field(default_factory=dict)
    same: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, Planned]:
        """The planned entries by id."""
        return {p.entry.id: p for p in self.entries}

    @property
    def complete(self) -> bool:
        """Whether every entry of the matrix is built."""
        return len(self.entries) == len(self.matrix.entries)


def decide(matrix: Matrix, inputs: Inputs, change: Change) -> Plan:
    """Decide what to build.

    Args:
        matrix: All entries after the change.
        inputs: The rules of inputs.yaml.
        change: What changed, or why that is not known.
    """
    found = Findings(matrix.entries)
    idle: dict[str, str] = {}
    if change.event in FORCED:
        found.add_all(Reason(ReasonKind.forced, FORCED[change.event]))
    elif change.paths is None:
        found.add_all(Reason(ReasonKind.unknown, change.unknown))
    else:
        idle = _judge_paths(change.paths, matrix, inputs, change, found)
    for entry in matrix.entries:
        if entry.builder in change.bases:
            found.add([entry], Reason(ReasonKind.base_changed, entry.builder))
    for pattern in change.forced:
        found.add(
            matrix.select([pattern]), Reason(ReasonKind.forced, f"asked for by name, {pattern}")
        )
    if change.event.publishes:
        complete_images(matrix, found)
    if folders := rowless(idle, matrix):
        note = (
            f"no row of the matrix is for {listed(folders)}: nothing is built of what changed there"
        )
        change = replace(change, notes=(*change.notes, note))
    return Plan(matrix, inputs, change, tuple(found.planned()), idle)


def complete_images(matrix: Matrix, found: Findings) -> None:
    """Build all legs of an image or none: its tag would lose the architectures left out."""
    for suffix, legs in by_suffix(matrix.entries).items():
        if any(found.has(leg) for leg in legs):
            rest = [leg for leg in legs if not found.has(leg)]
            found.add(rest, Reason(ReasonKind.other_leg, suffix.removeprefix("-")))


def _judge_paths(
    paths: tuple[str, ...], matrix: Matrix, inputs: Inputs, change: Change, found: Findings
) -> dict[str, str]:
    """Find the entries behind each path; return the paths without any, each with why."""
    sources, dockerfiles = _index(matrix.entries)
    idle = {}
    for path in paths:
        hit = False
        for folder in prefixes(path):
            if users := sources.get(folder):
                hit = found.add(users, Reason(ReasonKind.own_folder, folder), path)
        why = ""
        if users := dockerfiles.get(path):
            why = judge_dockerfile(path, tuple(users), inputs, change, found)
            hit = hit or not why
        if inputs.is_matrix(path):
            why = _judge_matrix(path, matrix, change, found)
        elif rule := inputs.rule(path):
            why = judge_rule(path, rule, matrix, inputs, change, found)
        elif not hit and not why:
            why = _judge_unknown(path, sources, change, inputs, found)
        if why and not hit:
            idle[path] = why
    return idle


def _index(entries: Iterable[Entry]) -> tuple[dict[str, list[Entry]], dict[str, list[Entry]]]:
    """The entries by source folder, and by Dockerfile."""
    sources, dockerfiles = defaultdict(list), defaultdict(list)
    for entry in entries:
        for folder in entry.folders:
            sources[folder].append(entry)
        if entry.dockerfile:
            dockerfiles[entry.dockerfile].append(entry)
    return sources, dockerfiles


def prefixes(path: str) -> Iterator[str]:
    """The path and every folder above it: a submodule's pointer is the folder itself."""
    end = len(path)
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)


def _judge_matrix(path: str, matrix: Matrix, change: Change, found: Findings) -> str:
    if change.previous is None:
        found.add_all(Reason(ReasonKind.unknown, "what it said before could not be read"), path)
        return ""
    changes = diff(change.previous.entries, matrix.entries)
    entries = matrix.by_id()
    found.add(changes.added.values(), Reason(ReasonKind.matrix_new, ""), path)
    for id_, fields in changes.changed.items():
        reason = Reason(ReasonKind.matrix_field, "; ".join(map(str, fields)))
        found.add([entries[id_]], reason, path)
    if changes.added or changes.changed:
        return ""
    return "it only removes rows" if changes.removed else "no row says anything else"


def _judge_unknown(
    path: str, sources: Iterable[str], change: Change, inputs: Inputs, found: Findings
) -> str:
    """What a file rebuilds that neither a row nor a rule knows: everything, below a root."""
    previous = change.previous.entries if change.previous else ()
    before = {place for e in previous for place in (*e.folders, e.dockerfile)}
    if any(prefix in before for prefix in prefixes(path)):
        return "an input of entries that are gone"
    if neutral := inputs.neutral(path):
        return f"declared neutral: {neutral.reason}"
    if not inputs.below_root(path):
        lower = path.casefold()
        if lower == path or not inputs.below_root(lower):
            return "outside of what images are built from"
        why = f"but for its capitals it is {lower}"
        found.add_all(Reason(ReasonKind.unknown, why), path)
        return ""
    why = "no rule says what it is an input of"
    if folder := without_rows(path, places_of(sources)):
        user = mentioned(folder, change.trees[1], inputs) if change.trees else ""
        if not user:
            return f"{folder} has no rows in the matrix, so no image is made of it yet"
        why = f"{folder}, which has no rows in the matrix, is mentioned in {user}"
    found.add_all(Reason(ReasonKind.unknown, why), path)
    return ""
