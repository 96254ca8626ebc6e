"""A backend: cold and warm compiler cache, pulled and built base, its slice, its smoke test.

Real input comes by environment, a checkout and the third-party sources that it pins:

    LOCALAI_TREE=… LLAMA_TREE=… python -m bench backend

Without them the miniature of tests/fixtures is measured, which says little about a real one.
Each run has an engine that has seen nothing; only the registry stays.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagger_engine import REPO, Engine, fresh_engine
from rich.table import Table

from localai_ci.backends.dockerignore import IGNORE
from localai_ci.backends.slices import choose
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.rules import load_inputs
from localai_ci.matrix.tree import Tree

FIXTURES = REPO / "tests/fixtures"
TREE = Path(os.environ.get("LOCALAI_TREE", FIXTURES / "localai"))
THIRD_PARTY = Path(os.environ.get("LLAMA_TREE", FIXTURES / "llama.cpp"))
ENTRY = os.environ.get("LOCALAI_ENTRY", "cpu-llama-cpp/amd64")
TARGETS = os.environ.get("LOCALAI_TARGETS", "fallback")
VARIANT = "debian-amd64"
PORT = 5007
NICE = ("nice", "-n", "15")


@dataclass(frozen=True)
class Run:
    """One build on an engine that had seen nothing."""

    call: float
    compile: float
    hits: int
    objects: int


def tables() -> Iterator[Table]:
    """All measurements."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("LOCALAI_BENCH")) as base:
        folder = Path(base)
        cold = _build(folder, "fromsource", "--ccache-save", publish=True)
        warm = _build(folder, "fromsource")
        pulled = _build(folder, "prebuilt")
        yield _times(cold, warm, pulled)
        yield _others(_smoke(folder))


def _times(cold: Run, warm: Run, pulled: Run) -> Table:
    title = f"{ENTRY}, {TARGETS}, on {VARIANT}; each on a fresh engine"
    table = Table("build", "call s", "compile s", "found", "compile, cold : this", title=title)
    for name, run in (
        ("base built in place, cold cache", cold),
        ("base built in place, warm cache", warm),
        ("base pulled, warm cache", pulled),
    ):
        ratio = cold.compile / run.compile
        found = f"{run.hits} of {run.objects}"
        table.add_row(name, f"{run.call:.1f}", f"{run.compile:.1f}", found, f"{ratio:.0f}")
    table.caption = f"call, base built in place : pulled, {warm.call / pulled.call:.1f}"
    return table


def _others(smoked: float) -> Table:
    slice_, whole = _bytes()
    table = Table("what", "value", "ratio", "to")
    table.add_row("slice", f"{slice_ / 1e6:.2f} MB", f"{whole / slice_:.0f}", "the tree : this")
    table.add_row("the tree", f"{whole / 1e6:.2f} MB", "1", "itself")
    table.add_row("start to Health's answer", f"{smoked:.1f} s", "", "")
    return table


def _bytes() -> tuple[int, int]:
    """Of the entry's slice, and of all files of the tree."""
    tree = Tree(TREE)
    entry = load_matrix().by_id()[ENTRY]
    chosen = choose(entry, tree.paths, load_inputs(), tree.read(IGNORE))
    sizes = {path: (TREE / path).lstat().st_size for path in tree.paths}
    return sum(sizes[path] for path in chosen), sum(sizes.values())


def _arguments(engine: Engine) -> tuple[str, ...]:
    registry = f"{engine.address}:{PORT}"
    return (
        f"--source={TREE}", f"--third-party={THIRD_PARTY}", f"--entry={ENTRY}",
        f"--variant={VARIANT}", f"--targets={TARGETS}", f"--bases={registry}/bases",
        f"--ccache={registry}/ccache",
    )  # fmt: skip


def _build(folder: Path, builder: str, *flags: str, publish: bool = False) -> Run:
    with _fresh(folder) as engine:
        began = time.monotonic()
        done = engine.call(
            "backend", "image", *_arguments(engine), f"--builder={builder}", *flags, "sync",
            seconds=7200,
        )  # fmt: skip
        call = time.monotonic() - began
        assert done.returncode == 0, done.stderr[-5000:]
        if publish:
            image = f"{engine.address}:{PORT}/bases:base-grpc-{VARIANT}"
            engine.ok("build-base", f"--variant={VARIANT}", "publish", f"--address={image}")
    log = re.sub(r"\x1b\[[\d;]*m", "", done.stderr)
    found = re.search(r"ccache: (\d+) of (\d+) objects", log)
    took = re.search(rf"{ENTRY}: compile DONE \[(?:(\d+)m)?([\d.]+)s\]", log)
    assert found, log[-3000:]
    assert took, log[-3000:]
    seconds = 60 * int(took[1] or 0) + float(took[2])
    return Run(call, seconds, int(found[1]), int(found[2]))


def _smoke(folder: Path) -> float:
    with _fresh(folder) as engine:
        out = engine.ok("backend", "smoke", *_arguments(engine), "--as-json")
    return float(json.loads(out)["seconds"])


@contextmanager
def _fresh(folder: Path) -> Iterator[Engine]:
    """An engine without any state, niced, and the registry, whose data stay in ``folder``."""
    with fresh_engine(folder / "cache", before=NICE) as engine:
        engine.ok("variants")  # loading the module is not what is measured
        with engine.registry(folder, PORT):
            yield engine
