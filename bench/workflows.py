"""The workflows against LocalAI's own: lines, shell, jobs, and when a simulated run would end.

``LOCALAI_TREE`` names a clone of LocalAI; without it there is nothing to compare with.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table

from localai_ci.config.estimates import Estimates, load_estimates
from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.tables import Tables
from localai_ci.plan.jobs import Job, server_jobs, single
from localai_ci.plan.simulate import best_packing, simulate
from localai_ci.text import hours

REPO = Path(__file__).parents[1]
EXAMPLE = REPO / "examples/localai/.github/workflows"
WORKFLOWS = "base-images backend backend_pr backend_build image image-pr image_build image_merge"
REPLACED = {
    "replaced workflows": [f".github/workflows/{name}.yml" for name in WORKFLOWS.split()]
    + [".github/workflows/generate_intel_image.yaml"],
    "backend_merge.yml, rewritten": [".github/workflows/backend_merge.yml"],
    "actions that only they use": [
        f".github/actions/{name}/action.yml" for name in ("free-disk-space", "setup-build-disk")
    ],
    "scripts that only they use": [
        f".github/scripts/{name}.sh"
        for name in ("anchor-digest-in-cache", "cleanup-keepalive-tags")
    ],
    "the filter, once test-extra.yml reads the plan": [
        f"scripts/{name}"
        for name in (
            "changed-backends.js",
            "lib/backend-filter.mjs",
            "lib/backend-filter_test.mjs",
        )
    ],
    "the matrix, once backends_test.go reads another file": [".github/backend-matrix.yml"],
}
RUNNERS = 20


def tables() -> Iterator[Table]:
    """All measurements."""
    tree = Path(os.environ.get("LOCALAI_TREE", ""))
    if os.environ.get("LOCALAI_TREE") and tree.is_dir():
        yield _lines(tree)
        yield _kinds(tree)
    yield _jobs()


def _count(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def _lines(tree: Path) -> Table:
    table = Table("LocalAI's repository", "lines removed", "lines added", title="The switch-over")
    removed = added = 0
    for name, paths in REPLACED.items():
        lines = sum(_count(tree / path) for path in paths)
        new = _count(EXAMPLE / "backend_merge.yml") if name.startswith("backend_merge") else 0
        removed, added = removed + lines, added + new
        table.add_row(name, str(lines), str(new) if new else "")
    callers = [path for path in sorted(EXAMPLE.glob("*.yml")) if path.name != "backend_merge.yml"]
    lines = sum(map(_count, callers))
    table.add_row(f"callers ({len(callers)} files)", "", str(lines))
    table.add_row("all", str(removed), str(added + lines))
    return table


def _kinds(tree: Path) -> Table:
    """YAML and shell of what runs containers, there and here; here are our scripts too."""
    table = Table("", "theirs", "ours", "ratio", title="Lines that run container builds")
    paths = [
        tree / path
        for paths in list(REPLACED.values())[:4]
        for path in paths
        if path.endswith(("yml", "yaml"))
    ]
    theirs = (
        sum(map(_count, paths)),
        sum(map(_shell, paths))
        + sum(_count(tree / path) for path in REPLACED["scripts that only they use"]),
    )
    own = [
        *(REPO / ".github/workflows").glob("*.yml"),
        *(REPO / ".github/actions").glob("*/action.yml"),
        *EXAMPLE.glob("*.yml"),
    ]
    elsewhere = {"ci.yml", "nightly.yml", "release.yml"}  # of this project, not of containers
    used = [path for path in own if path.name not in elsewhere]
    scripts = list((REPO / ".ci").glob("*.sh"))
    ours = sum(map(_count, used)), sum(map(_shell, used)) + sum(map(_count, scripts))
    for name, one, other in zip(("YAML", "shell"), theirs, ours, strict=True):
        table.add_row(name, str(one), str(other), f"{one / other:.1f}")
    return table


def _shell(path: Path) -> int:
    """Lines of scripts inside a workflow or action."""
    return sum(len(text.splitlines()) for text in _scripts(yaml.safe_load(path.read_text())))


def _scripts(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        if isinstance(data.get("run"), str):
            yield data["run"]
        for value in data.values():
            yield from _scripts(value)
    elif isinstance(data, list):
        for one in data:
            yield from _scripts(one)


def _jobs() -> Table:
    matrix, estimates = load_matrix(), load_estimates()
    table = Table("", "jobs", "done after", "runner time", title=f"A release, {RUNNERS} runners")
    for name, jobs, one_merge in _releases(matrix, estimates):
        run = simulate(jobs, RUNNERS, estimates, one_merge=one_merge)
        # Beside builds and merges: what decides, and of ours the gate.
        total = run.jobs + (3 if one_merge else 2)
        table.add_row(name, str(total), hours(run.makespan), hours(run.runner_minutes))
    return table


def _releases(matrix: Matrix, estimates: Estimates) -> Iterable[tuple[str, list[Job], bool]]:
    server = list(server_jobs(Tables().images[1], estimates))
    yield "LocalAI's", [*single(matrix.entries, estimates), *server], False
    yield "ours", [*best_packing(matrix.entries, estimates, RUNNERS), *server], True
