"""What a merge promises: legs that can be pulled, `latest` that never goes back, few questions."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import anyio
import anyio.to_thread
import httpx
import pytest
from registries.http11 import Answer, Request, Response
from registries.images import publish
from registries.legs import BRANCH, RELEASE, Scene, place
from registries.oci import Registry, oci_registry
from registries.proxy import Fault, answering, proxy
from registries.session import QUICK, Servers

from localai_ci.errors import LocalaiCiError
from localai_ci.oci import blobs
from localai_ci.oci.transport import Transport
from localai_ci.release.receipt import Receipt
from localai_ci.release.result import ImageRow, Status, TagState
from localai_ci.release.rollback import rollback

pytestmark = pytest.mark.anyio
NAMES = ("v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test")
NEWER = replace(RELEASE, ref="refs/tags/v4.2.3")
OLDER = replace(RELEASE, ref="refs/tags/v4.2.1")


@contextmanager
def pair(servers: Servers, transport: Transport) -> Iterator[tuple[Scene, Registry]]:
    """One that takes manifests whatever they name, as crane's does, and a sound one."""
    with oci_registry(checks=False) as careless:
        targets = (
            place("careless", careless.address, own_anchors=True),
            place("sound", servers.own.address, own_anchors=True),
        )
        yield Scene(transport, targets), careless


def config_and_layer(leg: Receipt) -> set[str]:
    return {leg.config.digest, *(layer.digest for layer in leg.layers)}


def layer_alone(leg: Receipt) -> set[str]:
    return {layer.digest for layer in leg.layers}


def config_alone(leg: Receipt) -> set[str]:
    return {leg.config.digest}


@pytest.mark.parametrize("lost", [config_and_layer, layer_alone, config_alone])
@pytest.mark.parametrize("merged_before", [True, False])
async def test_a_leg_that_is_brought_back_has_every_blob_though_the_registry_asks_for_none(
    servers: Servers, transport: Transport, lost: Callable[[Receipt], set[str]], merged_before: bool
) -> None:
    with pair(servers, transport) as (scene, careless):
        receipts = await scene.both()
        if merged_before:
            await scene.merge(receipts)
        repo = careless.repos[scene.targets[0].repository.path]
        for leg in receipts:
            del repo.manifests[leg.digest]
            repo.tags = {tag: to for tag, to in repo.tags.items() if to != leg.digest}
            repo.blobs -= lost(leg)
            for digest in lost(leg):
                careless.store.pop(digest, None)
        row = (await scene.merge(receipts)).images[0]
        assert row.status is Status.merged
        assert len(row.restored) == 2
        for leg in receipts:
            for blob in (leg.config, *leg.layers):
                pieces = blobs.pull(transport, scene.targets[0].repository, blob)
                assert len(b"".join([piece async for piece in pieces])) == blob.size


async def test_a_leg_whose_blob_is_nowhere_is_not_called_healed(
    servers: Servers, transport: Transport
) -> None:
    with pair(servers, transport) as (scene, careless):
        (leg,) = [await scene.leg("cpu-test/amd64")]
        for registry, target in ((careless, scene.targets[0]), (servers.own, scene.targets[1])):
            repo = registry.repos[target.repository.path]
            repo.blobs.discard(leg.layers[0].digest)
        del careless.repos[scene.targets[0].repository.path].manifests[leg.digest]
        row = (await scene.merge([leg])).images[0]
        assert row.status is Status.failed
        assert "cannot be brought back" in row.error
        assert "backend --entry cpu-test/amd64" in row.error


@pytest.mark.parametrize("name", ["sha256:", "v4.2.2"])
@pytest.mark.parametrize("status", [400, 404])
async def test_an_index_that_is_refused_though_its_legs_are_there_gets_them_again(
    servers: Servers, transport: Transport, status: int, name: str
) -> None:
    """As quay does for a while: HEAD of a child says yes, PUT of the index says no."""
    with proxy(servers.own.address) as front:
        scene = Scene(transport, (place("own", front.address, own_anchors=True),))
        receipts = await scene.both()
        front.log.clear()

        def refuse(request: Request) -> Request | Answer:
            again = all(front.seen("PUT", leg.digest) for leg in receipts)
            return request if again else Response(status)

        front.fail(Fault("PUT", f"/manifests/{name}", times=99, before=only_indexes(refuse)))
        row = (await scene.merge(receipts)).images[0]
        assert row.status is Status.merged, row.error
        assert len(row.restored) == 2


def only_indexes(
    before: Callable[[Request], Request | Answer],
) -> Callable[[Request], Request | Answer]:
    return lambda request: before(request) if b'"manifests"' in request.body else request


@pytest.fixture
def scene(servers: Servers, transport: Transport) -> Scene:
    return Scene(transport, (place("own", servers.own.address), place("a", servers.basic.address)))


