"""Planning: against LocalAI's own filter, line by line of data, and as a simulated run.

``LOCALAI_TREE`` names a clone of LocalAI; without it, or without node, that part is left out.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rich.table import Table

from localai_ci.config.data import data_dir
from localai_ci.config.estimates import load_estimates
from localai_ci.matrix import localai
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.rules import load_inputs
from localai_ci.plan.change import Change
from localai_ci.plan.decide import decide
from localai_ci.plan.event import Event
from localai_ci.plan.jobs import single
from localai_ci.plan.simulate import best_packing, simulate

REPEATS = 15
CALLS = 50
RUNNERS = 20
CHANGES = {
    "everything": ["scripts/build/package-system-libs.sh"],
    "one file": ["backend/go/whisper/main.go"],
}

# LocalAI's filter on a matrix that is JSON already: js-yaml and the API calls cost it nothing.
NODE = """
import { readFileSync } from "node:fs";
const [module, file, changed, calls] = process.argv.slice(1);
const { filterMatrix } = await import(module);
const matrix = JSON.parse(readFileSync(file, "utf8"));
const once = () => filterMatrix({
  includes: matrix.include, includesDarwin: matrix.includeDarwin, changedFiles: JSON.parse(changed),
});
const began = performance.now();
for (let n = 0; n < Number(calls); n++) once();
const each = (performance.now() - began) / Number(calls);
const { filtered, filteredDarwin } = once();
console.error(each);
console.log(JSON.stringify({ include: filtered }), JSON.stringify({ include: filteredDarwin }));
"""


def tables() -> Iterator[Table]:
    """All measurements."""
    yield _lines()
    yield from _speed()
    yield _simulated()


def table() -> Table:
    """The measurement that matters most: how a run ends."""
    return _simulated()


def _lines() -> Table:
    found = Table("data", "lines", "ratio", title="The matrix, lines of YAML")
    names = ("profiles.yaml", "backends.yaml")
    ours = sum(_count(data_dir() / name) for name in names)
    tree = os.environ.get("LOCALAI_TREE")
    theirs = _count(Path(tree) / localai.MATRIX_FILE) if tree else 6542
    found.add_row("LocalAI's backend-matrix.yml", str(theirs), "1.00")
    found.add_row(" and ".join(names), str(ours), f"{ours / theirs:.2f}")
    return found


def _count(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def _speed() -> Iterator[Table]:
    inputs, matrix = load_inputs(), load_matrix()
    functions = Table("change", "ours, ms", "LocalAI's, ms", "ratio", title="The decision alone")
    processes = Table("change", "ours, ms", "LocalAI's, ms", "ratio", title="Whole processes")
    tree = os.environ.get("LOCALAI_TREE")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "matrix.json"
        rows.write_text(json.dumps(localai.document(matrix.entries)))
        for name, paths in CHANGES.items():
            change = Change(Event.push, tuple(paths))
            own = _each(partial(decide, matrix, inputs, change))
            listed = Path(folder) / "changed"
            listed.write_text("\n".join(paths))
            command = [str(Path(sys.executable).with_name("localai-ci")), "plan", "--format",
                       "github", "--changed-files", str(listed)]  # fmt: skip
            if tree:
                script = (Path(tree).resolve() / "scripts/lib/backend-filter.mjs").as_uri()
                node = ["node", "--input-type=module", "-e", NODE, script, str(rows),
                        json.dumps(paths)]  # fmt: skip
                theirs = _node_each([*node, str(CALLS)])
                _row(functions, name, own, theirs)
                _row(processes, name, *_in_turns(command, [*node, "1"]))
            else:
                _row(functions, name, own, None)
                _row(processes, name, *_in_turns(command))
    load = _each(load_matrix)
    functions.add_row("reading the matrix", f"{load:.1f}", "(js-yaml, not run)", "")
    yield functions
    yield processes


def _row(found: Table, name: str, ours: float, theirs: float | None = None) -> None:
    if theirs is None:
        found.add_row(name, f"{ours:.1f}", "set LOCALAI_TREE", "")
    else:
        found.add_row(name, f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}")


def _each(call: Callable[[], object]) -> float:
    """Milliseconds of a call, the median of many."""
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _node_each(command: list[str]) -> float:
    """What node says a call took, the median of several processes."""
    found = [
        float(subprocess.run(command, check=True, capture_output=True).stderr) for _ in range(5)
    ]
    return statistics.median(found)


def _in_turns(*commands: list[str]) -> list[float]:
    """Milliseconds of whole processes, medians, taken in turns so that a load hits all alike."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(REPEATS):
        for index, command in enumerate(commands):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[index].append(time.perf_counter() - began)
    return [statistics.median(t) * 1000 for t in times]


def _simulated() -> Table:
    """A run of LocalAI's shapes on 20 runners: one entry a job, against packed jobs."""
    inputs, matrix, estimates = load_inputs(), load_matrix(), load_estimates()
    found = Table("change", "jobs: each", "packed", "hours: each", "packed", "ratio",
                  "runner hours: each", "packed", "ratio",
                  title=f"A run on {RUNNERS} runners, simulated with the facts' times")  # fmt: skip
    shapes = {
        "everything": Change(Event.tag, None),
        "pkg/grpc (Go)": Change(Event.push, ("pkg/grpc/server.go",)),
        "one backend": Change(Event.push, ("backend/go/whisper/main.go",)),
    }
    for name, change in shapes.items():
        entries = [p.entry for p in decide(matrix, inputs, change).entries]
        each = simulate(single(entries, estimates), RUNNERS, estimates, one_merge=False)
        jobs = best_packing(entries, estimates, RUNNERS)
        pack = simulate(jobs, RUNNERS, estimates, one_merge=True)
        found.add_row(
            name, str(each.jobs), str(pack.jobs),
            f"{each.makespan / 60:.1f}", f"{pack.makespan / 60:.1f}",
            f"{pack.makespan / each.makespan:.2f}",
            f"{each.runner_minutes / 60:.0f}", f"{pack.runner_minutes / 60:.0f}",
            f"{pack.runner_minutes / each.runner_minutes:.2f}",
        )  # fmt: skip
    return found
