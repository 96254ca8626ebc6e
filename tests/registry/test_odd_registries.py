"""Registries that do what the specification does not say, or not what it says."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from registries.http11 import Answer, Request, Response
from registries.images import image, publish
from registries.oci import Registry, oci_registry
from registries.proxy import Before, Fault, Proxy, answer_lost, answering, proxy
from registries.session import QUICK, Servers, fresh

from localai_ci.oci import blobs, copy, manifests
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.manifests import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport

pytestmark = pytest.mark.anyio
MANIFEST = "/manifests/"
ALWAYS = 10**6


@pytest.fixture
def odd() -> Iterator[tuple[Registry, Proxy]]:
    """The own registry behind the fault proxy."""
    with oci_registry() as registry, proxy(registry.address) as made:
        yield registry, made


@pytest.fixture
async def client() -> AsyncIterator[Transport]:
    async with Transport(policy=QUICK) as made:
        yield made


# A4, A5: a mount that is refused, in whatever way, becomes an upload.


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500, 501, 503])
async def test_a_refused_mount_becomes_an_upload_and_is_not_tried_again(
    odd: tuple[Registry, Proxy], client: Transport, status: int
) -> None:
    _, front = odd
    here, there = fresh(front.address), fresh(front.address)
    front.fail(Fault("POST", "mount=", times=ALWAYS, before=answering(status)))
    for text in (b"one", b"two"):
        blob, source = blobs.of_bytes(text)
        await blobs.push(client, here, blob, source)
        assert await blobs.copy(client, blob, here, there)
        assert await blobs.exists(client, there, blob.digest)
    assert len(front.seen("POST", "mount=")) <= 2


@pytest.mark.parametrize("granted", ["last", "first", "none of two"])
async def test_a_token_for_one_of_two_repositories_copies_by_upload(
    servers: Servers, granted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitLab's service grants the last scope that is asked for."""
    here, there = fresh(servers.token.address), fresh(servers.token.address)
    blob, source = blobs.of_bytes(granted.encode())
    async with Transport(servers.keyring(), policy=QUICK) as transport:
        await blobs.push(transport, here, blob, source)
        issue = servers.service.token

        def narrow(scopes: list[str], *, trusted: bool) -> dict[str, object]:
            kept = {"last": scopes[-1:], "first": scopes[:1], "none of two": []}[granted]
            return issue(kept if len(scopes) > 1 else scopes, trusted=trusted)

        monkeypatch.setattr(servers.service, "token", narrow)
        await blobs.copy(transport, blob, here, there)
        assert await blobs.exists(transport, there, blob.digest)


# A9: lists of tags.


def _linking(link: str, tags: list[str] | None) -> Before:
    headers = {"Link": link, "Content-Type": "application/json"}
    return answering(200, headers, json.dumps({"name": "x", "tags": tags}).encode())


@pytest.mark.parametrize("target", ["</v2/x/tags/list?last=a>", "<?n=1000>", "<>"])
async def test_a_list_of_tags_that_goes_round_in_a_circle_ends_by_name(
    odd: tuple[Registry, Proxy], client: Transport, target: str
) -> None:
    _, front = odd
    link = _linking(f'{target}; rel="next"', ["a"])
    front.fail(Fault("GET", "tags/list", times=ALWAYS, before=link))
    with pytest.raises(RegistryError, match="in a circle") as caught:
        await manifests.list_tags(client, fresh(front.address))
    assert front.address in str(caught.value)
    assert len(front.seen("GET", "tags/list")) <= 3


