"""The merge against real registries: complete, the same everywhere, and nothing written twice."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from registries.debian import output
from registries.images import publish
from registries.legs import BOTH, BRANCH, RELEASE, Scene, place, planned
from registries.oci import oci_registry
from registries.session import CANARY, QUICK, Servers

from localai_ci.config.kind import ImageKind
from localai_ci.oci import blobs, manifests
from localai_ci.oci.transport import Transport
from localai_ci.release.result import Status, TagState

pytestmark = pytest.mark.anyio
NAMES = ("v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test")


@pytest.fixture
def scene(servers: Servers, transport: Transport) -> Scene:
    """The two Debian registries, anchors in a cache repository in the first, own in the second."""
    targets = (
        place("a", servers.basic.address),
        place("b", servers.token.address, own_anchors=True),
    )
    return Scene(transport, targets)


async def test_two_legs_become_one_index_under_all_tags_in_all_registries(scene: Scene) -> None:
    receipts = await scene.both()
    result = await scene.merge(receipts)
    assert [row.status for row in result.images] == [Status.merged]
    (image,) = planned(receipts)
    assert image.index
    for found in await scene.tags(*NAMES):
        assert set(found.values()) == {image.index.digest}
    index = json.loads(image.index.raw)
    assert [child["platform"]["architecture"] for child in index["manifests"]] == ["amd64", "arm64"]
    assert index["annotations"]["org.opencontainers.image.version"] == "v4.2.2"


async def test_legs_that_wait_in_the_cache_repository_are_brought_over(scene: Scene) -> None:
    receipts = await scene.both()
    row = (await scene.merge(receipts)).images[0]
    assert sorted(row.restored) == [f"{e} in a: manifest and blobs" for e in BOTH]


async def test_one_leg_becomes_an_index_too(scene: Scene) -> None:
    await scene.merge([await scene.leg("cpu-test/amd64")])
    for target in scene.targets:
        index = await manifests.get_existing(
            scene.transport, target.repository.at("latest-cpu-test")
        )
        assert len(json.loads(index.raw)["manifests"]) == 1


async def test_a_second_run_writes_nothing(scene: Scene) -> None:
    receipts = await scene.both()
    first = await scene.merge(receipts, keep_anchors=True)
    second = await scene.merge(list(reversed(receipts)), keep_anchors=True)
    assert second.images[0].status is Status.unchanged
    assert second.writes == first.writes > 0


async def test_a_dry_run_only_reads_and_shows_the_exact_index(
    scene: Scene, servers: Servers
) -> None:
    receipts = await scene.both()
    async with Transport(servers.keyring(), policy=QUICK, read_only=True) as reader:
        dry = await replace(scene, transport=reader).merge(receipts, dry_run=True)
    assert dry.writes == 0
    assert dry.images[0].status is Status.planned
    assert {tag.state for tag in dry.images[0].tags} == {TagState.planned}
    real = await scene.merge(receipts)
    written = await manifests.get_existing(
        scene.transport, scene.targets[0].repository.at(NAMES[0])
    )
    assert dry.images[0].index == written.raw.decode()
    assert [t.image for t in dry.images[0].tags] == [t.image for t in real.images[0].tags]


async def test_tags_are_written_most_specific_first_and_latest_last(scene: Scene) -> None:
    row = (await scene.merge(await scene.both())).images[0]
    order = [tag.image.rpartition(":")[2] for tag in row.tags]
    assert order == [n for n in (NAMES[1], NAMES[0], NAMES[2]) for _ in scene.targets]


async def test_a_collected_leg_is_brought_back_from_its_receipt(
    scene: Scene, servers: Servers
) -> None:
    """Quay's garbage collection, by Debian's own collector: manifests and blobs are gone."""
    receipts = await scene.both()
    await scene.merge(receipts, BRANCH, keep_anchors=True)
    before = await scene.tags("master-cpu-test")
    first = scene.targets[0].repository
    for digest in [receipt.digest for receipt in receipts]:
        answer = await scene.transport.send("DELETE", first, f"manifests/{digest}", push=True)
        assert answer.status == 202
    servers.basic.stop()
    servers.basic.collect_garbage()
    servers.basic.start()
    result = await scene.merge(receipts, BRANCH, keep_anchors=True)
    assert len(result.images[0].restored) == 2
    assert await scene.tags("master-cpu-test") == before


async def test_a_leg_is_copied_from_the_other_registry_when_its_own_anchor_is_gone(
    servers: Servers, transport: Transport
) -> None:
    scene = Scene(transport, (place("own", servers.own.address), place("b", servers.token.address)))
    receipts = await scene.both()
    for leg in receipts:
        await manifests.delete_tag(transport, leg.publications[0].reference)
    del servers.own.repos[scene.targets[0].anchors.path]
    result = await scene.merge(receipts)
    assert result.images[0].status is Status.merged
    assert await scene.tags(*NAMES) == [(await scene.tags(*NAMES))[1]] * 2


async def test_a_leg_that_is_nowhere_any_more_fails_its_image_alone(
    servers: Servers, transport: Transport
) -> None:
    scene = Scene(transport, (place("own", servers.own.address),))
    lost, fine = await scene.leg("cpu-lost/amd64"), await scene.leg("cpu-fine/amd64")
    servers.own.repos[scene.targets[0].anchors.path].blobs.discard(lost.layers[0].digest)
    result = await scene.merge([lost, fine])
    rows = {row.suffix: row for row in result.images}
    assert rows["-cpu-fine"].status is Status.merged
    error = rows["-cpu-lost"].error
    assert rows["-cpu-lost"].status is Status.failed
    for words in (lost.digest, servers.own.address, "2026-11-20", "backend --entry cpu-lost"):
        assert words in error
    assert await scene.tags("latest-cpu-lost") == [{"latest-cpu-lost": None}]


@pytest.mark.parametrize("promised", [None, BOTH])
async def test_an_image_without_a_promised_leg_is_refused(
    scene: Scene, promised: tuple[str, ...] | None
) -> None:
    receipts = await scene.both()
    result = await scene.merge(receipts[:1], promised=promised)
    assert result.images[0].status is Status.refused
    assert "no receipt for cpu-test/arm64" in result.images[0].error
    assert not result.ok
    assert await scene.tags(NAMES[0]) == [{NAMES[0]: None}] * 2


async def test_an_image_of_which_nothing_arrived_is_refused_by_the_plan(scene: Scene) -> None:
    leg = await scene.leg("cpu-test/amd64")
    result = await scene.merge([leg], promised=["cpu-test/amd64", "cpu-other/amd64"])
    assert {row.suffix: row.status for row in result.images} == {
        "-cpu-test": Status.merged,
        "-cpu-other": Status.refused,
    }


async def test_a_leg_that_nobody_promised_is_refused(scene: Scene) -> None:
    result = await scene.merge(await scene.both(), promised=["cpu-test/amd64"])
    assert "promised no cpu-test/arm64" in result.images[0].error


async def test_suffixes_that_start_alike_do_not_mix(scene: Scene) -> None:
    short, long = await scene.leg("cpu-mlx/amd64"), await scene.leg("cpu-mlx-audio/amd64")
    result = await scene.merge([short, long])
    assert [row.suffix for row in result.images] == ["-cpu-mlx", "-cpu-mlx-audio"]
    assert result.images[0].digest != result.images[1].digest


async def test_latest_never_goes_back_unless_forced(scene: Scene) -> None:
    new, old = await scene.leg("cpu-test/amd64", text="new"), await scene.leg(
        "cpu-test/amd64", text="old"
    )  # fmt: skip
    await scene.merge([new])
    before = await scene.tags("latest-cpu-test")
    older = replace(RELEASE, ref="refs/tags/v4.1.9")
    result = await scene.merge([old], older)
    assert result.images[0].status is Status.merged
    assert "stays at v4.2.2" in result.images[0].notes[0]
    assert await scene.tags("latest-cpu-test") == before
    assert None not in (await scene.tags("v4.1.9-cpu-test"))[0].values()
    await scene.merge([old], older, force_latest=True)
    assert await scene.tags("latest-cpu-test") != before


async def test_latest_of_an_image_that_says_no_version_is_known_by_its_neighbours(
    scene: Scene,
) -> None:
    """LocalAI's present images carry no version: the newest release's tag tells."""
    for target in scene.targets:
        legacy = await publish(scene.transport, target.repository, "v4.3.0-cpu-test", "legacy")
        await manifests.put(scene.transport, target.repository.at("latest-cpu-test"), legacy)
    result = await scene.merge([await scene.leg("cpu-test/amd64")])
    assert "stays at v4.3.0" in result.images[0].notes[0]


async def test_a_branch_touches_no_latest(scene: Scene) -> None:
    await scene.merge(await scene.both(), BRANCH)
    assert await scene.tags("latest-cpu-test") == [{"latest-cpu-test": None}] * 2


async def test_anchors_of_merged_legs_are_deleted_by_name_and_the_image_stays(
    servers: Servers, transport: Transport
) -> None:
    scene = Scene(transport, (place("own", servers.own.address, own_anchors=True),))
    result = await scene.merge(await scene.both())
    assert result.images[0].anchors_deleted == 2
    names = await manifests.list_tags(transport, scene.targets[0].repository)
    assert sorted(names) == sorted(NAMES)


async def test_a_registry_that_cannot_delete_tags_is_a_note_and_no_failure(scene: Scene) -> None:
    result = await scene.merge(await scene.both())
    assert result.ok
    assert "anchors stay: this registry deletes no tags by name" in result.images[0].notes[0]


async def test_a_registry_that_cannot_delete_tags_is_not_asked_for_every_leg(
    servers: Servers, transport: Transport
) -> None:
    scene = Scene(transport, (place("a", servers.basic.address),))
    receipts = [await scene.leg(f"cpu-{number}/amd64") for number in range(4)]
    assert (await scene.merge(receipts, at_once=1)).ok
    assert transport.requests["DELETE"] == 1


async def test_a_plan_of_backends_promises_nothing_of_the_server_image(scene: Scene) -> None:
    backend = await scene.leg("cpu-test/amd64")
    server = await scene.leg("core/amd64", kind=ImageKind.images)
    result = await scene.merge([backend, server], promised=["cpu-test/amd64"])
    assert {row.kind: row.status for row in result.images} == {
        ImageKind.backends: Status.merged,
        ImageKind.images: Status.refused,
    }
    assert "promised no core/amd64" in result.images[1].error
    assert await scene.tags("latest", "v4.2.2") == [{"latest": None, "v4.2.2": None}] * 2


async def test_an_immutable_tag_with_the_same_digest_is_success_with_another_a_refusal(
    transport: Transport,
) -> None:
    with oci_registry(immutable=True) as registry:
        scene = Scene(transport, (place("own", registry.address),))
        one = await scene.leg("cpu-test/amd64", text="one")
        assert (await scene.merge([one])).ok
        assert (await scene.merge([one])).images[0].status is Status.unchanged
        before = await scene.tags(*NAMES)
        other = replace(scene, targets=scene.targets)
        two = await other.leg("cpu-test/amd64", text="two")
        result = await scene.merge([two])
        assert "TAG_IMMUTABLE" in result.images[0].error
        assert await scene.tags(*NAMES) == before


async def test_what_we_wrote_is_read_by_skopeo(
    scene: Scene, servers: Servers, tmp_path: Path
) -> None:
    result = await scene.merge(await scene.both())
    access = ("--tls-verify=false", "--authfile", str(servers.authfile(tmp_path)))
    for target in scene.targets:
        image = f"docker://{target.repository}:latest-cpu-test"
        assert output("skopeo", "inspect", "--raw", *access, image) == result.images[0].index
        for arch in ("amd64", "arm64"):
            told = output("skopeo", "inspect", "--override-arch", arch, *access, image)
            assert json.loads(told)["Architecture"] == arch


async def test_the_password_is_in_nothing_that_is_told_or_stored(
    scene: Scene, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    receipts = await scene.both()
    result = await scene.merge(receipts)
    failed = await scene.merge([r.model_copy(update={"entry": "x/amd64"}) for r in receipts])
    told = [result.model_dump_json(), failed.model_dump_json(), caplog.text, repr(scene)]
    told += [receipt.model_dump_json() for receipt in receipts]
    assert not [text for text in told if CANARY in text]
    for process in (servers.basic, servers.token):
        for path in process.folder.rglob("*"):
            assert not (path.is_file() and CANARY.encode() in path.read_bytes())


async def test_a_blob_is_never_uploaded_where_it_can_be_mounted(
    servers: Servers, transport: Transport
) -> None:
    scene = Scene(transport, (place("own", servers.own.address),))
    receipts = await scene.both()
    before = transport.requests["PATCH"]
    writes = len(servers.own.uploads)
    await scene.merge(receipts)
    assert (transport.requests["PATCH"], len(servers.own.uploads)) == (before, writes)
    assert await blobs.exists(transport, scene.targets[0].repository, receipts[0].layers[0].digest)
