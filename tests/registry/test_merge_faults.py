"""The merge when registries fail: all registries say the same afterwards, or nothing has moved."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import anyio
import httpx
import pytest
from registries.http11 import Answer, Request, Response
from registries.images import publish
from registries.legs import BRANCH, RELEASE, Scene, place, planned
from registries.oci import oci_registry
from registries.proxy import Fault, Proxy, answering, proxy
from registries.session import QUICK, Servers

from localai_ci.oci import manifests
from localai_ci.oci.manifests import Manifest
from localai_ci.oci.reference import Reference
from localai_ci.oci.transport import Transport
from localai_ci.release.result import Status, TagState
from localai_ci.release.rollback import rollback

pytestmark = pytest.mark.anyio
NAMES = ("v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test")
NOTHING = dict.fromkeys(NAMES)


def overwrite(front: Proxy, request: Request, manifest: Manifest) -> None:
    """Another client writes what a request is about."""
    httpx.put(
        f"http://{front.upstream}{request.path}",
        content=manifest.raw,
        headers={
            "Content-Type": manifest.media_type,
            "Authorization": request.headers["authorization"],
        },
    ).raise_for_status()


@pytest.fixture
def scene(servers: Servers, front: Proxy, transport: Transport) -> Scene:
    """A sound registry, and one behind the fault proxy."""
    return Scene(transport, (place("sound", servers.own.address), place("frail", front.address)))


async def test_a_registry_that_dies_before_the_tags_leaves_the_others_tags_alone(
    scene: Scene, front: Proxy
) -> None:
    receipts = await scene.both()
    index = planned(receipts)[0].index
    assert index
    front.fail(Fault("PUT", f"/manifests/{index.digest}", times=99, before=answering(500)))
    result = await scene.merge(receipts)
    assert "PUT manifest failed 7 times" in result.images[0].error
    assert await scene.tags(*NAMES) == [NOTHING, NOTHING]


@pytest.mark.parametrize("tag", NAMES)
async def test_a_tag_that_cannot_be_moved_puts_all_others_back(
    scene: Scene, front: Proxy, tag: str
) -> None:
    await scene.merge(await scene.both())
    before = await scene.tags(*NAMES)
    receipts = await scene.both("newer")
    front.fail(Fault("PUT", f"/manifests/{tag}", times=QUICK.attempts, before=answering(500)))
    row = (await scene.merge(receipts)).images[0]
    assert row.status is Status.failed
    assert await scene.tags(*NAMES) == before
    assert {t.state for t in row.tags} <= {TagState.restored, TagState.planned}
    assert (await scene.merge(receipts)).images[0].status is Status.merged
    first, second = await scene.tags(*NAMES)
    assert first == second != before[0]


async def test_a_leg_whose_manifest_alone_was_collected_comes_back_from_the_receipt(
    scene: Scene, servers: Servers, front: Proxy
) -> None:
    """Here the sound registry forgets, and nothing is written in the other."""
    receipts = await scene.both()
    await scene.merge(receipts, BRANCH, keep_anchors=True)
    repo = servers.own.repos[scene.targets[0].repository.path]
    for leg in receipts:
        del repo.manifests[leg.digest]
    written = len(front.writes)
    row = (await scene.merge(receipts, BRANCH, keep_anchors=True)).images[0]
    assert sorted(row.restored) == [f"{leg.entry} in sound: manifest" for leg in receipts]
    assert len(front.writes) == written


async def test_a_leg_whose_blobs_were_collected_too_is_mounted_from_its_anchor(
    scene: Scene, servers: Servers, front: Proxy
) -> None:
    receipts = await scene.both()
    await scene.merge(receipts, BRANCH, keep_anchors=True)
    repo = servers.own.repos[scene.targets[0].repository.path]
    repo.manifests.clear()
    repo.blobs.clear()
    repo.tags.clear()
    written, sent = len(front.writes), scene.transport.requests["PATCH"]
    row = (await scene.merge(receipts, BRANCH, keep_anchors=True)).images[0]
    assert sorted(row.restored) == [f"{leg.entry} in sound: manifest and blobs" for leg in receipts]
    assert len(front.writes) == written
    assert scene.transport.requests["PATCH"] == sent, "bytes moved that could be mounted"


async def test_an_index_under_another_digest_moves_no_tag(scene: Scene, front: Proxy) -> None:
    def other(_: Request, answer: Response) -> Answer:
        headers = {k: v for k, v in answer.headers.items() if k != "docker-content-digest"}
        said = {"Docker-Content-Digest": "sha256:" + "2" * 64}
        return Response(answer.status, headers | said, answer.body)

    receipts = await scene.both()
    index = planned(receipts)[0].index
    assert index
    front.fail(Fault("PUT", f"/manifests/{index.digest}", after=other))
    row = (await scene.merge(receipts)).images[0]
    assert "the registry says sha256:2222" in row.error
    assert await scene.tags(*NAMES) == [NOTHING, NOTHING]


class Broken:
    """A signer that breaks in a way that nobody foresaw, for one image."""

    def __init__(self, digest: str) -> None:
        self.digest = digest

    async def sign(self, images: Sequence[Reference]) -> None:
        if self.digest in {image.digest for image in images}:
            raise ZeroDivisionError


@pytest.mark.parametrize("fault", ["redirects in a circle", "a fault of our own"])
async def test_one_images_trouble_of_whatever_kind_stops_no_other(
    scene: Scene, front: Proxy, fault: str
) -> None:
    bad, good = await scene.leg("cpu-bad/amd64"), await scene.leg("cpu-good/amd64")
    if fault == "redirects in a circle":
        path = f"/v2/{scene.targets[1].repository.path}/manifests/latest-cpu-bad"
        circle = answering(307, {"Location": path})
        front.fail(Fault("HEAD|GET", "manifests/latest-cpu-bad", times=999, before=circle))
    else:
        scene.signer = Broken(bad.digest)
    rows = {row.suffix: row for row in (await scene.merge([bad, good])).images}
    assert rows["-cpu-good"].status is Status.merged
    assert rows["-cpu-bad"].status is Status.failed
    assert "Redirects" in rows["-cpu-bad"].error or "ZeroDivision" in rows["-cpu-bad"].error


async def test_another_run_that_wins_a_tag_is_told_and_not_overwritten(
    scene: Scene, front: Proxy
) -> None:
    receipts = await scene.both()
    frail = scene.targets[1].repository
    theirs = await publish(scene.transport, frail, "theirs", "of another run")

    def they_come_after(request: Request, answer: Response) -> Answer:
        overwrite(front, request, theirs)
        return answer

    front.fail(Fault("PUT", "/manifests/latest", after=they_come_after))
    row = (await scene.merge(receipts)).images[0]
    assert row.status is Status.failed
    assert "another run writes it too" in row.error
    assert theirs.digest in row.error
    found = await manifests.find(scene.transport, frail.at("latest-cpu-test"))
    assert found == theirs.digest


ABSENT = answering(404)


@pytest.mark.parametrize("question", range(2))
async def test_a_tag_that_is_once_wrongly_said_to_be_absent_goes_back_when_the_merge_fails(
    scene: Scene, front: Proxy, question: int
) -> None:
    """At the first look, or right before it moves; then a later tag cannot be moved."""
    await scene.merge(await scene.both())
    before = await scene.tags(*NAMES)
    receipts = await scene.both("newer")
    wrong = Fault("HEAD|GET", f"/manifests/{NAMES[1]}", skip=question, before=ABSENT)
    down = Fault("PUT", f"/manifests/{NAMES[2]}", times=QUICK.attempts, before=answering(500))
    front.fail(wrong, down)
    row = (await scene.merge(receipts)).images[0]
    assert row.status is Status.failed
    assert (wrong.times, down.times) == (0, 0)
    assert await scene.tags(*NAMES) == before


@pytest.mark.parametrize("which", range(2))
async def test_a_tag_that_is_once_not_listed_goes_back_when_the_merge_fails(
    scene: Scene, front: Proxy, which: int
) -> None:
    """In the first list, or in the second."""

    def without(_: Request, answer: Response) -> Answer:
        return Response(answer.status, answer.headers, answer.body.replace(b"v4.2.2", b"v0.0.1"))

    await scene.merge(await scene.both())
    before = await scene.tags(*NAMES)
    wrong = Fault("GET", "/tags/list", skip=which, after=without)
    down = Fault("PUT", f"/manifests/{NAMES[2]}", times=QUICK.attempts, before=answering(500))
    front.fail(wrong, down)
    row = (await scene.merge(await scene.both("newer"))).images[0]
    assert row.status is Status.failed
    assert (wrong.times, down.times) == (0, 0)
    assert await scene.tags(*NAMES) == before


@pytest.fixture
def deleting(servers: Servers, transport: Transport) -> Iterator[tuple[Scene, Proxy]]:
    """One registry that can delete tags, behind a fault proxy."""
    with proxy(servers.own.address) as front:
        yield Scene(transport, (place("own", front.address),)), front


async def test_a_wrong_404_does_not_let_latest_go_back(deleting: tuple[Scene, Proxy]) -> None:
    scene, front = deleting
    await scene.merge([await scene.leg("cpu-test/amd64", text="new")])
    before = await scene.tags("latest-cpu-test")
    front.fail(Fault("HEAD|GET", "/manifests/latest", before=ABSENT))
    older = replace(RELEASE, ref="refs/tags/v4.1.9")
    row = (await scene.merge([await scene.leg("cpu-test/amd64", text="old")], older)).images[0]
    assert row.status is Status.merged
    assert "stays at v4.2.2" in row.notes[0]
    assert await scene.tags("latest-cpu-test") == before


async def test_a_list_without_tags_beside_a_latest_is_not_believed(
    deleting: tuple[Scene, Proxy],
) -> None:
    """The releases of an image that says no version are known by the list alone."""
    scene, front = deleting
    repository = scene.targets[0].repository
    for tag in ("v4.3.0-cpu-test", "latest-cpu-test"):
        await publish(scene.transport, repository, tag, "says no version")
    leg = await scene.leg("cpu-test/amd64")
    nonsense = answering(200, {}, b"<html>")
    for wrong in (ABSENT, nonsense):
        front.fail(*[Fault("GET", "/tags/list", times=2, before=wrong)])
    for _ in range(2):
        assert "cannot be known" in (await scene.merge([leg])).images[0].error
    assert "stays at v4.3.0" in (await scene.merge([leg])).images[0].notes[0]


async def test_an_undone_merge_deletes_the_tags_that_were_really_new(
    deleting: tuple[Scene, Proxy],
) -> None:
    scene, front = deleting
    front.fail(Fault("PUT", f"/manifests/{NAMES[2]}", times=QUICK.attempts, before=answering(500)))
    row = (await scene.merge(await scene.both())).images[0]
    assert row.status is Status.failed
    assert await scene.tags(*NAMES) == [NOTHING]


async def test_rollback_is_not_misled_by_a_wrong_404(deleting: tuple[Scene, Proxy]) -> None:
    scene, front = deleting
    await scene.merge(await scene.both())
    before = await scene.tags(*NAMES)
    result = await scene.merge(await scene.both("newer"))
    front.fail(*(Fault("HEAD", f"/manifests/{name}", before=ABSENT) for name in NAMES))
    assert await rollback(scene.transport, result, lambda *_: None)
    assert await scene.tags(*NAMES) == before


async def test_rollback_deletes_no_tag_of_which_one_answer_alone_said_it_was_new(
    deleting: tuple[Scene, Proxy],
) -> None:
    """What a merge records that has not asked twice."""
    scene, front = deleting
    result = await scene.merge(await scene.both())
    assert all(tag.new for tag in result.images[0].tags)
    for tag in result.images[0].tags:
        tag.new = False
    after, told = await scene.tags(*NAMES), list[str]()
    assert not await rollback(scene.transport, result, lambda _, done: told.append(done))
    assert all("rests on one answer alone" in done for done in told)
    assert await scene.tags(*NAMES) == after
    assert not front.seen("DELETE", NAMES[0])


class Rival:
    """A signer during whose work another run writes a tag."""

    def __init__(self, scene: Scene, tag: str, theirs: Manifest) -> None:
        self.scene, self.tag, self.theirs = scene, tag, theirs

    async def sign(self, images: Sequence[Reference]) -> None:
        image = images[0].repository.at(self.tag)
        await manifests.put(self.scene.transport, image, self.theirs)


@pytest.mark.parametrize("tag", NAMES[:2])
async def test_what_another_run_wrote_before_the_tags_move_is_what_they_go_back_to(
    scene: Scene, front: Proxy, tag: str
) -> None:
    """Both when the tag was new at the first look, and when it had an earlier image."""
    frail = scene.targets[1].repository
    theirs = await publish(scene.transport, frail, "theirs", "of another run")
    await publish(scene.transport, scene.targets[0].repository, "theirs", "of another run")
    for text in ("first", "second"):
        receipts = await scene.both(text)
        down = Fault("PUT", f"/manifests/{NAMES[2]}", times=QUICK.attempts, before=answering(500))
        front.fail(down)
        scene.signer = Rival(scene, tag, theirs)
        assert (await scene.merge(receipts)).images[0].status is Status.failed
        found = await scene.tags(tag)
        assert found == [{tag: theirs.digest}] * 2
        scene.signer = None
        front.faults.clear()
        assert (await scene.merge(receipts)).ok


class Hours:
    """A signer that takes very long."""

    late = 0.0

    def now(self) -> float:
        return anyio.current_time() + self.late

    async def sign(self, _: Sequence[Reference]) -> None:
        self.late = 10_000.0


async def test_a_token_that_ends_in_the_middle_of_a_merge_is_renewed(servers: Servers) -> None:
    hours = Hours()
    async with Transport(servers.keyring(), policy=QUICK, now=hours.now) as transport:
        scene = Scene(transport, (place("token", servers.token.address),), hours)
        receipts = await scene.both()
        asked = len(servers.service.asked)
        assert (await scene.merge(receipts)).ok
    assert len(servers.service.asked) > asked


async def test_a_registry_that_refuses_a_second_value_of_a_tag_keeps_all_as_it_was(
    servers: Servers, transport: Transport
) -> None:
    with oci_registry(immutable=True) as registry:
        targets = (place("sound", servers.own.address), place("immutable", registry.address))
        scene = Scene(transport, targets)
        await scene.merge(await scene.both())
        before = await scene.tags(*NAMES)
        row = (await scene.merge(await scene.both("newer"), RELEASE)).images[0]
        assert "TAG_IMMUTABLE" in row.error
        assert await scene.tags(*NAMES) == before
