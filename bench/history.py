"""Every push of LocalAI's history: what rules build, what inputs say, and what LocalAI built.

``LOCALAI_TREE`` names a clone; node has to be there. ``HISTORY_SINCE`` is a revision (the first
commit with a matrix file if absent), ``HISTORY_OUT`` a file for every commit's sets as JSON.
"""

import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table

from localai_ci.config.estimates import Estimates, load_estimates
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.localai import MATRIX_FILE
from localai_ci.matrix.tables import Installed, Tables
from localai_ci.matrix.tree_state import TreeState
from localai_ci.names import entry_id
from localai_ci.plan.by_inputs import by_inputs
from localai_ci.plan.decide import decide
from localai_ci.plan.estimates import job_minutes
from localai_ci.plan.event import Event
from localai_ci.plan.git import Checkout
from localai_ci.plan.sources import (
    PROTO,
    Compared,
    PlanRequest,
    put_together,
    snapshot_of,
    state_of,
)

SCRIPTS = ("scripts/changed-backends.js", "scripts/lib/backend-filter.mjs")
STAND_INS = {
    "js-yaml": "export const load = text => JSON.parse(text); export default { load };",
    "@octokit/core": "export class Octokit { async request(route, parameters)"
    " { return globalThis.answer(route, parameters); } }",
}
ADDITIVE = "an additive edit of the protocol"


@dataclass(frozen=True)
class Push:
    """A commit, and the three answers: ids by way of deciding."""

    commit: str
    subject: str
    built: dict[str, frozenset[str]]
    minutes: dict[str, float]
    reasons: dict[str, str]
    idle: dict[str, str]


def tables() -> Iterator[Table]:
    """Jobs and hours of all pushes, and the pushes where two ways differ."""
    tree = os.environ.get("LOCALAI_TREE")
    if not tree:
        yield Table(title="History: set LOCALAI_TREE to a clone of LocalAI")
        return
    checkout = Checkout(Path(tree).resolve())
    pushes = list(_pushes(checkout))
    if out := os.environ.get("HISTORY_OUT"):
        Path(out).write_text(json.dumps([_as_json(p) for p in pushes], indent=1))
    yield _sums(pushes)
    for less, more in (("rules", "theirs"), ("inputs", "theirs"), ("rules", "inputs")):
        yield _misses(pushes, less, more)


def table() -> Table:
    """The sums."""
    return next(tables())


