"""The decision: which entries a change rebuilds. Pure, and on any doubt everything."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from localai_ci.backends.recipe import build_inputs
from localai_ci.config.compile import CompileFile
from localai_ci.config.inputs import Rule
from localai_ci.errors import InputError
from localai_ci.matrix.diff import diff
from localai_ci.matrix.entry import Entry, Matrix, by_suffix
from localai_ci.matrix.rules import Inputs, takes
from localai_ci.plan.change import Change
from localai_ci.plan.event import Event
from localai_ci.plan.proto import breaking_changes
from localai_ci.plan.reasons import Reason, ReasonKind
from localai_ci.text import listed

FORCED = {
    Event.tag: "a release builds every image",
    Event.schedule: "a scheduled run builds every image",
    Event.workflow_dispatch: "a run started by hand builds every image",
}


@dataclass(frozen=True)
class Planned:
    """An entry to build, and every reason for it."""

    entry: Entry
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Plan:
    """What a change builds, and what was made of each changed path.

    ``idle`` are the paths that rebuild nothing, each with why; ``built`` the entries that were
    dropped because an image of exactly their inputs exists, by id, with its reference.
    """

    matrix: Matrix
    inputs: Inputs
    change: Change
    entries: tuple[Planned, ...]
    idle: dict[str, str]
    built: dict[str, str] = field(default_factory=dict)

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
    found = _Findings(matrix.entries)
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
        _complete_images(matrix, found)
    return Plan(matrix, inputs, change, tuple(found.planned()), idle)


class _Findings:
    """Collects reasons: which entries have one, and the files behind it."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
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


def _complete_images(matrix: Matrix, found: _Findings) -> None:
    """Build all legs of an image or none: its tag would lose the architectures left out."""
    for suffix, legs in by_suffix(matrix.entries).items():
        if any(found.has(leg) for leg in legs):
            rest = [leg for leg in legs if not found.has(leg)]
            found.add(rest, Reason(ReasonKind.other_leg, suffix.removeprefix("-")))


def _judge_paths(
    paths: tuple[str, ...], matrix: Matrix, inputs: Inputs, change: Change, found: _Findings
) -> dict[str, str]:
    """Find the entries behind each path; return the paths without any, each with why."""
    sources, dockerfiles = _index(matrix.entries)
    previous = change.previous.entries if change.previous else ()
    before = {place for e in previous for place in (*e.folders, e.dockerfile)}
    idle = {}
    for path in paths:
        hit = False
        for folder in _prefixes(path):
            if users := sources.get(folder):
                hit = found.add(users, Reason(ReasonKind.own_folder, folder), path)
        if users := dockerfiles.get(path):
            hit = found.add(users, Reason(ReasonKind.dockerfile, path), path)
        if inputs.is_matrix(path):
            why = _judge_matrix(path, matrix, change, found)
        elif rule := inputs.rule(path):
            why = _judge_rule(path, rule, inputs, matrix, change, found)
        else:
            why = "" if hit else _judge_unknown(path, inputs, before, found)
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


def _prefixes(path: str) -> Iterator[str]:
    """The path and every folder above it: a submodule's pointer is the folder itself."""
    end = len(path)
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)


def _judge_matrix(path: str, matrix: Matrix, change: Change, found: _Findings) -> str:
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


def _judge_rule(
    path: str, rule: Rule, inputs: Inputs, matrix: Matrix, change: Change, found: _Findings
) -> str:
    kind, detail = ReasonKind.base_changed if rule.base else ReasonKind.shared_input, rule.reason
    if rule.compare == "proto" and change.proto:
        broken = breaking_changes(*change.proto)
        if not broken:
            return "the edit only adds, and existing images use nothing of it"
        kind, detail = ReasonKind.proto, listed(tuple(map(str, broken)))
    elif rule.compare == "rules" and change.rules:
        return _judge_rules(path, change.rules.rules, inputs, matrix, found)
    elif rule.compare == "compile" and change.compile:
        detail = f"{rule.reason} It says something else of this one now"
    elif rule.compare:
        detail = f"{rule.reason} What it said before could not be read"
    takers = [e for e in matrix.entries if takes(rule.select, e)]
    if rule.compare == "compile" and change.compile:
        takers = [e for e in takers if _compiled_otherwise(e, *change.compile)]
        if not takers:
            return "no entry is compiled otherwise"
    if found.add(takers, Reason(kind, detail, rule.name), path):
        return ""
    return f"the rule {rule.name} selects no entry of this matrix"


def _compiled_otherwise(entry: Entry, before: CompileFile, after: CompileFile) -> bool:
    try:
        return build_inputs(before, entry) != build_inputs(after, entry)
    except InputError:  # one of the two does not know it
        return True


def _judge_rules(
    path: str, before: Iterable[Rule], inputs: Inputs, matrix: Matrix, found: _Findings
) -> str:
    """What a new or changed rule selects may have missed a change before it was there."""
    old = list(before)
    new = [rule for rule in inputs.file.rules if rule not in old]
    for rule in new:
        takers = [e for e in matrix.entries if takes(rule.select, e)]
        detail = "it is new or says something else now, and what it selects may be stale"
        found.add(takers, Reason(ReasonKind.shared_input, detail, rule.name), path)
    return "" if new else "no rule is new or says something else"


def _judge_unknown(path: str, inputs: Inputs, before: set[str], found: _Findings) -> str:
    if any(prefix in before for prefix in _prefixes(path)):
        return "an input of entries that are gone"
    if neutral := inputs.neutral(path):
        return f"declared neutral: {neutral.reason}"
    if inputs.below_root(path):
        found.add_all(Reason(ReasonKind.unknown, "no rule says what it is an input of"), path)
        return ""
    return "outside of what images are built from"
