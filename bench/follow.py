"""Follow LocalAI's own edits of its matrix, commit by commit: does `matrix import` need a hand?

Every commit of ``LOCALAI_TREE`` since ``SINCE`` (2026-05-01) that touched the rows is replayed in
our files, each on top of the one before.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from time import perf_counter

import yaml
from rich.table import Table

from localai_ci.config.backends import Backends
from localai_ci.config.data import data_dir
from localai_ci.config.profiles import Profiles
from localai_ci.config.reader import load
from localai_ci.matrix import localai
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.expand import expand
from localai_ci.matrix.importing import work_out
from localai_ci.matrix.in_place import FILES
from localai_ci.matrix.loading import known_builds
from localai_ci.matrix.localai_forms import MATRIX_FILE, WORKFLOW


@dataclass(frozen=True)
class Step:
    """One commit, followed; ``strange`` are rows that our files say and theirs do not, or back."""

    commit: str
    subject: str
    lines: int
    comments_lost: int
    strange: int
    notes: tuple[str, ...]
    seconds: float


def tables() -> Iterator[Table]:
    """A line for each commit, and what it came to."""
    tree = os.environ.get("LOCALAI_TREE")
    if not tree:
        print("follow: set LOCALAI_TREE to a clone of LocalAI")
        return
    steps = list(follow(Path(tree), os.environ.get("SINCE", "2026-05-01")))
    table = Table("commit", "rows that differ", "lines", "s", "subject", box=None)
    for step in steps:
        told = "; ".join([step.subject[:50], *step.notes])
        table.add_row(step.commit, str(step.strange), str(step.lines), f"{step.seconds:.2f}", told)
    equal = sum(step.strange == 0 for step in steps)
    lost = sum(step.comments_lost for step in steps)
    table.caption = f"{equal} of {len(steps)} equal without a hand edit, {lost} comments lost"
    yield table


def git(clone: Path, *arguments: str) -> bytes:
    """What git prints."""
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def commits(clone: Path, since: str) -> list[str]:
    """Those that touched the rows, the oldest first."""
    options = ["--first-parent", "--reverse", "--format=%H", f"--since={since}"]
    return git(clone, "log", *options, "--", MATRIX_FILE, WORKFLOW).decode().split()


def rows_of(clone: Path, commit: str) -> tuple[str, bytes, list[str]]:
    """Where the rows of a commit stand, the file, and the rows as YAML alone reads them."""
    there = git(clone, "ls-tree", "--name-only", commit, "--", MATRIX_FILE).decode().strip()
    name = there or WORKFLOW
    data = git(clone, "show", f"{commit}:{name}")
    file = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if "jobs" in file:
        jobs = (file["jobs"][job] for job in ("backend-jobs", "backend-jobs-darwin"))
        rows = [row for job in jobs for row in job["strategy"]["matrix"]["include"]]
    else:
        rows = [*file["include"], *file["includeDarwin"]]
    return name, data, sorted(json.dumps(row, sort_keys=True) for row in rows)


def shown(texts: dict[str, str]) -> list[str]:
    """What ``matrix show --format localai`` prints of our two files, row by row."""
    profiles, _ = load(Path(FILES[0]), Profiles, texts[FILES[0]].encode())
    backends, document = load(Path(FILES[1]), Backends, texts[FILES[1]].encode())
    lists = localai.document(expand(profiles, backends, document))
    return sorted(json.dumps(row, sort_keys=True) for rows in lists.values() for row in rows)


def entries_of(name: str, data: bytes) -> tuple[Entry, ...]:
    """The rows of a file, as `matrix import` reads them."""
    return localai.read(Path(name), known_builds(), data)[0]


def follow(clone: Path, since: str) -> Iterator[Step]:
    """Import each commit on top of the one before; the first one may change much."""
    texts = {name: (data_dir() / name).read_text("utf-8") for name in FILES}
    kinds = [f"backend/{kind}/" for kind in ("cpp", "go", "python", "rust")]
    for commit in commits(clone, since):
        subject = git(clone, "show", "-s", "--format=%s", commit).decode().strip()
        listing = git(clone, "ls-tree", "-d", "--name-only", commit, *kinds).decode()
        name, data, rows = rows_of(clone, commit)
        entries = entries_of(name, data)
        start = perf_counter()
        found = work_out(
            entries, texts, set(listing.split()).__contains__, f"As in LocalAI: {subject}"
        )
        seconds = perf_counter() - start
        changed = list(_changed(texts, found.new))
        lost = sum(line.startswith("-") and line[1:].lstrip().startswith("#") for line in changed)
        texts = found.new
        strange = len(set(rows) ^ set(shown(texts))) + abs(len(rows) - len(shown(texts)))
        yield Step(commit[:9], subject, len(changed), lost, strange, found.notes, seconds)


def _changed(old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    for name in FILES:
        lines = unified_diff(old[name].splitlines(), new[name].splitlines(), lineterm="", n=0)
        yield from (x for x in lines if x[:1] in "+-" and x[:3] not in {"+++", "---"})