async def test_an_endless_list_of_tags_ends_at_the_limit_of_pages(
    odd: tuple[Registry, Proxy], client: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    from localai_ci.oci import limits

    monkeypatch.setattr(limits, "PAGES", 25)
    _, front = odd
    pages = iter(range(ALWAYS))

    def page(_: Request) -> Answer:
        number = next(pages)
        body = json.dumps({"tags": [f"t{number}"]}).encode()
        return Response(200, {"Link": f'</v2/x/tags/list?last={number}>; rel="next"'}, body)

    front.fail(Fault("GET", "tags/list", times=ALWAYS, before=page))
    with pytest.raises(RegistryError, match="more than 25 pages"):
        await manifests.list_tags(client, fresh(front.address))


@pytest.mark.parametrize("last", [[], None])
async def test_an_empty_page_is_the_last_one_whatever_it_links_to(
    odd: tuple[Registry, Proxy], client: Transport, last: list[str] | None
) -> None:
    _, front = odd
    link = '/v2/x/tags/list?next_page=g%3D&n=50; rel=next, </other>; rel="prev"'  # quay, ECR
    front.fail(
        Fault("GET", "tags/list", before=_linking(link, ["a", "b"])),
        Fault("GET", "tags/list", before=_linking(link, last)),
    )
    assert await manifests.list_tags(client, fresh(front.address)) == ["a", "b"]
    assert front.seen("GET", "tags/list")[1][1] == "/v2/x/tags/list?next_page=g%3D&n=50"


@pytest.mark.parametrize(
    "target", ["http://127.0.0.9/v2/x", "http://169.254.169.254/x", "//127.0.0.9/x"]
)
async def test_a_list_of_tags_goes_on_at_no_other_host(
    odd: tuple[Registry, Proxy], client: Transport, target: str
) -> None:
    _, front = odd
    link = _linking(f'<{target}>; rel="next"', ["a"])
    front.fail(Fault("GET", "tags/list", before=link))
    with pytest.raises(RegistryError, match=r"another host|not gone to"):
        await manifests.list_tags(client, fresh(front.address))


# A12: what is not a manifest.


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<!DOCTYPE html><title>Sign in</title>"),
        ("text/html; charset=utf-8", json.dumps({"schemaVersion": 2, "manifests": []}).encode()),
        (OCI_INDEX, b"<html>"),
        ("application/json", b'{"token": "x"}'),
        ("application/vnd.docker.distribution.manifest.v1+json", b'{"schemaVersion": 1}'),
        (OCI_INDEX, b'{"manifests": [], "layers": [], "config": {}}'),
        (OCI_INDEX, json.dumps({"mediaType": OCI_MANIFEST, "manifests": []}).encode()),
        (OCI_INDEX, b"[" * 100_000),
    ],
)
async def test_what_is_no_manifest_is_the_registrys_fault_by_name(
    odd: tuple[Registry, Proxy], client: Transport, kind: str, body: bytes
) -> None:
    _, front = odd
    page = answering(200, {"Content-Type": kind}, body)
    front.fail(Fault("GET|HEAD", MANIFEST, times=ALWAYS, before=page))
    for ask in (manifests.get, manifests.find):
        with pytest.raises(RegistryError, match="not a manifest") as caught:
            await ask(client, fresh(front.address).at("latest"))
        assert front.address in str(caught.value)
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", DOCKER_LIST.upper()])
async def test_a_manifests_own_word_says_what_it_is_where_the_header_does_not(
    odd: tuple[Registry, Proxy], client: Transport, kind: str
) -> None:
    _, front = odd
    said = DOCKER_LIST if kind else OCI_INDEX
    raw = json.dumps({"schemaVersion": 2, "mediaType": said, "manifests": []}).encode()
    front.fail(Fault("GET", MANIFEST, before=answering(200, {"Content-Type": kind}, raw)))
    assert await manifests.get(client, fresh(front.address).at("t")) == Manifest(raw, said)


