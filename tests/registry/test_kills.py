"""A merge that is killed at any tag: a rerun completes it, a rollback undoes it, both wholly."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from registries.console import Console
from registries.http11 import Answer, Cut, Request
from registries.legs import SHA
from registries.oci import Registry, oci_registry
from registries.proxy import Fault, proxy
from registries.session import Servers

from localai_ci.release.result import WRITTEN, MergeResult

PROGRAM = str(Path(sys.executable).with_name("localai-ci"))
IMAGES = 6
NEXT = "d" * 40


def run(
    console: Console, command: str, *arguments: str, kill: Callable[[int], None] | None = None
) -> int:
    """The program in a process of its own."""
    where = ["--result", str(console.result), "--registries", str(console.file)]
    started = subprocess.Popen(
        [PROGRAM, command, *where, *arguments],
        env={**os.environ, "DOCKER_CONFIG": str(console.folder / "no-login")},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    if kill:
        kill(started.pid)
    started.communicate(timeout=60)
    return started.returncode


def merge(console: Console, sha: str, kill: Callable[[int], None] | None = None) -> int:
    event = ("--event", "push", "--ref", "refs/heads/master", "--sha", sha)
    return run(console, "merge", "--receipts", str(console.receipts), *event, kill=kill)


def state(registry: Registry, console: Console) -> Mapping[str, str]:
    """All tags of the images."""
    path = console.file.read_text().partition("backends: ")[2].partition("\n")[0].partition("/")[2]
    return dict(registry.repos[path].tags)


@pytest.mark.parametrize("after", ["rerun", "rollback", "rerun and rollback"])
@pytest.mark.parametrize("number", [1, 2, 7, IMAGES * 2])
def test_after_kill_9_at_any_tag_a_rerun_or_a_rollback_ends_in_one_of_two_states(
    console: Console, number: int, after: str
) -> None:
    """Images on master, merged again from the next commit, killed as it writes its n-th tag."""
    with oci_registry() as registry, proxy(registry.address) as front:
        target = console.set_up(replace_address(registry, front.address))
        for path in console.receipts.glob("*.json"):
            path.unlink()
        console.push(target, *(f"cpu-{n}/amd64" for n in range(IMAGES)))
        assert merge(console, SHA) == 0
        before = state(registry, console)
        console.push(target, *(f"cpu-{n}/amd64" for n in range(IMAGES)), revision=NEXT)

        def kill(pid: int) -> None:
            def now(_: Request) -> Answer:
                os.kill(pid, signal.SIGKILL)
                return Cut()

            front.fail(Fault("PUT", "/manifests/(?!sha256:)", 99, number - 1, before=now))

        assert merge(console, NEXT, kill) == -signal.SIGKILL
        front.faults.clear()
        left = state(registry, console)
        moved = {tag for tag in left if left[tag] != before.get(tag)}
        recorded = {
            tag.image.rpartition(":")[2]
            for row in MergeResult.read(console.result).images
            for tag in row.tags
            if tag.state in {"moving", "moved"}
        }
        assert moved <= recorded
        if after != "rollback":
            assert merge(console, NEXT) == 0
            done = state(registry, console)
            assert {done[f"master-cpu-{n}"] == done[f"sha-ddddddd-cpu-{n}"]
                    for n in range(IMAGES)} == {True}  # fmt: skip
            assert all(done[f"master-cpu-{n}"] != before[f"master-cpu-{n}"] for n in range(IMAGES))
        if after != "rerun":
            assert run(console, "rollback") == 0
            assert state(registry, console) == before


def replace_address(registry: Registry, address: str) -> Registry:
    """The same registry as it is reached through a proxy."""
    return replace(registry, address=address)


@pytest.mark.parametrize("when", ["before the first tag", "between two images"])
def test_a_place_that_takes_no_more_moves_no_tag_that_is_not_on_record(
    servers: Servers, console: Console, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    """The folder of the record goes away while the merge runs, as a full disk would."""
    with proxy(servers.own.address) as front:
        target = console.set_up(replace(servers.own, address=front.address))
        console.push(target, *(f"cpu-{n}/amd64" for n in range(4)))
        console.result = console.folder / "record" / "result.json"
        first = "sha256:" if when == "before the first tag" else "latest-"

        def gone(request: Request) -> Request:
            shutil.rmtree(console.result.parent, ignore_errors=True)
            console.result.parent.touch()  # not to be made again
            return request

        front.fail(Fault("PUT", f"/manifests/{first}", before=gone))
        assert console.merge("--format", "json") == 1
        told = capsys.readouterr()
        written = {path for method, path, status in front.log
                   if (method, status) == ("PUT", 201) and ":" not in path}  # fmt: skip
    result = MergeResult.model_validate_json(told.out)
    assert not result.ok
    assert "Traceback" not in told.err
    assert "record" in told.err
    moved = {tag.image.rpartition(":")[2] for row in result.images for tag in row.tags
             if tag.state in WRITTEN}  # fmt: skip
    assert {path.rpartition("/")[2] for path in written if "v4.2.2-" in path} <= moved
    if when == "before the first tag":
        assert not [path for path in written if "v4.2.2-" in path]
        assert all("no tag was moved" in row.error for row in result.images)
