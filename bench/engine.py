"""The native engine: set-up by step, what daggerw adds to a call, and loading the module."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from native.home import Home, home
from native.record import running
from rich.table import Table

REPO = Path(__file__).parents[1]
DAGGERW = str(REPO / "daggerw")
CALL = ("--silent", "call", "variants")
LOAD = ("--silent", "functions")
REPEATS = 7


def tables() -> Iterator[Table]:
    """All measurements; the engine is started if it does not run."""
    subprocess.run([DAGGERW, "engine", "start"], check=True, stdout=subprocess.DEVNULL)
    yield _set_up(home())
    yield _calls(home())


def _set_up(where: Home) -> Table:
    """Each step's time, as the set-up that made it wrote it down."""
    files = sorted(where.steps.glob("*/seconds"), key=lambda file: file.stat().st_mtime)
    seconds = [float(file.read_text()) for file in files]
    ends = [file.stat().st_mtime for file in files]
    wall = max(ends) - min(end - took for end, took in zip(ends, seconds, strict=True))
    table = Table("step", "seconds", "of the whole", "MB", title="Set-up, once a machine")
    for file, took in zip(files, seconds, strict=True):
        name = file.parent.name.rpartition("-")[0]
        table.add_row(name, f"{took:.1f}", f"{took / wall:.0%}", f"{_megabytes(file.parent):.0f}")
    table.add_row("whole, by the clock", f"{wall:.1f}", "100%", f"{_megabytes(where.steps):.0f}")
    return table


def _megabytes(folder: Path) -> float:
    used = subprocess.run(["du", "-sk", folder], capture_output=True, text=True, check=True)
    return int(used.stdout.split()[0]) / 1024


def _calls(where: Home) -> Table:
    """The same call by the bare CLI and by daggerw; the module cold and warm."""
    record = running(where)
    assert record is not None, "the native engine does not run"
    bare = os.environ | {"_EXPERIMENTAL_DAGGER_RUNNER_HOST": f"unix://{where.socket}"}
    native = os.environ | {"LOCALAI_CI_ENGINE": "native"}
    _once([DAGGERW, *CALL], native)
    cli, ours = _alternating(([record.cli, *CALL], bare), ([DAGGERW, *CALL], native))
    cold, warm = _module(where)
    table = Table("what", "seconds", "ratio", "to", title="Calls and loading, warm ones the median")
    table.add_row("call variants: bare CLI", f"{cli:.2f}", "1.00", "itself")
    table.add_row("call variants: daggerw", f"{ours:.2f}", f"{ours / cli:.2f}", "bare CLI")
    table.add_row("functions: cold engine", f"{cold:.2f}", f"{cold / warm:.0f}", "warm")
    table.add_row("functions: warm", f"{warm:.2f}", "1.00", "itself")
    return table


def _module(where: Home) -> tuple[float, float]:
    """Load the module on an engine that has never seen it, then again."""
    with tempfile.TemporaryDirectory() as base:
        fresh = Home(Path(base))
        fresh.folder.mkdir()
        subprocess.run(["cp", "-al", where.steps, fresh.steps], check=True)
        environ = os.environ | {"LOCALAI_CI_CACHE": base, "LOCALAI_CI_ENGINE": "native"}
        try:
            _once([DAGGERW, "engine", "start"], environ)
            cold = _once([DAGGERW, *LOAD], environ)
            warm = statistics.median(_once([DAGGERW, *LOAD], environ) for _ in range(REPEATS))
        finally:
            _once([DAGGERW, "engine", "stop"], environ)
    return cold, warm


def _alternating(*commands: tuple[Sequence[str], Mapping[str, str]]) -> list[float]:
    """The median of each command, in turns: a busy moment of the machine meets all of them."""
    rounds = [[_once(*command) for command in commands] for _ in range(REPEATS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def _once(command: Sequence[str], environ: Mapping[str, str]) -> float:
    began = time.monotonic()
    subprocess.run(command, env=environ, cwd=REPO, check=True, capture_output=True)
    return time.monotonic() - began