async def test_a_200_of_html_for_the_list_of_tags_is_named(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    _, front = odd
    front.fail(Fault("GET", "tags/list", before=answering(200, {}, b"<html>\x1b[2J")))
    with pytest.raises(RegistryError, match="not a list of tags") as caught:
        await manifests.list_tags(client, fresh(front.address))
    assert "\x1b" not in str(caught.value)


# A13: HEAD and GET.


@pytest.mark.parametrize("status", [404, 405, 501, 503])
async def test_get_decides_where_head_does_not_know_what_was_just_written(
    odd: tuple[Registry, Proxy], client: Transport, status: int
) -> None:
    _, front = odd
    repository = fresh(front.address)
    front.fail(Fault("HEAD", MANIFEST, times=ALWAYS, before=answering(status)))
    written = await publish(client, repository, "t", "text")
    await copy.settled(client, repository.at("t"), written.digest)
    heads = len(front.seen("HEAD", MANIFEST))
    assert await manifests.find(client, repository.at("t")) == written.digest
    assert len(front.seen("HEAD", MANIFEST)) == heads, "what HEAD is worth is remembered"


async def test_an_image_that_is_there_is_found_where_head_always_fails(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    _, front = odd
    repository = fresh(front.address)
    written = await publish(client, repository, "t", "text")
    front.fail(Fault("HEAD", times=ALWAYS, before=answering(500)))
    assert await manifests.find(client, repository.at("t")) == written.digest
    assert await blobs.exists(client, repository, manifests.parts(written)[0].digest)


async def test_that_nothing_is_there_is_not_believed_where_head_always_fails(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    _, front = odd
    front.fail(Fault("HEAD", times=ALWAYS, before=answering(500)))
    with pytest.raises(RegistryError, match="500"):
        await manifests.find(client, fresh(front.address).at("t"))


# A14: addresses, byte for byte.


@pytest.mark.parametrize(
    "query",
    [
        "_state=a%2Fb==&x", "q=*~%7E%20+a", "flag", "flag&", "", "a=%e2%82%ac&b=(c)'!$,;:@/?",
        "X-Amz-Signature=0%2f9&x=%zz",
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [10, 2500])
async def test_an_upload_address_is_kept_byte_for_byte(
    odd: tuple[Registry, Proxy],
    client: Transport,
    query: str,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    _, front = odd

    def signed(_: Request, answer: Response) -> Answer:
        where = f"{answer.headers['location'].partition('?')[0]}?{query}"
        return replace(answer, headers={**answer.headers, "location": where})

    front.fail(Fault("POST|PATCH", "uploads", times=ALWAYS, after=signed))
    blob, source = blobs.of_bytes(b"b" * size)
    repository = fresh(front.address)
    assert await blobs.push(client, repository, blob, source)
    sent = [target.partition("?")[2] for _, target, _ in front.seen("PATCH|PUT", "uploads")]
    assert sent[:-1] == [query] * (len(sent) - 1)
    assert sent[-1].startswith(query)
    assert sent[-1].removeprefix(query).lstrip("&") == f"digest={blob.digest}".replace(":", "%3A")


async def test_a_relative_upload_address_is_one_of_the_answer(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    _, front = odd

    def relative(_: Request, answer: Response) -> Answer:
        name = answer.headers["location"].rpartition("/")[2]
        return replace(answer, headers={**answer.headers, "location": f"{name}?_state=z"})

    front.fail(Fault("POST", "uploads", after=relative))
    blob, source = blobs.of_bytes(b"relative")
    assert await blobs.push(client, fresh(front.address), blob, source)


# Uploads: what "0-0" means, and what a registry had not after all.


async def test_nothing_stored_may_be_told_as_one_byte(
    odd: tuple[Registry, Proxy], client: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """distribution-spec#577: the first chunk was lost, the session says ``0-0``."""
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    _, front = odd
    empty = lambda request: replace(request, body=b"")  # noqa: E731
    front.fail(Fault("PATCH", before=empty, after=answer_lost))
    blob, source = blobs.of_bytes(bytes(i % 251 for i in range(2500)))
    repository = fresh(front.address)
    assert await blobs.push(client, repository, blob, source)
    assert len(front.seen("POST")) == 1


async def test_a_registry_that_ignores_ranges_is_read_piece_by_piece(
    odd: tuple[Registry, Proxy], client: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    _, front = odd
    data = bytes(i % 251 for i in range(3500))
    blob, source = blobs.of_bytes(data)
    repository = fresh(front.address)
    await blobs.push(client, repository, blob, source)

    def whole(request: Request) -> Request:
        kept = {k: v for k, v in request.headers.items() if k.lower() != "range"}
        return replace(request, headers=kept)

    front.fail(Fault("GET", "blobs", times=ALWAYS, before=whole))
    pieces = [part async for part in blobs.pull(client, repository, blob)]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == 1000


async def test_a_manifest_of_an_odd_registry_is_written_once_read_back(
    odd: tuple[Registry, Proxy], client: Transport
) -> None:
    """No Docker-Content-Digest anywhere: the bytes decide."""
    _, front = odd

    def silent(_: Request, answer: Response) -> Answer:
        kept = {k: v for k, v in answer.headers.items() if k != "docker-content-digest"}
        return replace(answer, headers=kept)

    front.fail(Fault("GET|HEAD|PUT", times=ALWAYS, after=silent))
    repository: Repository = fresh(front.address)
    written = await publish(client, repository, "t", "text")
    await copy.settled(client, repository.at("t"), written.digest)
    assert image("text")[0] == written


async def test_a_refused_token_for_two_repositories_copies_by_upload(
    servers: Servers,
) -> None:
    here, there = fresh(servers.token.address), fresh(servers.token.address)
    blob, source = blobs.of_bytes(b"refused")
    with proxy(servers.service.address) as service, proxy(servers.token.address) as front:
        renamed = f'Bearer realm="http://{service.address}/token",service="test"'

        def elsewhere(_: Request, answer: Response) -> Answer:
            return replace(answer, headers={**answer.headers, "www-authenticate": renamed})

        front.fail(Fault("GET", "^/v2/$", times=ALWAYS, after=elsewhere))
        service.fail(Fault("GET", "scope.*scope", times=ALWAYS, before=answering(403)))
        here, there = (replace(one, registry=front.address) for one in (here, there))
        async with Transport(servers.keyring(front.address), policy=QUICK) as transport:
            await blobs.push(transport, here, blob, source)
            await blobs.copy(transport, blob, here, there)
            assert await blobs.exists(transport, there, blob.digest)
        assert len(service.seen("GET", "scope.*scope")) == 1
