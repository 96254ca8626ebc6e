"""Everything that goes wrong with registries, one named test each, before a real registry."""

import email.utils
import time
from collections.abc import Iterator
from dataclasses import replace

import anyio
import pytest
from registries.http11 import Answer, Cut, Request, Response
from registries.images import publish
from registries.legs import Scene, place
from registries.oci import oci_registry
from registries.proxy import Fault, Proxy, answer_lost, answering, cut, proxy
from registries.session import QUICK, Servers, fresh

from localai_ci.oci import blobs, manifests
from localai_ci.oci.errors import DigestError, RegistryError
from localai_ci.oci.transport import Transport
from localai_ci.release.result import Status

pytestmark = pytest.mark.anyio
MANIFEST = "/manifests/"


@pytest.fixture
def scene(front: Proxy, servers: Servers, transport: Transport) -> Scene:
    """Registry `a` behind the fault proxy, registry `b` beside it."""
    return Scene(transport, (place("a", front.address), place("b", servers.token.address)))


async def merged(scene: Scene) -> bool:
    """Merge two legs; whether both registries have the complete index under all tags."""
    receipts = await scene.both()
    result = await scene.merge(receipts, keep_anchors=True)
    row = result.images[0]
    return row.status is Status.merged and await scene.tags("latest-cpu-test") == [
        {"latest-cpu-test": row.digest}
    ] * len(scene.targets)


DATED = {"Retry-After": email.utils.formatdate(101, usegmt=True)}
DATED["Date"] = email.utils.formatdate(100, usegmt=True)


@pytest.mark.parametrize("method", ["PUT", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "least"), [({"Retry-After": "1"}, 1.0), (DATED, 1.0), ({}, 0.0)]
)
async def test_429_is_waited_out_as_told(
    scene: Scene, front: Proxy, method: str, headers: dict[str, str], least: float
) -> None:
    receipts = await scene.both()
    front.fail(Fault(method, MANIFEST, times=2, before=answering(429, headers)))
    started = time.monotonic()
    assert (await scene.merge(receipts)).ok
    assert time.monotonic() - started >= least


async def test_an_absurd_wait_is_an_error_with_its_number(scene: Scene, front: Proxy) -> None:
    receipts = await scene.both()
    front.fail(Fault("PUT", MANIFEST, before=answering(429, {"Retry-After": "86400"})))
    result = await scene.merge(receipts)
    assert "86400 s" in result.images[0].error
    assert await scene.tags("latest-cpu-test") == [{"latest-cpu-test": None}] * 2


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504, 522])
async def test_a_burst_of_server_errors_is_survived(
    scene: Scene, front: Proxy, status: int
) -> None:
    front.fail(Fault("PUT|HEAD|POST", times=4, before=answering(status)))
    assert await merged(scene)


async def test_errors_without_end_end_after_the_limit_of_one_layer(
    transport: Transport, front: Proxy
) -> None:
    front.fail(Fault("HEAD", MANIFEST, times=10**6, before=answering(503)))
    with pytest.raises(RegistryError, match="limit of 7 tries"):
        await manifests.find(transport, fresh(front.address).at("t"))
    assert len(front.seen("HEAD", MANIFEST)) == 7


async def test_403_for_what_is_missing_means_unknown(scene: Scene, front: Proxy) -> None:
    front.fail(Fault("HEAD", MANIFEST, times=10**6, after=_forbid_missing))
    assert await merged(scene)


def _forbid_missing(_: Request, answer: Response) -> Answer:
    return Response(403) if answer.status == 404 else answer


@pytest.mark.parametrize("moment", [cut, answer_lost], ids=["before", "after commit"])
async def test_a_connection_that_breaks_while_the_index_is_written(
    scene: Scene, front: Proxy, moment: object
) -> None:
    receipts = await scene.both()
    lost = Fault("PUT", MANIFEST, times=1, skip=2)
    if moment is cut:
        lost.before = cut
    else:
        lost.after = answer_lost
    front.fail(lost)
    assert (await scene.merge(receipts)).ok
    assert lost.times == 0


async def test_after_a_lost_answer_what_is_there_decides(
    transport: Transport, front: Proxy
) -> None:
    repository = fresh(front.address)
    image = await publish(transport, repository, "one", "x")
    front.fail(Fault("PUT", f"{MANIFEST}two", after=answer_lost))
    await manifests.put(transport, repository.at("two"), image)
    assert len(front.seen("PUT", f"{MANIFEST}two")) == 1


async def test_an_answer_that_stops_in_the_middle_is_read_again(
    transport: Transport, front: Proxy
) -> None:
    repository = fresh(front.address)
    image = await publish(transport, repository, "one", "x")
    front.fail(Fault("GET", MANIFEST, after=lambda _, answer: Cut(answer, 10)))
    assert await manifests.get_existing(transport, repository.at("one")) == image


