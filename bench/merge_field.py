"""The merge where registries are far away, where they throttle, and with ten times the images."""

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rich.table import Table

from bench.merge import IMAGES, TWO_LEGS, Measured, World, table_of

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from registries.far import far
from registries.http11 import Answer, Request, Response
from registries.proxy import Fault, proxy

LATENCY = 0.02  # s there and back
RATE, BURST = 100.0, 20.0  # writes a second
MANY = 4_000
SLICE = 20  # images of crane's loop, which is scaled up


def tables() -> Iterator[Table]:
    """One after the other; the last one alone takes a quarter of an hour."""
    yield _measured(
        f"the same, {LATENCY * 1000:.0f} ms away", partial(far, seconds=LATENCY), crane=True
    )
    yield _measured(f"the same, {RATE:.0f} writes a second allowed, then 429", _throttling)
    yield _measured(f"{MANY} images of one leg", images=MANY, pairs=0)


def _measured(
    title: str, front: Callable[..., object] | None = None, images: int = IMAGES,
    pairs: int = TWO_LEGS, *, crane: bool = False,
) -> Table:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        how = {"front": front} if front else {}
        world = World(Path(folder), stack, images, pairs, **how)  # type: ignore[arg-type]
        world.release("v4.2.1", "f" * 40)
        ours = world.measure("localai-ci merge", world.ours("v4.2.2"))
        found = [ours, world.measure("the same again", world.ours("v4.2.2"))]
        if crane:
            few = world.measure(
                f"a loop over crane, from {SLICE} images",
                itertools.islice(world.crane("v4.2.3"), SLICE * 2 * 3),
            )
            found.insert(0, _scaled(few, images / SLICE))
    return table_of(title, found, ours)


def _scaled(one: Measured, by: float) -> Measured:
    return Measured(
        one.name, one.seconds * by, one.cpu * by, round(one.processes * by), one.megabytes,
        round(one.requests * by), round(one.writes * by),
    )  # fmt: skip


@contextmanager
def _throttling(upstream: str) -> Iterator[str]:
    """A registry that takes so many manifests a second, and says 429 to more, with no header."""
    tokens, at = BURST, time.monotonic()

    def limit(request: Request) -> Request | Answer:
        nonlocal tokens, at
        now = time.monotonic()
        tokens, at = min(BURST, tokens + (now - at) * RATE), now
        if tokens < 1:
            return Response(429)
        tokens -= 1
        return request

    with proxy(upstream) as made:
        made.fail(Fault("PUT", "/manifests/", times=10**9, before=limit))
        yield made.address