@pytest.mark.parametrize("gone", ["no version is said", "its release's tag is gone"])
async def test_a_latest_of_an_unknown_release_is_not_moved_without_leave(
    scene: Scene, gone: str
) -> None:
    for target in scene.targets:
        await publish(scene.transport, target.repository, "latest-cpu-test", "which is it")
        if gone != "no version is said":
            await publish(scene.transport, target.repository, "v4.0.0-cpu-test", "another")
    before = await scene.tags(*NAMES)
    receipts = await scene.both()
    for dry in (True, False):
        row = (await scene.merge(receipts, dry_run=dry)).images[0]
        assert row.status is Status.failed
        assert "--force-latest" in row.error
        assert await scene.tags(*NAMES) == before
    row = (await scene.merge(receipts, force_latest=True)).images[0]
    assert row.status is Status.merged
    assert await scene.tags("latest-cpu-test") == [{"latest-cpu-test": row.digest}] * 2


async def test_a_latest_that_says_its_version_is_known_though_its_tag_is_gone(
    scene: Scene, servers: Servers
) -> None:
    await scene.merge(await scene.both("newer"), NEWER)
    before = await scene.tags("latest-cpu-test")
    del servers.own.repos[scene.targets[0].repository.path].tags["v4.2.3-cpu-test"]
    row = (await scene.merge(await scene.both())).images[0]
    assert "stays at v4.2.3" in row.notes[0]
    assert await scene.tags("latest-cpu-test") == before


async def test_no_latest_is_made_of_a_release_that_is_older_than_one_that_is_there(
    scene: Scene,
) -> None:
    await publish(scene.transport, scene.targets[0].repository, "v5.0.0-cpu-test", "five")
    row = (await scene.merge(await scene.both())).images[0]
    assert "v5.0.0 is in own, which is newer" in row.notes[0]
    assert await scene.tags("latest-cpu-test") == [{"latest-cpu-test": None}] * 2


@pytest.mark.parametrize("held", ["older", "newer"])
async def test_of_two_releases_at_once_the_newer_is_latest_whoever_writes_last(
    servers: Servers, transport: Transport, held: str
) -> None:
    """One's write of ``latest`` is held until the other is merged, to its last look."""
    events = (RELEASE, NEWER) if held == "older" else (NEWER, RELEASE)
    arrived, go = threading.Event(), threading.Event()

    def hold(request: Request) -> Request:
        arrived.set()
        assert go.wait(20)
        return request

    with proxy(servers.own.address) as front:
        direct = Scene(transport, (place("own", servers.own.address),))
        held_one, other = await direct.both("first"), await direct.both("second")
        repository = replace(direct.targets[0].repository, registry=front.address)
        slow = replace(direct, targets=(replace(direct.targets[0], repository=repository),))
        front.fail(Fault("PUT", "/manifests/latest", before=hold))
        rows: dict[str, ImageRow] = {}

        async def merge_held() -> None:
            rows["held"] = (await slow.merge(held_one, events[0], keep_anchors=True)).images[0]

        async with anyio.create_task_group() as group:
            group.start_soon(merge_held)
            await anyio.to_thread.run_sync(arrived.wait)
            rows["other"] = (await direct.merge(other, events[1], keep_anchors=True)).images[0]
            go.set()
    assert {row.status for row in rows.values()} == {Status.merged}
    newer = rows["other" if held == "older" else "held"].digest
    assert await direct.tags("latest-cpu-test") == [{"latest-cpu-test": newer}]
    said = [note for row in rows.values() for note in row.notes]
    assert [note for note in said if "v4.2.3" in note], said
    states = {tag.state for row in rows.values() for tag in row.tags}
    assert states <= {TagState.moved, TagState.yielded}


async def test_an_older_release_that_lands_after_the_last_tag_is_undone_and_told(
    scene: Scene,
) -> None:
    """Another client gives ``latest`` to an older release of ours right after it was written."""
    await scene.merge(await scene.both("older"), OLDER, keep_anchors=True)
    (older,) = {tags["v4.2.1-cpu-test"] for tags in await scene.tags("v4.2.1-cpu-test")}
    receipts = await scene.both()
    with proxy(scene.targets[0].repository.registry) as front:
        repository = replace(scene.targets[0].repository, registry=front.address)
        slow = replace(scene, targets=(replace(scene.targets[0], repository=repository),))
        own = scene.targets[0].repository

        def overwritten(request: Request, answer: Response) -> Answer:
            there = httpx.get(f"http://{own.registry}/v2/{own.path}/manifests/{older}")
            httpx.put(
                f"http://{own.registry}{request.path}", content=there.content,
                headers={"Content-Type": there.headers["content-type"]},
            ).raise_for_status()  # fmt: skip
            return answer

        front.fail(Fault("PUT", "/manifests/latest", after=overwritten))
        row = (await slow.merge(receipts)).images[0]
    assert row.status is Status.merged, row.error
    assert (await scene.tags("latest-cpu-test"))[0] == {"latest-cpu-test": row.digest}
    assert any("was put back to v4.2.2" in note for note in row.notes)