@pytest.fixture
def resumable() -> Iterator[Proxy]:
    """The own registry, which can continue uploads, behind the proxy."""
    with oci_registry() as registry, proxy(registry.address) as made:
        yield made


@pytest.mark.parametrize("kept", [0, 400, 1000])
async def test_an_upload_that_breaks_goes_on_where_the_registry_stands(
    resumable: Proxy, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    blob, source = blobs.of_bytes(bytes(i % 251 for i in range(3000)))
    truncated = lambda request: replace(request, body=request.body[:kept])  # noqa: E731
    resumable.fail(Fault("PATCH", skip=1, before=truncated, after=answer_lost))
    async with Transport(policy=QUICK) as transport:
        repository = fresh(resumable.address)
        assert await blobs.push(transport, repository, blob, source)
        assert await blobs.exists(transport, repository, blob.digest)
    assert len(resumable.seen("POST")) == 1


async def test_416_asks_where_the_registry_stands(
    resumable: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    blob, source = blobs.of_bytes(b"r" * 2500)
    resumable.fail(Fault("PATCH", skip=1, before=answering(416)))
    async with Transport(policy=QUICK) as transport:
        assert await blobs.push(transport, fresh(resumable.address), blob, source)


@pytest.mark.parametrize("told", ["0-99999", "500-999", "nonsense", ""])
async def test_an_impossible_range_starts_over(
    resumable: Proxy, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """The registry says that it has what was never sent, or nothing that can be understood."""
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    blob, source = blobs.of_bytes(b"t" * 2500)

    def lie(_: Request, answer: Response) -> Answer:
        kept = {k: v for k, v in answer.headers.items() if k.lower() != "range"}
        return replace(answer, headers=kept | ({"Range": told} if told else {}))

    resumable.fail(
        Fault("PATCH", skip=1, after=answer_lost), Fault("GET", "uploads", times=1, after=lie)
    )
    async with Transport(policy=QUICK) as transport:
        repository = fresh(resumable.address)
        assert await blobs.push(transport, repository, blob, source)
        assert await blobs.exists(transport, repository, blob.digest)
    assert len(resumable.seen("POST")) == 2


async def test_a_forgotten_upload_starts_over(
    transport: Transport, front: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's registry refuses to continue a broken chunk: the whole blob goes again."""
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    blob, source = blobs.of_bytes(b"s" * 2500)
    front.fail(Fault("PATCH", skip=1, before=answering(404)))
    repository = fresh(front.address)
    assert await blobs.push(transport, repository, blob, source)
    assert len(front.seen("POST")) == 2


async def test_a_failed_upload_is_cancelled(resumable: Proxy) -> None:
    blob, source = blobs.of_bytes(b"cancel me")
    resumable.fail(Fault("PUT", "digest=", before=answering(400)))
    async with Transport(policy=QUICK) as transport:
        with pytest.raises(RegistryError, match="400"):
            await blobs.push(transport, fresh(resumable.address), blob, source)
    assert len(resumable.seen("DELETE", "uploads")) == 1


async def test_a_mount_that_becomes_an_upload_is_used_as_one(
    transport: Transport, front: Proxy
) -> None:
    here, there = fresh(front.address), fresh(front.address)
    blob, source = blobs.of_bytes(b"not mounted")
    await blobs.push(transport, here, blob, source)
    drop_query = lambda r: replace(r, target=r.target.partition("?")[0])  # noqa: E731
    front.fail(Fault("POST", "mount=", before=drop_query))
    front.log.clear()
    assert await blobs.copy(transport, blob, here, there)
    assert len(front.seen("POST")) == 1
    assert await blobs.exists(transport, there, blob.digest)


@pytest.mark.parametrize("times", [1, 3])
async def test_what_was_written_may_appear_a_little_later(
    scene: Scene, front: Proxy, times: int
) -> None:
    receipts = await scene.both()
    front.fail(Fault("HEAD", f"{MANIFEST}latest", skip=1, times=times, before=answering(404)))
    assert (await scene.merge(receipts)).ok


async def test_what_never_appears_is_an_error_that_names_both_digests(
    transport: Transport, front: Proxy
) -> None:
    scene = Scene(transport, (place("a", front.address),))
    one, two = await scene.leg("cpu-test/amd64", text="1"), await scene.leg(
        "cpu-test/amd64", text="2"
    )  # fmt: skip
    first = (await scene.merge([one])).images[0].digest
    stale = Response(200, {"Docker-Content-Digest": first, "Content-Length": "9"})
    front.fail(Fault("HEAD", f"{MANIFEST}latest", times=10**6, before=lambda _: stale))
    row = (await scene.merge([two])).images[0]
    assert row.status is Status.failed
    assert first in row.error
    assert row.digest in row.error


async def test_a_token_that_is_refused_in_the_middle_is_renewed(
    transport: Transport, servers: Servers
) -> None:
    with proxy(servers.token.address) as front:
        scene = Scene(transport, (place("a", front.address), place("b", servers.own.address)))
        challenge = f'Bearer realm="http://{servers.service.address}/token",service="test"'
        front.fail(Fault("PUT", skip=3, before=answering(401, {"WWW-Authenticate": challenge})))
        async with Transport(servers.keyring(front.address), policy=QUICK) as own:
            assert await merged(replace(scene, transport=own))


@pytest.mark.parametrize("answer", [Response(429, {"Retry-After": "0"}), Response(500)])
async def test_a_token_service_in_trouble_is_waited_for(servers: Servers, answer: Response) -> None:
    servers.service.answers += [answer, answer]
    async with Transport(servers.keyring(), policy=QUICK) as transport:
        assert await manifests.find(transport, fresh(servers.token.address).at("t")) is None
    assert not servers.service.answers


async def test_a_wrong_digest_header_is_never_believed(transport: Transport, front: Proxy) -> None:
    repository = fresh(front.address)
    image = await publish(transport, repository, "one", "x")
    lie = {"Docker-Content-Digest": "sha256:" + "0" * 64}

    def lying(_: Request, answer: Response) -> Answer:
        kept = {k: v for k, v in answer.headers.items() if k.lower() != "docker-content-digest"}
        return Response(answer.status, kept | lie, answer.body)

    front.fail(Fault("GET|PUT|HEAD", MANIFEST, times=3, after=lying))
    for act in (
        manifests.get_existing(transport, repository.at("one")),
        manifests.put(transport, repository.at("two"), image),
        manifests.find(transport, repository.at(image.digest)),
    ):
        with pytest.raises(DigestError):
            await act


async def test_a_changed_body_is_never_believed(transport: Transport, front: Proxy) -> None:
    repository = fresh(front.address)
    image = await publish(transport, repository, "one", "x")
    blob, source = blobs.of_bytes(b"the truth")
    await blobs.push(transport, repository, blob, source)
    front.fail(
        Fault("GET", times=2, after=lambda _, a: Response(a.status, a.headers, a.body[::-1]))
    )
    with pytest.raises(DigestError):
        await manifests.get_existing(transport, repository.at(image.digest))
    with pytest.raises(DigestError):
        [part async for part in blobs.pull(transport, repository, blob)]


async def test_while_one_registry_is_down_the_others_tags_stay_and_a_rerun_completes(
    scene: Scene, front: Proxy
) -> None:
    receipts = await scene.both()
    front.fail(down := Fault("PUT", times=10**6, before=cut))
    result = await scene.merge(receipts)
    assert result.images[0].status is Status.failed
    assert await scene.tags("latest-cpu-test") == [{"latest-cpu-test": None}] * 2
    down.times = 0
    assert (await scene.merge(receipts)).ok
    tags = await scene.tags("latest-cpu-test", "v4.2.2-cpu-test")
    assert tags[0] == tags[1]


async def test_a_tag_that_cannot_be_moved_puts_the_others_back(scene: Scene, front: Proxy) -> None:
    one, two = await scene.both("one"), await scene.both("two")
    await scene.merge(one, keep_anchors=True)
    names = ("sha-a1b2c3d-cpu-test", "v4.2.2-cpu-test", "latest-cpu-test")
    before = await scene.tags(*names)
    front.fail(Fault("PUT", f"{MANIFEST}latest", before=answering(403)))
    result = await scene.merge(two, keep_anchors=True)
    assert "403" in result.images[0].error
    assert await scene.tags(*names) == before
    assert {tag.state for tag in result.images[0].tags} == {"restored"}


async def test_another_run_that_moves_the_same_tag_is_seen_and_not_undone(
    scene: Scene, front: Proxy, transport: Transport
) -> None:
    receipts = await scene.both()
    repository = scene.targets[0].repository
    rival = await publish(transport, repository, "rival", "rival")
    name = "latest-cpu-test"
    theirs = Response(200, {"Docker-Content-Digest": rival.digest, "Content-Length": "9"})
    front.fail(Fault("HEAD", MANIFEST + name, times=10**6, before=lambda _: theirs))
    result = await scene.merge(receipts)
    assert "another run writes it too" in result.images[0].error
    assert rival.digest in result.images[0].error


async def test_two_merges_of_the_same_image_at_once_agree(scene: Scene) -> None:
    receipts = await scene.both()
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(scene.merge, receipts)
    tags = await scene.tags("latest-cpu-test", "v4.2.2-cpu-test")
    assert tags[0] == tags[1]
    assert None not in tags[0].values()
