"""The merge of a whole run: ours in one process, against a loop over crane or regctl.

As many images and legs as LocalAI has (386 and 457), two registries on loopback, the legs pushed
before. The loops do what the workflow does for each image: make the index and give it its tags.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import yaml
from rich.table import Table

from localai_ci.oci import manifests
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.manifests import OCI_INDEX, Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.release.index import VERSION
from localai_ci.release.receipt import Receipt

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from registries import debian
from registries.legs import SHA, Scene, place
from registries.many_images import entries, push
from registries.tools import built

IMAGES, TWO_LEGS = 386, 71
LOCALAI_CI = str(Path(sys.executable).with_name("localai-ci"))


@dataclass
class Measured:
    """One contender's figures: processor time is of all its processes, memory of the largest."""

    name: str
    seconds: float
    cpu: float
    processes: int
    megabytes: float
    requests: int
    writes: int


class World:
    """Two registries that count, with every leg in them.

    Args:
        folder: Empty.
        stack: Ends them.
        images: How many.
        pairs: How many of these have two legs.
        front: What stands before each registry, by its address; nothing reaches it directly.
    """

    def __init__(
        self,
        folder: Path,
        stack: ExitStack,
        images: int = IMAGES,
        pairs: int = TWO_LEGS,
        front: Callable[[str], AbstractContextManager[str]] = nullcontext,
    ) -> None:
        """Start them and push all legs."""
        self.folder = folder
        start = debian.registry
        self.registries = [
            stack.enter_context(start(folder / name, log_requests=True)) for name in "ab"
        ]
        self.addresses = [stack.enter_context(front(r.address)) for r in self.registries]
        targets = [
            place(r.folder.name, address, own_anchors=True)
            for r, address in zip(self.registries, self.addresses, strict=True)
        ]
        self.repositories = [str(target.repository) for target in targets]

        async def all_legs() -> list[Receipt]:
            async with Transport() as transport:
                return await push(Scene(transport, tuple(targets)), entries(images, pairs))

        self.images: dict[str, list[Receipt]] = {}
        for receipt in anyio.run(all_legs):
            receipt.write(folder / "receipts")
            self.images.setdefault(receipt.suffix, []).append(receipt)
        places = {
            r.folder.name: t.repository for r, t in zip(self.registries, targets, strict=True)
        }
        listed = {name: {"backends": str(at), "images": str(at)} for name, at in places.items()}
        said = {"registries": listed, "bases": self.repositories[0]}
        rules = {"tags": {"backends": ["semver", "branch", "sha"]}}
        (folder / "registries.yaml").write_text(yaml.safe_dump(said | rules))

    def counts(self) -> tuple[int, int]:
        """Requests so far, and those of them that write."""
        lines = "".join((r.folder / "log").read_text() for r in self.registries)
        methods = re.findall(r'"(GET|HEAD|PUT|POST|PATCH|DELETE) /v2/[^"]* HTTP', lines)
        return len(methods), sum(method not in {"GET", "HEAD"} for method in methods)

    def measure(self, name: str, commands: Iterator[Sequence[str]]) -> Measured:
        """Run commands one after the other."""
        requests, writes = self.counts()
        processes, memory, cpu, began = 0, 0, 0.0, time.monotonic()
        for command in commands:
            running = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self._environ()
            )
            _, status, usage = os.wait4(running.pid, 0)
            if status:
                told = running.stderr.read().decode() if running.stderr else ""
                raise SystemExit(f"{' '.join(command)[:200]} failed: {told[-1000:]}")
            processes, memory = processes + 1, max(memory, usage.ru_maxrss)
            cpu += usage.ru_utime + usage.ru_stime
            if running.stderr:
                running.stderr.close()
            running.returncode = 0
        seconds = time.monotonic() - began
        after, written = self.counts()
        return Measured(
            name, seconds, cpu, processes, memory / 1024, after - requests, written - writes
        )

    def _environ(self) -> dict[str, str]:
        # Python keeps the bytecode of what it loads, as wherever the program is installed.
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, "DOCKER_CONFIG": str(self.folder), "HOME": str(self.folder)}

    def ours(self, version: str) -> Iterator[Sequence[str]]:
        """One process."""
        yield [
            LOCALAI_CI, "merge", "--receipts", str(self.folder / "receipts"),
            "--registries", str(self.folder / "registries.yaml"), "--keep-anchors",
            "--result", str(self.folder / "result.json"),
            "--event", "push", "--ref", f"refs/tags/{version}", "--sha", SHA,
        ]  # fmt: skip

    def release(self, version: str, sha: str) -> None:
        """An earlier release of all images, which is not measured."""
        data = json.dumps(
            {
                "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [],
                "annotations": {VERSION: version},
            }
        )  # fmt: skip
        index = Manifest(data.encode(), OCI_INDEX)

        async def put() -> None:
            async with Transport() as transport:
                for repository in self.repositories:
                    place = Repository.parse(repository)
                    await run_all(
                        partial(manifests.put, transport, place.at(tag), index)
                        for suffix in self.images
                        for tag in _tags(version, suffix, sha)
                    )

        anyio.run(put)

    def crane(self, version: str) -> Iterator[Sequence[str]]:
        """An index under one tag, then the two others."""
        crane = str(built("crane"))
        for suffix, legs in self.images.items():
            for repository in self.repositories:
                first, *others = _tags(version, suffix, "c" * 40)
                children = [a for leg in legs for a in ("-m", f"{repository}@{leg.digest}")]
                yield [crane, "index", "append", *children, "-t", f"{repository}:{first}"]
                for tag in others:
                    yield [crane, "tag", f"{repository}:{first}", tag]

    def regctl(self, version: str) -> Iterator[Sequence[str]]:
        """The same with regctl, whose copy within a repository is a tag."""
        regctl = str(built("regctl"))
        plain = [x for a in self.addresses for x in ("--host", f"reg={a},tls=disabled")]
        for suffix, legs in self.images.items():
            for repository in self.repositories:
                first, *others = _tags(version, suffix, "e" * 40)
                image = f"{repository}:{first}"
                children = [a for leg in legs for a in ("--digest", leg.digest)]
                yield [regctl, *plain, "index", "create", image, *children]
                for tag in others:
                    yield [regctl, *plain, "image", "copy", image, f"{repository}:{tag}"]


