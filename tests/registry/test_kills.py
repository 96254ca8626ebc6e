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
from lab.http11 import Answer, Cut, Request
from lab.legs import SHA
from lab.oci import Registry, oci_registry
from lab.proxy import Fault, proxy
from lab.rooms import Lab
from lab.shop import Shop

from localai_ci.release.result import WRITTEN, MergeResult

PROGRAM = str(Path(sys.executable).with_name("localai-ci"))
IMAGES = 6
NEXT = "d" * 40


def run(
    shop: Shop, command: str, *arguments: str, kill: Callable[[int], None] | None = None
) -> int:
    """The program in a process of its own."""
    where = ["--result", str(shop.result), "--registries", str(shop.file)]
    started = subprocess.Popen(
        [PROGRAM, command, *where, *arguments],
        env={**os.environ, "DOCKER_CONFIG": str(shop.folder / "no-login")},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    if kill:
        kill(started.pid)
    started.communicate(timeout=60)
    return started.returncode


def merge(shop: Shop, sha: str, kill: Callable[[int], None] | None = None) -> int:
    event = ("--event", "push", "--ref", "refs/heads/master", "--sha", sha)
    return run(shop, "merge", "--receipts", str(shop.receipts), *event, kill=kill)


def state(registry: Registry, shop: Shop) -> Mapping[str, str]:
    """All tags of the images."""
    path = shop.file.read_text().partition("backends: ")[2].partition("\n")[0].partition("/")[2]
    return dict(registry.repos[path].tags)


@pytest.mark.parametrize("after", ["rerun", "rollback", "rerun and rollback"])
@pytest.mark.parametrize("number", [1, 2, 7, IMAGES * 2])
def test_after_kill_9_at_any_tag_a_rerun_or_a_rollback_ends_in_one_of_two_states(
    shop: Shop, number: int, after: str
) -> None:
    """Images on master, merged again from the next commit, killed as it writes its n-th tag."""
    with oci_registry() as registry, proxy(registry.address) as front:
        target = shop.stock(replace_address(registry, front.address))
        for path in shop.receipts.glob("*.json"):
            path.unlink()
        shop.push(target, *(f"cpu-{n}/amd64" for n in range(IMAGES)))
        assert merge(shop, SHA) == 0
        before = state(registry, shop)
        shop.push(target, *(f"cpu-{n}/amd64" for n in range(IMAGES)), revision=NEXT)

        def kill(pid: int) -> None:
            def now(_: Request) -> Answer:
                os.kill(pid, signal.SIGKILL)
                return Cut()

            front.fail(Fault("PUT", "/manifests/(?!sha256:)", 99, number - 1, before=now))

        assert merge(shop, NEXT, kill) == -signal.SIGKILL
        front.faults.clear()
        left = state(registry, shop)
        moved = {tag for tag in left if left[tag] != before.get(tag)}
        recorded = {
            tag.image.rpartition(":")[2]
            for row in MergeResult.read(shop.result).images
            for tag in row.tags
            if tag.state in {"moving", "moved"}
        }
        assert moved <= recorded
        if after != "rollback":
            assert merge(shop, NEXT) == 0
            done = state(registry, shop)
            assert {done[f"master-cpu-{n}"] == done[f"sha-ddddddd-cpu-{n}"]
                    for n in range(IMAGES)} == {True}  # fmt: skip
            assert all(done[f"master-cpu-{n}"] != before[f"master-cpu-{n}"] for n in range(IMAGES))
        if after != "rerun":
            assert run(shop, "rollback") == 0
            assert state(registry, shop) == before


def replace_address(registry: Registry, address: str) -> Registry:
    """The same registry as it is reached through a proxy."""
    return replace(registry, address=address)


@pytest.mark.parametrize("when", ["before the first tag", "between two images"])
def test_a_place_that_takes_no_more_moves_no_tag_that_is_not_on_record(
    lab: Lab, shop: Shop, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    """The folder of the record goes away while the merge runs, as a full disk would."""
    with proxy(lab.own.address) as front:
        target = shop.stock(replace(lab.own, address=front.address))
        shop.push(target, *(f"cpu-{n}/amd64" for n in range(4)))
        shop.result = shop.folder / "record" / "result.json"
        first = "sha256:" if when == "before the first tag" else "latest-"

        def gone(request: Request) -> Request:
            shutil.rmtree(shop.result.parent, ignore_errors=True)
            shop.result.parent.touch()  # not to be made again
            return request

        front.fail(Fault("PUT", f"/manifests/{first}", before=gone))
        assert shop.merge("--format", "json") == 1
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