async def test_a_rollback_that_is_refused_names_the_image_once(
    scene: Scene, servers: Servers
) -> None:
    with proxy(servers.own.address) as front:
        behind = replace(scene, targets=(place("own", front.address),))
        result = await behind.merge(await behind.both())
        front.fail(Fault("DELETE", times=99, before=answering(403)))
        told: dict[str, str] = {}
        assert not await rollback(
            scene.transport, result, lambda tag, what: told.update({tag.image: what})
        )
    assert len(told) == 3
    for image, what in told.items():
        assert "403" in what
        assert image not in what


async def test_a_merge_asks_for_little_and_a_rerun_for_less(servers: Servers) -> None:
    """A release beside an earlier one: the requests of each kind are counted."""
    receipts = []
    async with Transport(servers.keyring(), policy=QUICK) as transport:
        targets = tuple(place(n, servers.own.address, own_anchors=True) for n in "ab")
        scene = Scene(transport, targets)
        receipts = [await scene.leg(f"cpu-{n}/amd64") for n in range(5)]
        await scene.merge(receipts, replace(RELEASE, ref="refs/tags/v4.1.0", sha="f" * 40),
                          keep_anchors=True)  # fmt: skip
    images, places = 5, 2
    with proxy(servers.own.address) as front:
        async with Transport(servers.keyring(), policy=QUICK) as transport:
            there = tuple(replace(t, repository=replace(t.repository, registry=front.address),
                                  anchors=replace(t.anchors, registry=front.address))
                          for t in targets)  # fmt: skip
            scene = Scene(transport, there)
            result = await scene.merge(receipts, keep_anchors=True)
            assert result.ok
            lists = len(front.seen("GET", "/tags/list"))
            asked = Counter(method for method, path, _ in front.log if "/tags/list" not in path)
            assert lists == 3 * places
            # legs, `latest` before and after (read whole in the first registry), index and tags
            assert asked["HEAD"] + asked["GET"] == images * places * 3 + 1
            assert asked["PUT"] == images * places * 4
            front.log.clear()
            remembered = {(row.kind, row.suffix): row for row in result.images}
            again = await scene.merge(receipts, remembered=remembered, keep_anchors=True)
            assert {row.status for row in again.images} == {Status.unchanged}
            assert not front.writes
            assert len(front.log) == places + images * places


async def test_what_an_earlier_run_recorded_is_not_believed_against_the_registry(
    scene: Scene, servers: Servers
) -> None:
    """A leg that is gone, a tag that is gone, a tag that has another image."""
    scene = replace(scene, targets=(place("own", servers.own.address, own_anchors=True),))
    receipts = await scene.both()
    result = await scene.merge(receipts, keep_anchors=True)
    remembered = {(row.kind, row.suffix): row for row in result.images}
    repo = servers.own.repos[scene.targets[0].repository.path]
    sound = dict(repo.tags)

    async def again() -> ImageRow:
        done = await scene.merge(receipts, remembered=remembered, keep_anchors=True)
        return done.images[0]

    assert (await again()).status is Status.unchanged
    del repo.manifests[receipts[0].digest]
    repo.tags = {tag: digest for tag, digest in sound.items() if digest != receipts[0].digest}
    assert len((await again()).restored) == 1
    del repo.tags["v4.2.2-cpu-test"]
    assert [tag.image.rpartition(":")[2] for tag in (await again()).tags] == ["v4.2.2-cpu-test"]
    repo.tags["latest-cpu-test"] = receipts[0].digest
    assert "cannot be known" in (await again()).error


async def test_a_registry_that_lists_no_tags_is_asked_for_each(
    servers: Servers, transport: Transport
) -> None:
    with proxy(servers.own.address) as front:
        scene = Scene(transport, (place("own", front.address),))
        front.fail(Fault("GET", "/tags/list", times=99, before=answering(403)))
        for text in ("one", "two"):
            result = await scene.merge(await scene.both(text), BRANCH)
            assert result.ok
            assert await scene.tags("master-cpu-test") == [
                {"master-cpu-test": result.images[0].digest}
            ]
        assert await rollback(transport, result, lambda *_: None)
        assert await scene.tags("master-cpu-test") != [{"master-cpu-test": result.images[0].digest}]


def test_the_errors_of_this_file_name_what_they_are_about() -> None:
    error = LocalaiCiError("failed", where="a", remedy="do it")
    assert (error.beside("a"), error.beside("b")) == ("failed\n  do it", "a: failed\n  do it")
    assert str(error) == error.beside("")