def tables() -> Iterator[Table]:
    """Each contender releases a version of its own, so that everybody has all tags to write.

    The one before ours is the release before: every image has a `latest` then, as in the field.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(Path(folder), stack)
        loops = {"crane": world.crane, "regctl": world.regctl}
        found = [
            world.measure(f"a loop over {name}", loop(f"v4.2.{number}"))
            for number, (name, loop) in enumerate(loops.items())
        ]
        world.release("v4.2.1", "f" * 40)
        ours = world.measure("localai-ci merge", world.ours("v4.2.2"))
        found += [ours, world.measure("the same again", world.ours("v4.2.2"))]
    legs = IMAGES + TWO_LEGS
    yield table_of(
        f"Merge of {IMAGES} images, {legs} legs, two registries on loopback", found, ours
    )


def table_of(title: str, found: Sequence[Measured], ours: Measured) -> Table:
    """A row for each contender."""
    table = Table(
        "what", "seconds", "ratio to ours", "CPU s", "ratio to ours", "processes", "MB",
        "requests", "writes",
        title=title,
    )  # fmt: skip
    for one in found:
        table.add_row(
            one.name, f"{one.seconds:.1f}", f"{one.seconds / ours.seconds:.2f}",
            f"{one.cpu:.1f}", f"{one.cpu / ours.cpu:.2f}",
            str(one.processes), f"{one.megabytes:.0f}", str(one.requests), str(one.writes),
        )  # fmt: skip
    return table


def _tags(version: str, suffix: str, sha: str) -> list[str]:
    return [f"{version}{suffix}", f"sha-{sha[:7]}{suffix}", f"latest{suffix}"]
