"""The client against a real registry behind a proxy that fails on cue: one fault, one test."""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest
from lab.http11 import Answer, Cut, Request, Response
from lab.images import image, publish
from lab.proxy import Fault, Proxy, answer_lost, answering, cut, proxy
from lab.rooms import QUICK, Lab, fresh

from localai_ci.registry import blobs, manifests, referrers
from localai_ci.registry.errors import DigestError, RegistryError
from localai_ci.registry.manifests import OCI_MANIFEST, Manifest
from localai_ci.registry.reference import Reference, Repository
from localai_ci.registry.transport import Transport

pytestmark = pytest.mark.anyio
TEN = "Sun, 22 Nov 2026 10:00:00 GMT"
ONE_LATER = "Sun, 22 Nov 2026 10:00:01 GMT"
KIND = "application/vnd.test+json"
OTHER = "sha256:" + "1" * 64


@pytest.fixture
def repository(front: Proxy) -> Repository:
    return fresh(front.address)


@pytest.fixture
async def written(transport: Transport, repository: Repository) -> Reference:
    """An image that is there before anything fails."""
    manifest = await publish(transport, repository, "t", "written before")
    return Reference(repository, tag="t", digest=manifest.digest)


async def rewrite(transport: Transport, image: Reference, tag: str = "again") -> str:
    """Write an image that is there under another tag."""
    found = await manifests.get(transport, image.pinned(image.digest))
    await manifests.put(transport, image.repository.at(tag), found)
    return str(await manifests.find(transport, image.repository.at(tag)))


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "1"}, {"Retry-After": ONE_LATER, "Date": TEN}],
    ids=["seconds", "date"],
)
@pytest.mark.parametrize("method", ["PUT", "HEAD"])
async def test_a_429_is_waited_for_as_long_as_it_says(
    transport: Transport, front: Proxy, written: Reference, method: str, headers: dict[str, str]
) -> None:
    front.fail(Fault(method, "/manifests/again", before=answering(429, headers)))
    began = time.monotonic()
    assert await rewrite(transport, written) == written.digest
    assert 1 <= time.monotonic() - began < 4


async def test_a_429_that_names_no_time_is_retried_with_pauses(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    front.fail(Fault("PUT", "/manifests/", times=4, before=answering(429)))
    assert await rewrite(transport, written) == written.digest
    assert [status for *_, status in front.seen("PUT", "/manifests/again")] == [429] * 4 + [201]


async def test_a_429_with_an_absurd_wait_is_an_error_that_names_it(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    front.fail(Fault("PUT", "/manifests/", before=answering(429, {"Retry-After": "86400"})))
    with pytest.raises(RegistryError, match="asks to wait 86400 s, more than the 5 s") as caught:
        await rewrite(transport, written)
    assert str(written.repository) in str(caught.value)
    assert len(front.seen("PUT", "/manifests/again")) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 499, 522, 408])
@pytest.mark.parametrize("method", ["HEAD", "GET", "PUT"])
async def test_a_burst_of_server_errors_passes(
    transport: Transport, front: Proxy, written: Reference, method: str, status: int
) -> None:
    front.fail(Fault(method, "/manifests/", times=3, before=answering(status)))
    assert await rewrite(transport, written) == written.digest


