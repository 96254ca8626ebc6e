"""Planning: against LocalAI's own filter, line by line of data, and as a simulated run.

``LOCALAI_TREE`` names a clone of LocalAI; without it, or without node, that part is left out.
``LOCALAI_JS`` names a folder where `npm install js-yaml @octokit/core` was run: then LocalAI's
filter reads its matrix as its script does, else as JSON, which costs it nothing.
"""

import json
import os
import resource
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
from localai_ci.plan.simulate import best_packing, shortest_possible, simulate

REPEATS = 9
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


# As its script begins: its matrix as YAML, its client loaded.
NODE_YAML = (
    NODE.replace(
        'import { readFileSync } from "node:fs";',
        """
import { readFileSync } from "node:fs";
import * as yaml from "js-yaml";
import { Octokit } from "@octokit/core";
""",
    )
    .replace("process.argv.slice(1)", "process.argv.slice(2)")
    .replace('JSON.parse(readFileSync(file, "utf8"))', 'yaml.load(readFileSync(file, "utf8"))')
    .replace("const once", "new Octokit({});\nconst once")
)


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
    tree = os.environ.get("LOCALAI_TREE")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "matrix.json"
        rows.write_text(json.dumps(localai.document(matrix.entries)))
        for name, paths in CHANGES.items():
            own = _each(partial(decide, matrix, inputs, Change(Event.push, tuple(paths))))
            theirs = None
            if tree:
                theirs = _node_each([*_node(tree, rows, paths), str(CALLS)])
            _row(functions, name, own, theirs)
        load = _each(load_matrix)
        functions.add_row("reading the matrix", f"{load:.1f}", "(js-yaml, not run)", "")
        yield functions
        yield from _whole(tree, rows, Path(folder))


def _whole(tree: str | None, rows: Path, folder: Path) -> Iterator[Table]:
    """Whole processes, in turns: by the clock, and by what they took of a processor."""
    listed = folder / "changed"
    listed.write_text("\n".join(CHANGES["one file"]))
    plan = [str(Path(sys.executable).with_name("localai-ci")), "plan", "--format", "github"]
    cases = {
        "one file from a list": ([*plan, "--changed-files", str(listed)], CHANGES["one file"]),
        "everything": ([*plan, "--event", "schedule"], ["scripts/build/package-system-libs.sh"]),
    }
    if tree:
        clone = folder / "clone"
        edit = _clone(Path(tree), clone)
        source = ["--source", str(clone), "--event", "push"]
        cases["one file from git"] = ([*plan, *source, "--base", "HEAD~1"], [edit])
        inputs = [*plan, *source, "--base", "HEAD~1", "--by-inputs"]
        cases["one file from git, --by-inputs"] = (inputs, [edit])
    how = "its YAML" if os.environ.get("LOCALAI_JS") else "JSON"
    found = Table("change", "ours, ms", "LocalAI's, ms", "ratio", "ours, CPU ms", "LocalAI's",
                  "ratio", title=f"Whole processes; LocalAI's filter reads {how}")  # fmt: skip
    for name, (command, paths) in cases.items():
        commands = [command, *([[*_node(tree, rows, paths), "1"]] if tree else [])]
        times = _in_turns(*commands)
        cells = []
        for kind in (0, 1):
            ours, *theirs = (one[kind] for one in times)
            ratio = [f"{theirs[0]:.0f}", f"{ours / theirs[0]:.2f}"] if theirs else ["not run", ""]
            cells += [f"{ours:.0f}", *ratio]
        found.add_row(name, *cells)
    yield found


def _clone(tree: Path, place: Path) -> str:
    """A clone whose last commit edits one file; the file."""
    edited = CHANGES["one file"][0]
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", "clone", "-q", "--shared", str(tree), str(place)], check=True)
    with (place / edited).open("a") as file:
        file.write("// edited\n")
    command = ["git", "-C", str(place), *identity, "commit", "-qam", "edit"]
    subprocess.run(command, check=True)
    return edited


def _node(tree: str, rows: Path, paths: list[str]) -> list[str]:
    """LocalAI's filter as a program, without its number of calls."""
    root = Path(tree).resolve()
    script = (root / "scripts/lib/backend-filter.mjs").as_uri()
    if modules := os.environ.get("LOCALAI_JS"):
        source = Path(modules).resolve() / "bench-theirs.mjs"
        source.write_text(NODE_YAML)
        return ["node", str(source), script, str(root / localai.MATRIX_FILE), json.dumps(paths)]
    return ["node", "--input-type=module", "-e", NODE, script, str(rows), json.dumps(paths)]


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


def _in_turns(*commands: list[str]) -> list[tuple[float, float]]:
    """Milliseconds of whole processes, medians, taken in turns so that a load hits all alike.

    Returns:
        For each command the time by the clock, and that of a processor.
    """
    times: list[list[tuple[float, float]]] = [[] for _ in commands]
    for _ in range(REPEATS):
        for index, command in enumerate(commands):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            took = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            times[index].append((took, cpu))
    return [
        (statistics.median(c for c, _ in t) * 1000, statistics.median(u for _, u in t) * 1000)
        for t in times
    ]


def _simulated() -> Table:
    """A run of LocalAI's shapes on 20 runners: one entry a job, against packed jobs."""
    inputs, matrix, estimates = load_inputs(), load_matrix(), load_estimates()
    found = Table("change", "jobs: each", "packed", "hours: each", "packed", "ratio",
                  "to the bound", "runner hours: each", "packed", "ratio",
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
            f"{pack.makespan / shortest_possible(jobs, RUNNERS, estimates):.3f}",
            f"{each.runner_minutes / 60:.0f}", f"{pack.runner_minutes / 60:.0f}",
            f"{pack.runner_minutes / each.runner_minutes:.2f}",
        )  # fmt: skip
    return found
