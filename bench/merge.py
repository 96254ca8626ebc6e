"""LocalAI's 386 images with 457 legs into two registries: one process against one each."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
from rich.table import Table

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from lab import crowd, debian
from lab.legs import Scene, place, planned
from lab.proxy import Proxy, proxy

from localai_ci.registry.backoff import Policy
from localai_ci.registry.receipt import Receipt
from localai_ci.registry.transport import Transport

IMAGES, PAIRS = 386, 71
SAMPLE = 40  # images whose requests the other client is counted for, through a proxy
TOOLS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "localai-ci/tools"


def tables() -> Iterator[Table]:
    """Wall time, requests and memory, for both ways, fresh and again with nothing changed."""
    table = Table(title=f"merge {IMAGES} images, {IMAGES + PAIRS} legs, two loopback registries")
    for column in ("what", "wall s", "requests", "writes", "peak MiB"):
        table.add_column(column, justify="left" if column == "what" else "right")
    with _registries() as addresses:
        for row in anyio.run(_measure, addresses):
            table.add_row(*row)
    yield table


@contextmanager
def _registries() -> Iterator[tuple[str, str]]:
    with (
        tempfile.TemporaryDirectory(prefix="localai-ci-bench-") as folder,
        debian.registry(Path(folder) / "a") as one,
        debian.registry(Path(folder) / "b") as two,
    ):
        yield one.address, two.address


async def _measure(addresses: tuple[str, str]) -> list[list[str]]:
    rows = []
    named = zip("ab", addresses, strict=True)
    targets = tuple(place(name, address, own_anchors=True) for name, address in named)
    async with Transport(policy=Policy()) as transport:
        receipts = await crowd.push(Scene(transport, targets), crowd.entries(IMAGES, PAIRS))
    for what in ("one process, ours", "the same again"):
        async with Transport() as transport:
            started = time.monotonic()
            result = await Scene(transport, targets).merge(receipts, keep_anchors=True)
            wall = time.monotonic() - started
            assert result.ok, [row.error for row in result.bad][:1]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            count = sum(transport.requests.values())
            rows.append([what, f"{wall:.1f}", str(count), str(transport.writes), str(peak)])
    tool = shutil.which("regctl", path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if tool is None:
        return [*rows, ["regctl is not installed", "", "", "", ""]]
    others = [target.repository for target in targets]
    for what in ("one regctl an image and tag", "the same again"):
        started = time.monotonic()
        peak = 0
        for image in planned(receipts):
            for repository in others:
                peak = max(peak, _regctl(tool, str(repository), image.receipts, image.tags.names))
        wall = time.monotonic() - started
        with proxy(addresses[0]) as front:
            requests, writes = _counted(tool, front, others[0].path, receipts)
        rows.append([what, f"{wall:.1f}", f"~{requests}", f"~{writes}", str(peak)])
    return rows


def _regctl(tool: str, repository: str, legs: Sequence[Receipt], tags: Sequence[str]) -> int:
    """As the workflow does it: one index, then its further tags; the peak memory in MiB."""
    plain = ["--host", f"reg={repository.partition('/')[0]},tls=disabled"]
    references = [part for leg in legs for part in ("--ref", f"{repository}@{leg.digest}")]
    first, *rest = tags
    commands = [[tool, *plain, "index", "create", f"{repository}:{first}", *references]]
    commands += [
        [tool, *plain, "image", "copy", f"{repository}:{first}", f"{repository}:{tag}"]
        for tag in rest
    ]
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def _counted(tool: str, front: Proxy, path: str, receipts: Sequence[Receipt]) -> tuple[int, int]:
    """Requests and writes for all images and both registries, scaled from a sample."""
    images = planned(receipts)[:: IMAGES // SAMPLE]
    for image in images:
        _regctl(tool, f"{front.address}/{path}", image.receipts, image.tags.names)
    scale = 2 * IMAGES / len(images)
    return round(len(front.log) * scale), round(len(front.writes) * scale)