def _git(checkout: Checkout, *arguments: str) -> str:
    command = ["git", "-C", str(checkout.path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _pushes(checkout: Checkout) -> Iterator[Push]:
    since = os.environ.get("HISTORY_SINCE")
    if not since:
        added = _git(checkout, "log", "--diff-filter=A", "--format=%H", "--", MATRIX_FILE)
        since = added.split()[-1]
    log = _git(checkout, "log", "--first-parent", "--reverse", "--format=%H %s", f"{since}..HEAD")
    commits = [line.split(" ", 1) for line in log.splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        theirs = _theirs(checkout, [commit for commit, _ in commits], Path(folder))
    estimates = load_estimates()
    installed = Installed()
    before = state_of(checkout, since, installed)
    for (commit, subject), ids in zip(commits, theirs, strict=True):
        after = state_of(checkout, commit, installed)
        yield _push(checkout, (before, after), (commit, subject), ids, estimates)
        before = after


def _push(
    checkout: Checkout,
    trees: tuple[TreeState, TreeState],
    commit: tuple[str, str],
    theirs: frozenset[str],
    estimates: Estimates,
) -> Push:
    before, after = trees
    paths = checkout.changed(f"{commit[0]}^", commit[0])
    request = PlanRequest(Event.push)
    known, change = put_together(request, after.read, Compared(paths, before, after), None)
    # LocalAI plans single legs; completing images is for both of our ways the same.
    plan = decide(known.matrix, known.rules, replace(change, event=Event.pull_request))
    previous = before.tables.carried
    hashed = plan
    if previous and change.paths:
        hashed = by_inputs(
            plan, _snapshot(before, before.tables), _snapshot(after, known), previous
        )
    built = {
        "rules": frozenset(plan.by_id),
        "inputs": frozenset(hashed.by_id),
        "theirs": theirs,
    }
    entries = known.matrix.by_id()
    minutes = {way: _minutes(ids, entries, estimates) for way, ids in built.items()}
    reasons = {p.entry.id: "; ".join(map(str, p.reasons)) for p in plan.entries}
    return Push(commit[0], commit[1], built, minutes, reasons, plan.idle)


_SNAPSHOTS: dict[int, Any] = {}


def _snapshot(state: TreeState, known: Tables) -> Any:
    """One snapshot a state: it is the tree after one push and before the next."""
    found = _SNAPSHOTS.get(id(state))
    if found is None or found[0] is not state:
        if len(_SNAPSHOTS) > 2:  # noqa: PLR2004 - before and after
            _SNAPSHOTS.clear()
        found = (state, snapshot_of(state, known))
        _SNAPSHOTS[id(state)] = found
    return found[1]


def _minutes(ids: frozenset[str], entries: dict[str, Entry], estimates: Estimates) -> float:
    return sum(job_minutes(estimates, [entries[i]]) for i in ids if i in entries)


def _theirs(checkout: Checkout, commits: list[str], folder: Path) -> list[frozenset[str]]:
    """What LocalAI's script of each commit builds for it."""
    jobs = [_job(checkout, commit, folder) for commit in commits]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    script = Path(__file__).with_name("theirs.mjs")
    command = ["node", str(script), str(folder / "jobs.json")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = []
    for commit, line in zip(commits, done.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        if isinstance(answer, dict):
            raise SystemExit(f"LocalAI's script at {commit}: {answer['error']}")
        found.append(frozenset(_id(*row) for row in answer))
    return found


def _id(suffix: str, platforms: str) -> str:
    arches = [p.strip().removeprefix("linux/") for p in platforms.split(",") if p]
    return entry_id(suffix, "+".join(arches) or "darwin-arm64")


def _job(checkout: Checkout, commit: str, folder: Path) -> dict[str, object]:
    files = list(checkout.changed(f"{commit}^", commit))
    previous = {
        path: _text(checkout, f"{commit}^", path, folder)
        for path in {MATRIX_FILE, PROTO} & set(files)
        if checkout.read(f"{commit}^", path) is not None
    }
    return {
        "script": str(_scripts(checkout, commit, folder)),
        "cwd": str(folder / "cwd"),
        "matrix": str(_matrix(checkout, commit, folder)),
        "proto": (checkout.read(commit, PROTO) or b"").decode(),
        "files": [path.encode("utf-8", "replace").decode() for path in files],
        "previous": previous,
    }


def _text(checkout: Checkout, commit: str, path: str, folder: Path) -> str:
    if path == MATRIX_FILE:
        return _matrix(checkout, commit, folder).read_text()
    return (checkout.read(commit, path) or b"").decode()


def _matrix(checkout: Checkout, commit: str, folder: Path) -> Path:
    """The matrix file as JSON, once for each text that it had."""
    data = checkout.read(commit, MATRIX_FILE) or b"{}"
    path = folder / f"matrix-{hash(data):x}.json"
    if not path.exists():
        path.write_text(json.dumps(yaml.load(data, Loader=yaml.CSafeLoader)))
    return path


def _scripts(checkout: Checkout, commit: str, folder: Path) -> Path:
    """The script of a commit with what it imports, once for each text."""
    texts = [checkout.read(commit, path) or b"" for path in SCRIPTS]
    place = folder / f"scripts-{hash(tuple(texts)):x}"
    script = place / SCRIPTS[0]
    if not script.exists():
        for path, text in zip(SCRIPTS, texts, strict=True):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(text)
        for name, source in STAND_INS.items():
            module = place / "node_modules" / name
            module.mkdir(parents=True)
            (module / "index.mjs").write_text(source)
            (module / "package.json").write_text('{"main": "index.mjs", "type": "module"}')
        (place / "package.json").write_text('{"type": "module"}')
    return script


def _sums(pushes: list[Push]) -> Table:
    found = Table("by", "jobs", "runner hours", "pushes that build", "all of the matrix",
                  title=f"{len(pushes)} pushes of LocalAI")  # fmt: skip
    for way in ("rules", "inputs", "theirs"):
        sizes = [len(p.built[way]) for p in pushes]
        hours = sum(p.minutes[way] for p in pushes) / 60
        full = max(sizes)
        found.add_row(
            way, str(sum(sizes)), f"{hours:.0f}", str(sum(map(bool, sizes))),
            str(sum(size > full * 0.8 for size in sizes)),
        )  # fmt: skip
    return found


def _misses(pushes: list[Push], less: str, more: str) -> Table:
    found = Table("commit", "jobs", "what", "why not",
                  title=f"Built by {more}, and not by {less}")  # fmt: skip
    for push in pushes:
        missing = push.built[more] - push.built[less]
        if missing:
            why = Counter(push.idle.values()).most_common(1)
            found.add_row(
                push.commit[:9], str(len(missing)), push.subject[:50],
                _why(push) or (why[0][0] if why else ""),
            )  # fmt: skip
    return found


def _why(push: Push) -> str:
    """The most telling reason why something builds nothing."""
    told = [why for path, why in push.idle.items() if not why.startswith("outside of")]
    return told[0][:60] if told else ""


def _as_json(push: Push) -> dict[str, object]:
    return {
        "commit": push.commit,
        "subject": push.subject,
        "built": {way: sorted(ids) for way, ids in push.built.items()},
        "reasons": push.reasons,
        "idle": {p: why for p, why in push.idle.items() if not why.startswith("outside of")},
    }
