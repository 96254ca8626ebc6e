"""What registries, and what stands in front of them, answer: other cases of known kinds."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from email.utils import formatdate
from functools import partial

import pytest
from registries.http11 import Answer, Cut, Request, Response
from registries.images import publish
from registries.legs import Scene, place
from registries.many_images import entries, push
from registries.oci import Registry, oci_registry
from registries.proxy import After, Fault, Proxy, answering, proxy
from registries.session import QUICK, fresh

from localai_ci.oci import blobs, manifests
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.errors import DigestError, RegistryError
from localai_ci.oci.manifests import OCI_INDEX, Manifest
from localai_ci.oci.transport import Transport
from localai_ci.release.result import Status, TagState
from localai_ci.release.rollback import rollback

pytestmark = pytest.mark.anyio
MANIFEST = "/manifests/"
ALWAYS = 10**6


@pytest.fixture
def odd() -> Iterator[tuple[Registry, Proxy]]:
    with oci_registry() as registry, proxy(registry.address) as made:
        yield registry, made


@pytest.fixture
async def client() -> AsyncIterator[Transport]:
    async with Transport(policy=QUICK) as made:
        yield made


def with_headers(**changed: str | None) -> After:
    """The registry's answer with other headers; None takes one away."""
    names = {name.replace("_", "-"): value for name, value in changed.items()}

    def after(_: Request, answer: Response) -> Answer:
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in names}
        return replace(answer, headers=kept | {k: v for k, v in names.items() if v is not None})

    return after


# How a host asks for patience.


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("told", ["0", formatdate(1_000_000_000, usegmt=True)])
async def test_a_host_that_says_now_or_yesterday_is_not_asked_again_at_once(
    odd: tuple[Registry, Proxy], status: int, told: str
) -> None:
    """Seven tries in a millisecond are none: our own pauses stay."""
    _, front = odd
    front.fail(Fault("HEAD", times=4, before=answering(status, {"Retry-After": told})))
    policy = replace(QUICK, base=0.2, cap=0.4)
    async with Transport(policy=policy) as transport:
        began = time.monotonic()
        assert await manifests.find(transport, fresh(front.address).at("t")) is None
        assert time.monotonic() - began > 0.1


async def test_a_date_far_ahead_is_refused_with_its_number(odd: tuple[Registry, Proxy]) -> None:
    _, front = odd
    date = formatdate(time.time() + 7200, usegmt=True)
    front.fail(Fault("PUT", MANIFEST, before=answering(503, {"Retry-After": date})))
    async with Transport(policy=QUICK) as transport:
        with pytest.raises(RegistryError, match=r"asks to wait 7\d\d\d s"):
            await publish(transport, fresh(front.address), "t", "x")


