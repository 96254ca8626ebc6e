"""The builder bases: how often gRPC is compiled for all of them, and what a warm build costs."""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from localai_ci.bases import recipe as base
from localai_ci.bases.mirrors import Mirrors
from localai_ci.config.variants import load_variants

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from dagger_engine import Engine, executed

WARM = ("build-base", "--variant", "debian-amd64", "sync")
REPEATS = 3


def tables() -> Iterator[Table]:
    """Both measurements; the second needs the engine."""
    yield _compiles()
    yield _warm()


def _compiles() -> Table:
    names = [v.name for v in load_variants().variants if v.tools == "upstream"]
    recipes = [base.recipe(name, Mirrors()) for name in names]
    keys = {(r.release.image, r.variant.arch, base.grpc_steps(r)) for r in recipes}
    table = Table("bases", "compiles of gRPC", "ratio", title="gRPC for all of LocalAI's bases")
    table.add_row("one each, as LocalAI", str(len(names)), "1.00")
    table.add_row("one a release and architecture", str(len(keys)), f"{len(keys) / len(names):.2f}")
    return table


def _warm() -> Table:
    engine = Engine(os.environ)
    engine.ok(*WARM)
    seconds, steps = [], 0
    for _ in range(REPEATS):
        began = time.monotonic()
        steps += len(executed(engine.call(*WARM)))
        seconds.append(time.monotonic() - began)
    table = Table("what", "value", title="build-base --variant debian-amd64, unchanged")
    table.add_row("seconds, median", f"{statistics.median(seconds):.2f}")
    table.add_row("executed steps", str(steps))
    return table