async def test_an_endless_burst_ends_after_one_layer_of_tries(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    front.fail(Fault("PUT", "/manifests/", times=1000, before=answering(503)))
    with pytest.raises(RegistryError, match="failed 7 times; the last answer was 503"):
        await rewrite(transport, written)
    assert len(front.seen("PUT", "/manifests/again")) == QUICK.attempts


async def test_a_403_for_what_is_missing_is_no_refusal(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    front.fail(Fault("HEAD", "/manifests/none", times=9, before=answering(403)))
    assert await manifests.find(transport, written.repository.at("none")) is None


async def test_a_connection_that_breaks_before_the_registry_hears_is_opened_again(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    front.fail(Fault("PUT|HEAD", "/manifests/again", times=2, before=cut))
    assert await rewrite(transport, written) == written.digest


async def test_an_answer_that_is_lost_after_the_write_is_asked_for_not_written_again(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    front.fail(Fault("PUT", "/manifests/again", after=answer_lost))
    assert await rewrite(transport, written) == written.digest
    assert len(front.seen("PUT", "/manifests/again")) == 1


def half(request: Request) -> Request:
    """Only the first half of a chunk arrives."""
    first = request.headers["content-range"].partition("-")[0]
    body = request.body[: len(request.body) // 2]
    span = {"content-range": f"{first}-{int(first) + len(body) - 1}"}
    return Request(request.method, request.target, request.headers | span, body)


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "CHUNK", 1000)


async def push(transport: Transport, repository: Repository) -> blobs.Blob:
    """Upload something in chunks, and read it back."""
    data = bytes(i % 251 for i in range(3500))
    blob, source = blobs.of_bytes(data)
    await blobs.push(transport, repository, blob, source)
    assert b"".join([part async for part in blobs.pull(transport, repository, blob)]) == data
    return blob


@pytest.mark.usefixtures("chunks")
async def test_a_truncated_upload_goes_on_from_what_the_registry_has(
    transport: Transport, lab: Lab
) -> None:
    with proxy(lab.own.address) as front:
        front.fail(Fault("PATCH", skip=1, before=half, after=answer_lost))
        await push(transport, fresh(front.address))
        assert len(front.seen("POST", "/uploads/")) == 1, "the upload started over"
        assert len(front.seen("PATCH")) == 5


@pytest.mark.usefixtures("chunks")
async def test_a_truncated_upload_starts_over_where_the_registry_cannot_tell_what_it_has(
    transport: Transport, front: Proxy, repository: Repository
) -> None:
    """Debian's registry signs the offset into the upload's address: a lost answer loses both."""
    front.fail(Fault("PATCH", skip=1, before=half, after=answer_lost))
    await push(transport, repository)
    assert len(front.seen("POST", "/uploads/")) == 2


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("status", [416, 404], ids=["wrong range", "session lost"])
async def test_an_upload_that_the_registry_cannot_go_on_with_still_arrives(
    transport: Transport, front: Proxy, repository: Repository, status: int
) -> None:
    front.fail(Fault("PATCH", skip=2, before=answering(status)))
    await push(transport, repository)


@pytest.mark.usefixtures("chunks")
async def test_an_upload_whose_last_answer_is_lost_is_found_not_sent_again(
    transport: Transport, front: Proxy, repository: Repository
) -> None:
    front.fail(Fault("PUT", "/uploads/", after=answer_lost))
    await push(transport, repository)
    assert len(front.seen("PUT", "/uploads/")) == 1


async def test_an_upload_that_fails_for_good_is_cancelled(
    transport: Transport, front: Proxy, repository: Repository
) -> None:
    front.fail(Fault("PUT", "/uploads/", times=99, before=answering(503)))
    blob, source = blobs.of_bytes(b"never arrives")
    with pytest.raises(RegistryError, match="PUT blob failed 7 times"):
        await blobs.push(transport, repository, blob, source)
    assert len(front.seen("DELETE", "/uploads/")) == 1


def without_mount(request: Request) -> Request:
    """As registries do that cannot mount: the query is not heard."""
    return Request(request.method, request.target.partition("?")[0], request.headers, b"")


async def test_a_mount_that_is_answered_with_an_upload_is_cancelled(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    front.fail(Fault("POST", "mount=", before=without_mount))
    _, (data, _) = image("written before")
    blob, _ = blobs.of_bytes(data)
    assert not await blobs.mount(transport, fresh(front.address), blob, written.repository)
    assert [status for *_, status in front.seen("DELETE", "/uploads/")] == [204]


async def test_a_copy_uses_the_upload_that_a_mount_was_answered_with(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    front.fail(Fault("POST", "mount=", before=without_mount))
    _, (data, _) = image("written before")
    blob, _ = blobs.of_bytes(data)
    target = fresh(front.address)
    assert await blobs.copy(transport, blob, written.repository, target)
    assert await blobs.exists(transport, target, blob.digest)
    assert not front.seen("DELETE")
    assert len(front.seen("POST", target.path)) == 1


async def test_a_download_that_breaks_off_is_read_again(
    transport: Transport, front: Proxy, repository: Repository
) -> None:
    front.fail(Fault("GET", "/blobs/", times=2, after=lambda _, answer: Cut(answer, keep=100)))
    await push(transport, repository)


async def test_a_download_of_other_bytes_is_a_hard_failure(
    transport: Transport, front: Proxy, repository: Repository
) -> None:
    def altered(_: Request, answer: Response) -> Answer:
        return Response(answer.status, answer.headers, b"x" * len(answer.body))

    front.fail(Fault("GET", "/blobs/", after=altered))
    with pytest.raises(DigestError, match="the bytes read are"):
        await push(transport, repository)
    assert len(front.seen("GET", "/blobs/sha")) == 1


def saying(digest: str) -> Any:
    def said(_: Request, answer: Response) -> Answer:
        headers = {k: v for k, v in answer.headers.items() if k != "docker-content-digest"}
        return Response(answer.status, headers | {"Docker-Content-Digest": digest}, answer.body)

    return said


@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD"])
async def test_a_registry_that_names_another_digest_is_not_believed(
    transport: Transport, front: Proxy, written: Reference, method: str
) -> None:
    found = await manifests.get(transport, written)
    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "PUT": partial(manifests.put, transport, written.repository.at("new"), found),
        "GET": partial(manifests.look, transport, written.repository.at("t")),
        "HEAD": partial(manifests.find, transport, written.pinned(written.digest)),
    }
    asked = len(front.log)
    front.fail(Fault(method, "/manifests/", after=saying(OTHER)))
    with pytest.raises(DigestError, match=OTHER):
        await asks[method]()
    assert len(front.log) == asked + 1, "somebody who lies is not asked again"


async def test_a_manifest_of_other_bytes_is_a_hard_failure(
    transport: Transport, front: Proxy, written: Reference
) -> None:
    def altered(_: Request, answer: Response) -> Answer:
        return Response(answer.status, answer.headers, answer.body + b" ")

    front.fail(Fault("GET", "/manifests/", after=altered))
    with pytest.raises(DigestError, match="the bytes are"):
        await manifests.get(transport, written)


async def test_a_token_that_ends_before_its_time_is_renewed_and_the_body_sent_again(
    lab: Lab,
) -> None:
    with proxy(lab.token.address) as front:
        repository = fresh(front.address)
        async with Transport(lab.keyring(front.address), policy=QUICK) as transport:
            written = await publish(transport, repository, "t", "text")
            asked = len(lab.service.asked)
            scope = f'scope="repository:{repository.path}:pull,push"'
            realm = f'Bearer realm="http://{lab.service.address}/token",service="test",{scope}'
            front.fail(Fault("PUT", before=answering(401, {"WWW-Authenticate": realm})))
            await manifests.put(transport, repository.at("u"), written)
            assert await manifests.find(transport, repository.at("u")) == written.digest
            assert len(lab.service.asked) == asked + 1


async def test_a_token_service_that_is_busy_and_then_broken_is_asked_again(lab: Lab) -> None:
    lab.service.answers += [Response(429, {"Retry-After": "1"}), Response(500), Response(503)]
    async with Transport(lab.keyring(), policy=QUICK) as transport:
        began = time.monotonic()
        assert await manifests.find(transport, fresh(lab.token.address).at("t")) is None
        assert time.monotonic() - began >= 1
    assert not lab.service.answers


async def test_a_source_that_breaks_off_leaves_no_session(
    transport: Transport, front: Proxy, repository: Repository
) -> None:
    async def source(_: int) -> AsyncGenerator[bytes]:
        yield b"half"
        raise RegistryError("the other registry went away")

    blob = blobs.Blob(OTHER, 8)
    with pytest.raises(RegistryError, match="went away"):
        await blobs.push(transport, repository, blob, source)
    assert len(front.seen("DELETE", "/uploads/")) == 1


@pytest.mark.parametrize("kind", ["fallback", "api"])
async def test_two_signers_at_once_lose_none_of_the_referrers(
    lab: Lab, transport: Transport, kind: str
) -> None:
    repository = fresh((lab.own if kind == "api" else lab.basic).address)
    subject = await publish(transport, repository, "t", "subject")
    empty, source = blobs.of_bytes(b"{}")
    await blobs.push(transport, repository, empty, source)
    made = [_referrer(subject, empty, str(number)) for number in range(2)]
    async with Transport(lab.keyring(), policy=QUICK) as other, anyio.create_task_group() as group:
        group.start_soon(referrers.attach, transport, repository, made[0])
        group.start_soon(referrers.attach, other, repository, made[1])
    found = await referrers.find(transport, repository.at(subject.digest), KIND)
    assert {row["digest"] for row in found} == {manifest.digest for manifest in made}


def _referrer(subject: Manifest, empty: blobs.Blob, note: str) -> Manifest:
    def part(media_type: str, digest: str, size: int) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": digest, "size": size}

    config = part("application/vnd.oci.empty.v1+json", empty.digest, empty.size)
    data = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": KIND,
        "config": config,
        "layers": [config],
        "subject": part(subject.media_type, subject.digest, len(subject.raw)),
        "annotations": {"note": note},
    }
    return Manifest(json.dumps(data).encode(), OCI_MANIFEST)