async def test_uploads_alone_are_throttled_and_all_arrive(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    """Every second POST of an upload is 429; manifests are taken as they come."""
    _, front = odd
    number = iter(range(ALWAYS))

    def limit(request: Request) -> Request | Answer:
        return request if next(number) % 2 else Response(429)

    front.fail(Fault("POST", "uploads", times=ALWAYS, before=limit))
    repository = fresh(front.address)
    await run_all(partial(publish, client, repository, f"t{n}", f"x{n}") for n in range(10))
    assert len(await manifests.list_tags(client, repository)) == 10


async def test_a_503_that_names_a_time_is_patience_and_no_try(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    _, front = odd
    times = client.policy.attempts + 3
    busy = answering(503, {"Retry-After": "0"})
    front.fail(Fault("PUT", MANIFEST, times=times, before=busy))
    await publish(client, fresh(front.address), "t", "x")
    assert len(front.seen("PUT", MANIFEST)) == times + 1


async def test_one_image_that_always_fails_takes_no_other_along(
    odd: tuple[Registry, Proxy],
) -> None:
    _, front = odd
    async with Transport(policy=QUICK) as transport:
        scene = Scene(transport, (place("own", front.address),))
        receipts = await push(scene, entries(40, 0))
        front.fail(Fault("PUT", "v4.2.2-image-7$", times=ALWAYS, before=answering(500)))
        result = await scene.merge(receipts)
    states = {row.suffix: row.status for row in result.images}
    assert states.pop("-image-7") is Status.failed
    assert set(states.values()) == {Status.merged}


# HEAD that is refused, whatever the status: GET says what is there, or why not.


@pytest.mark.parametrize("status", [400, 403, 405, 406, 410, 415, 501])
async def test_get_decides_wherever_head_is_refused(
    odd: tuple[Registry, Proxy], client: Transport, status: int
) -> None:
    _, front = odd
    repository = fresh(front.address)
    written = await publish(client, repository, "t", "text")
    layer = manifests.parts(written)[1][0].digest
    front.fail(Fault("HEAD", times=ALWAYS, before=answering(status)))
    assert await manifests.find(client, repository.at("t")) == written.digest
    assert await manifests.find(client, repository.at("other")) is None
    assert await blobs.exists(client, repository, layer)
    assert not await blobs.exists(client, repository, "sha256:" + "0" * 64)


async def test_where_both_are_refused_gets_words_are_told(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    _, front = odd
    said = json.dumps({"errors": [{"code": "DENIED", "message": "billing is off"}]}).encode()
    front.fail(Fault("HEAD", times=ALWAYS, before=answering(403)))
    front.fail(Fault("GET", MANIFEST, times=ALWAYS, before=answering(403, {}, said)))
    with pytest.raises(RegistryError, match="billing is off"):
        await manifests.find(client, fresh(front.address).at("t"))


# What digests a registry names.


@pytest.mark.parametrize(
    "told",
    [None, "", '"sha256:DIGEST"', "sha256:nothing", "md5:abc", "sha512:" + "0" * 128, "DIGEST"],
)
async def test_a_digest_that_is_none_or_of_another_algorithm_leaves_it_to_the_bytes(
    odd: tuple[Registry, Proxy], client: Transport, told: str | None
) -> None:
    _, front = odd
    repository = fresh(front.address)
    if told and told.startswith("sha512:"):
        front.fail(Fault("PUT", MANIFEST, after=with_headers(docker_content_digest=told)))
        with pytest.raises(DigestError):  # it names other bytes
            await publish(client, repository, "t", "text")
        return
    digest = (await publish(client, repository, "t", "text")).digest
    value = told.replace("DIGEST", digest.partition(":")[2]) if told else told
    odd_digest = with_headers(docker_content_digest=value)
    front.fail(Fault("GET|HEAD|PUT", MANIFEST, times=ALWAYS, after=odd_digest))
    assert (await publish(client, repository, "t", "text")).digest == digest
    assert await manifests.find(client, repository.at("t")) == digest
    assert await manifests.find(client, repository.at(digest)) == digest


# Mounts that are accepted, and did nothing.


async def test_a_mount_that_is_said_to_be_done_and_is_not_becomes_an_upload(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    _, front = odd
    here, there = fresh(front.address), fresh(front.address)
    blob, source = blobs.of_bytes(b"mounted, or so it says")
    await blobs.push(client, here, blob, source)
    front.fail(Fault("POST", "mount=", before=answering(201)))
    assert await blobs.copy(client, blob, here, there)
    assert await blobs.exists(client, there, blob.digest)


@pytest.mark.parametrize("location", [None, "", "ftp://x/y", "http://[::1"])
async def test_a_mount_whose_session_has_no_usable_address_becomes_an_upload(
    odd: tuple[Registry, Proxy], client: Transport, location: str | None
) -> None:
    _, front = odd
    here, there = fresh(front.address), fresh(front.address)
    blob, source = blobs.of_bytes(b"no address")
    await blobs.push(client, here, blob, source)
    headers = {} if location is None else {"Location": location}
    front.fail(Fault("POST", "mount=", times=ALWAYS, before=answering(202, headers)))
    assert await blobs.copy(client, blob, here, there)
    assert await blobs.exists(client, there, blob.digest)


# What was just written is found a little later.


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "MANIFEST_INVALID"), (400, "MANIFEST_UNKNOWN"), (404, "MANIFEST_UNKNOWN"),
        (404, "MANIFEST_BLOB_UNKNOWN"), (409, "MANIFEST_UNKNOWN"), (422, "MANIFEST_INVALID"),
    ],
)  # fmt: skip
async def test_an_index_is_taken_once_the_registry_finds_its_legs(
    odd: tuple[Registry, Proxy], status: int, code: str
) -> None:
    """Not at once after they were put again, but a few questions later."""
    _, front = odd
    body = json.dumps({"errors": [{"code": code}]}).encode()

    def refuse(request: Request) -> Request | Answer:
        return Response(status, {}, body) if b'"manifests"' in request.body else request

    async with Transport(policy=QUICK) as transport:
        scene = Scene(transport, (place("own", front.address, own_anchors=True),))
        receipts = await scene.both()
        legs = 2
        front.fail(Fault("PUT", MANIFEST, times=1 + legs + 2, before=refuse))
        (row,) = (await scene.merge(receipts)).images
    assert row.status is Status.merged, row.error


async def test_a_blob_that_head_has_and_get_has_not_is_brought_back(
    odd: tuple[Registry, Proxy],
) -> None:
    """A cache in front answers HEAD of a layer that was collected (distribution#3178)."""
    registry, front = odd
    async with Transport(policy=QUICK) as transport:
        targets = tuple(place(n, front.address, own_anchors=True) for n in "ab")
        scene = Scene(transport, targets)
        leg = await scene.leg("cpu-test/amd64")
        repo = registry.repos[targets[0].repository.path]
        repo.blobs.discard(leg.layers[0].digest)
        del repo.manifests[leg.digest]
        repo.tags.clear()
        stale = f"{targets[0].repository.path}/blobs/{leg.layers[0].digest}"
        front.fail(Fault("HEAD", stale, times=ALWAYS, before=answering(200)))
        (row,) = (await scene.merge([leg])).images
        assert row.status is Status.merged, row.error
        pieces = blobs.pull(transport, targets[0].repository, leg.layers[0])
        assert len(b"".join([piece async for piece in pieces])) == leg.layers[0].size


@pytest.mark.parametrize("kind", ["length", "chunked"])
async def test_an_answer_that_breaks_off_is_asked_for_again(
    odd: tuple[Registry, Proxy], client: Transport, kind: str
) -> None:
    _, front = odd
    repository = fresh(front.address)
    written = await publish(client, repository, "t", "text")

    def broken(_: Request, answer: Response) -> Answer:
        headers = {**answer.headers}
        if kind == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            return Cut(Response(200, headers, b"40\r\n" + answer.body), 60)
        return Cut(replace(answer, headers=headers), 20)

    front.fail(Fault("GET", MANIFEST, times=2, after=broken))
    assert await manifests.get(client, repository.at("t")) == written


# Deleting.


async def test_a_deletion_that_is_accepted_and_not_done_is_no_rollback(
    odd: tuple[Registry, Proxy],
) -> None:
    _, front = odd
    async with Transport(policy=replace(QUICK, settle=0.3)) as transport:
        scene = Scene(transport, (place("own", front.address),))
        result = await scene.merge(await scene.both())
        front.fail(lazy := Fault("DELETE", times=ALWAYS, before=answering(202)))
        told: list[str] = []
        assert not await rollback(transport, result, lambda _, what: told.append(what))
        assert all("still there" in what for what in told)
        assert {tag.state for row in result.images for tag in row.tags} == {TagState.moved}
        lazy.times = 0
        assert await rollback(transport, result, lambda *_: None)


async def test_a_list_that_goes_round_through_two_addresses_ends_by_name(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    _, front = odd
    pages = {"": ("?last=b", ["a"]), "last=b": ("?last=c", ["b"]), "last=c": ("?last=b", ["c"])}

    def page(request: Request) -> Answer:
        query = request.target.partition("?")[2]
        link, tags = pages.get(query, pages[""])
        return Response(200, {"Link": f'<{link}>; rel="next"'}, json.dumps({"tags": tags}).encode())

    front.fail(Fault("GET", "tags/list", times=ALWAYS, before=page))
    with pytest.raises(RegistryError, match="in a circle"):
        await manifests.list_tags(client, fresh(front.address))
    assert len(front.seen("GET", "tags/list")) <= 4


async def test_a_put_that_a_proxy_answers_with_a_page_is_not_believed(
    odd: tuple[Registry, Proxy],
) -> None:
    _, front = odd
    page = answering(200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")
    async with Transport(policy=replace(QUICK, settle=0.3)) as transport:
        scene = Scene(transport, (place("own", front.address),))
        receipts = await scene.both()
        front.fail(Fault("PUT", "v4.2.2", times=ALWAYS, before=page))
        (row,) = (await scene.merge(receipts)).images
    assert row.status is Status.failed
    assert "still reads nothing" in row.error
    assert not [tag for tag in row.tags if tag.state in {TagState.moved, TagState.left}]


async def test_any_success_of_a_put_is_one(odd: tuple[Registry, Proxy], client: Transport) -> None:
    """A registry that answers 200, 202 or 204 to PUT did it, if it reads so."""
    _, front = odd
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    manifest = Manifest(raw, OCI_INDEX)
    repository = fresh(front.address)

    def accepted(_: Request, answer: Response) -> Answer:
        return replace(answer, status=next(statuses))

    statuses = iter((200, 202, 204))
    front.fail(Fault("PUT", MANIFEST, times=3, after=accepted))
    for status in (200, 202, 204):
        assert (await manifests.put(client, repository.at("t"), manifest)).status == status
    assert await manifests.find(client, repository.at("t")) == manifest.digest


@pytest.mark.parametrize("lost", [1, 3])
async def test_an_upload_that_a_replica_does_not_know_starts_over(
    odd: tuple[Registry, Proxy], client: Transport, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """distribution#2593: the next chunk is out of range, then the session is unknown."""
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    _, front = odd
    unknown = answering(404, {}, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')
    front.fail(
        Fault("PATCH", times=lost, skip=1, before=answering(416)),
        Fault("GET", "uploads", times=lost, before=unknown),
    )
    blob, source = blobs.of_bytes(bytes(i % 251 for i in range(2500)))
    repository = fresh(front.address)
    assert await blobs.push(client, repository, blob, source)
    assert await blobs.readable(client, repository, blob.digest)
    assert len(front.seen("POST", "uploads")) == lost + 1


async def test_a_session_that_no_replica_ever_knows_ends_by_name(
    odd: tuple[Registry, Proxy], client: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    _, front = odd
    front.fail(Fault("PATCH", times=ALWAYS, before=answering(404)))
    blob, source = blobs.of_bytes(b"x" * 2500)
    with pytest.raises(RegistryError, match="sessions keep vanishing"):
        await blobs.push(client, fresh(front.address), blob, source)
    assert len(front.seen("POST", "uploads")) <= client.policy.attempts + 1
