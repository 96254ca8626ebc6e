"""merge, tags, gc and rollback as a user types them, with the password in Docker's own place."""

import json
import os
import sys
from pathlib import Path

import anyio
import pytest
import yaml
from lab.clients import signed_in
from lab.images import publish
from lab.legs import BOTH, SHA, Scene, place
from lab.rooms import CANARY, Lab

from localai_ci.registry import manifests
from localai_ci.registry.receipt import Receipt
from localai_ci.registry.transport import Transport

pytestmark = pytest.mark.anyio
RELEASE = ("--event", "push", "--ref", "refs/tags/v4.2.2", "--sha", SHA)
TAGS = ("v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test")


class Desk:
    """A folder with registries.yaml and Docker's configuration, and what stands in them."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self.folder = folder
        self.scene = scene
        self.receipts = folder / "receipts"
        self.result = folder / "result.json"
        one = {
            target.name: {
                "backends": str(target.repository),
                "images": str(target.repository),
                "cache": str(target.anchors),
                "anchors": "cache",
            }
            for target in scene.targets
        }
        self.registries = folder / "registries.yaml"
        rules = ["semver", "branch", "sha"]
        said = {"registries": one, "bases": str(scene.targets[0].anchors)}
        self.registries.write_text(yaml.safe_dump({**said, "tags": {"backends": rules}}))
        hosts = (target.repository.host for target in scene.targets)
        self.environ = os.environ | signed_in(folder, *hosts)

    def keep(self, *receipts: Receipt) -> None:
        for receipt in receipts:
            receipt.write(self.receipts)

    async def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        command = Path(sys.executable).with_name("localai-ci")
        files = ("--registries", str(self.registries))
        done = await anyio.run_process(
            [str(command), *arguments, *files], env=self.environ, check=False
        )
        out, error = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == code, out + error
        assert "Traceback" not in error
        assert CANARY not in out + error
        return out, error

    async def merge(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        return await self.run("merge", "--receipts", str(self.receipts), *arguments, code=code)


@pytest.fixture
def desk(lab: Lab, transport: Transport, tmp_path: Path) -> Desk:
    targets = (place("basic", lab.basic.address), place("own", lab.own.address))
    return Desk(tmp_path, Scene(transport, targets))


async def test_a_merge_shows_a_row_for_each_image_and_counts_its_work(desk: Desk) -> None:
    desk.keep(*await desk.scene.both(), await desk.scene.leg("cpu-other/amd64"))
    told, _ = await desk.merge(*RELEASE)
    rows = [line.split() for line in told.splitlines() if line.lstrip().startswith("-cpu")]
    assert [row[:2] for row in rows] == [["-cpu-other", "merged"], ["-cpu-test", "merged"]]
    assert "2 merged; " in told.splitlines()[-1]
    assert {None} not in [set(found.values()) for found in await desk.scene.tags(*TAGS)]
    again, _ = await desk.merge(*RELEASE, "--format", "json")
    assert json.loads(again)["writes"] == 0


async def test_a_dry_run_prints_the_exact_index_and_every_tag_and_writes_nothing(
    desk: Desk,
) -> None:
    desk.keep(*await desk.scene.both())
    told, _ = await desk.merge(*RELEASE, "--dry-run")
    assert await desk.scene.tags(*TAGS) == [dict.fromkeys(TAGS)] * 2
    assert "0 of them writes" in told
    await desk.merge(*RELEASE)
    for target in desk.scene.targets:
        image = target.repository.at("v4.2.2-cpu-test")
        written = await manifests.get(desk.scene.transport, image)
        assert f"  index {written.raw.decode()}\n" in told
        assert f"  tag   {image} (now nothing)" in told
        assert written.digest in told


async def test_one_refused_image_does_not_stop_the_others_and_the_exit_code_tells(
    desk: Desk,
) -> None:
    first, _ = await desk.scene.both()
    desk.keep(first, await desk.scene.leg("cpu-other/amd64"))
    out, error = await desk.merge(*RELEASE, code=1)
    assert "no receipt for cpu-test/arm64" in error
    assert "Build it, then merge again" in error
    assert "1 merged, 1 refused" in out
    assert "latest-cpu-other" in await manifests.list_tags(
        desk.scene.transport, desk.scene.targets[0].repository
    )


async def test_the_plan_says_what_must_be_there_and_darwin_is_no_leg(desk: Desk) -> None:
    desk.keep(await desk.scene.leg(BOTH[0]))
    entries = [{"id": entry, "os": "linux"} for entry in BOTH]
    entries.append({"id": "metal-test/darwin-arm64", "os": "darwin"})
    plan = desk.folder / "plan.json"
    plan.write_text(json.dumps({"entries": entries}))
    out, error = await desk.merge(*RELEASE, "--plan", str(plan), code=1)
    assert "no receipt for cpu-test/arm64" in error
    assert "metal" not in out + error
    plan.write_text("[]")
    assert "not a plan" in (await desk.merge(*RELEASE, "--plan", str(plan), code=1))[1]


async def test_a_rollback_puts_every_tag_back_and_leaves_what_moved_on(desk: Desk) -> None:
    scene = desk.scene
    desk.keep(*await scene.both())
    await desk.merge(*RELEASE)
    before = await scene.tags(*TAGS)
    desk.keep(*await scene.both("newer"))
    await desk.merge(*RELEASE, "--output", str(desk.result))
    after = await scene.tags(*TAGS)
    repository = scene.targets[0].repository
    other = await publish(scene.transport, repository, "latest-cpu-test", "somebody else")
    told, _ = await desk.run("rollback", str(desk.result), "--dry-run")
    assert "would go back" in told
    assert (await scene.tags(*TAGS))[1] == after[1]
    told, _ = await desk.run("rollback", str(desk.result))
    assert "somebody moved it" in told
    before[0] = {**before[0], "latest-cpu-test": other.digest}
    assert await scene.tags(*TAGS) == before


async def test_old_anchors_are_told_first_and_deleted_by_name_when_asked(desk: Desk) -> None:
    target = desk.scene.targets[1]
    old, new = "keepalive-20200101-1-cpu-test-amd64", "keepalive-29990101-1-cpu-test-amd64"
    image = await publish(desk.scene.transport, target.anchors, old, "kept")
    for tag in (new, "cache-cpu-test-amd64", "base-grpc-amd64"):
        await manifests.put(desk.scene.transport, target.anchors.at(tag), image)
    told, note = await desk.run("gc", "--older-than", "7")
    assert f"{target.anchors}:{old}" in told
    assert new not in told
    assert "--delete" in note
    assert old in await manifests.list_tags(desk.scene.transport, target.anchors)
    told, _ = await desk.run("gc", "--older-than", "7", "--delete", "--format", "json")
    assert [row["done"] for row in json.loads(told)] == ["deleted"]
    left = await manifests.list_tags(desk.scene.transport, target.anchors)
    assert sorted(left) == sorted([new, "cache-cpu-test-amd64", "base-grpc-amd64"])


async def test_gc_says_where_a_registry_cannot_delete_tags(desk: Desk) -> None:
    target = desk.scene.targets[0]
    old = "keepalive-20200101-1-cpu-test-amd64"
    await publish(desk.scene.transport, target.anchors, old, "kept")
    told, _ = await desk.run("gc", "--older-than", "7", "--delete", code=1)
    assert old in told
    assert "this registry deletes no tags by name" in told
    assert await manifests.find(desk.scene.transport, target.anchors.at(old))


async def test_tags_of_an_image_are_printed_one_a_line(desk: Desk) -> None:
    told, _ = await desk.run("tags", *RELEASE, "--suffix", "-cpu-test")
    assert tuple(told.split()) == TAGS
    told, _ = await desk.run("tags", *RELEASE, "--suffix", "-cpu-test", "--format", "json")
    assert json.loads(told)["latest"] == "latest-cpu-test"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("merge", "--receipts", "nowhere", *RELEASE), "no receipt (*.json) is here"),
        (("rollback", "nowhere.json"), "there is no such file"),
    ],
)
async def test_a_wrong_file_is_named(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    _, error = await desk.run(*arguments, code=1)
    assert words in error
