"""What comes over the wire is bounded, and goes nowhere that it was not meant for."""

import asyncio
import gzip
import json
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from registries.http11 import Answer, Request, Response, serving
from registries.images import publish
from registries.oci import oci_registry
from registries.proxy import Fault, Proxy, answering, proxy
from registries.session import CANARY, QUICK, USER, Servers, fresh
from registries.streams import Stream, streaming

from localai_ci.oci import blobs, manifests, referrers
from localai_ci.oci.credentials import Credential, Keyring
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport

pytestmark = pytest.mark.anyio
ALWAYS = 10**6
SHORT = replace(QUICK, attempts=2, timeout=1.0, deadline=1.0, outage=2.0)
Ask = Callable[[Transport, Repository], Awaitable[object]]
ASKS: dict[str, Ask] = {
    "manifest": lambda t, r: manifests.get(t, r.at("t")),
    "list of tags": manifests.list_tags,
    "referrers": lambda t, r: referrers.find(t, r.at("sha256:" + "0" * 64)),
    "blob": lambda t, r: blobs.exists(t, r, "sha256:" + "0" * 64),
}


def head(status: str = "200 OK", *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


async def endless(_: str) -> AsyncIterator[bytes]:
    yield head("200 OK", "Content-Type: application/json")
    while True:
        yield b" " * 2**16


async def announced(_: str) -> AsyncIterator[bytes]:
    yield head("200 OK", "Content-Length: 3000000000")
    while True:
        yield b" " * 2**16


async def dripping(_: str) -> AsyncIterator[bytes]:
    yield head("200 OK", "Content-Length: 1000")
    while True:
        yield b" "
        await asyncio.sleep(0.2)


async def dripping_head(_: str) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"x: y\r\n"
        await asyncio.sleep(0.2)


async def bomb(_: str) -> AsyncIterator[bytes]:
    body = gzip.compress(bytes(30_000_000))
    yield head("200 OK", "Content-Encoding: gzip", f"Content-Length: {len(body)}") + body


async def no_http(_: str) -> AsyncIterator[bytes]:
    yield b"SSH-2.0-OpenSSH_9.2\r\n"
    await asyncio.sleep(5)


async def long_header(_: str) -> AsyncIterator[bytes]:
    yield head("401 No", f"WWW-Authenticate: Bearer {'a' * 24_000}", "Content-Length: 0")


async def long_challenge(_: str) -> AsyncIterator[bytes]:
    yield head("401 No", f'WWW-Authenticate: Bearer realm="{"a" * 7000}"', "Content-Length: 0")


async def many_headers(_: str) -> AsyncIterator[bytes]:
    yield head("200 OK", *(f"x{n}: y" for n in range(5000)), "Content-Length: 0")


def pinged(stream: Stream) -> Stream:
    """The same, once the ping has been answered well."""

    async def answer(line: str) -> AsyncIterator[bytes]:
        if " /v2/ " in line:
            yield head("200 OK", "Content-Length: 0")
            return
        async for data in stream(line):
            yield data

    return answer


@pytest.mark.parametrize("ask", [name for name in ASKS if name != "blob"])
@pytest.mark.parametrize(
    "stream", [endless, announced, dripping, dripping_head, bomb, no_http, many_headers]
)
@pytest.mark.parametrize("at", ["ping", "answer"])
async def test_no_answer_takes_memory_or_time_without_end(
    ask: str, stream: Stream, at: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with streaming(pinged(stream) if at == "answer" else stream) as server:
        async with Transport(policy=SHORT) as transport:
            with pytest.raises(RegistryError) as caught:
                await ASKS[ask](transport, fresh(server.address))
        assert server.sent < 100 * 2**20
    assert server.address in str(caught.value)
    assert time.monotonic() - began < 8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


@pytest.mark.parametrize("stream", [long_header, long_challenge])
async def test_a_long_challenge_is_refused_at_once(stream: Stream) -> None:
    began = time.monotonic()
    with streaming(stream) as server:
        async with Transport(policy=SHORT) as transport:
            with pytest.raises(RegistryError, match=r"more than (4096|8190)") as caught:
                await manifests.find(transport, fresh(server.address).at("t"))
    assert time.monotonic() - began < 2
    assert len(str(caught.value)) < 700


async def test_a_manifest_of_the_largest_size_is_read(servers: Servers) -> None:
    with proxy(servers.own.address) as front:
        raw = json.dumps({"manifests": [], "annotations": {"x": "y" * (4 * 2**20 - 60)}}).encode()
        kind = {"Content-Type": manifests.OCI_INDEX}
        front.fail(Fault("GET", "manifests", before=answering(200, kind, raw)))
        async with Transport(policy=QUICK) as transport:
            found = await manifests.get_existing(transport, fresh(front.address).at("t"))
    assert len(found.raw) > 4 * 2**20 - 100


async def test_a_token_answer_is_bounded_too(servers: Servers) -> None:
    async def tokens(line: str) -> AsyncIterator[bytes]:
        async for data in endless(line):
            yield data

    with streaming(tokens) as service, proxy(servers.own.address) as front:
        asks = {"WWW-Authenticate": f'Bearer realm="http://{service.address}/t"'}
        front.fail(Fault("GET", "^/v2/$", before=answering(401, asks)))
        async with Transport(policy=SHORT) as transport:
            with pytest.raises(RegistryError, match="longer than"):
                await manifests.find(transport, fresh(front.address).at("t"))
        assert service.sent < 20 * 2**20


@pytest.mark.parametrize(
    "text", ["\x1b]0;x\x07\x1b[2Jok", "\u009b31m", "\u202egnp.exe", "a\n::add-mask::b", "x" * 10**5]
)
async def test_what_a_registry_says_is_printed_cut_and_without_control(
    servers: Servers, text: str
) -> None:
    body = json.dumps({"errors": [{"code": text, "message": text}] * 1000}).encode()
    for answer in (answering(400, {}, body), answering(400, {}, text.encode())):
        with proxy(servers.own.address) as front:
            front.fail(Fault("GET", "manifests", before=answer))
            async with Transport(policy=QUICK) as transport:
                with pytest.raises(RegistryError) as caught:
                    await manifests.get(transport, fresh(front.address).at("t"))
        assert len(str(caught.value)) < 700
        assert all(c.isprintable() or c == "\n" for c in str(caught.value))
        assert "\n::" not in str(caught.value)


@pytest.fixture
def elsewhere() -> Iterator[tuple[list[Request], str]]:
    """Another server on this machine that notes what it is sent."""
    seen: list[Request] = []

    async def handle(request: Request) -> Answer:
        seen.append(request)
        return Response(404)

    with serving(handle) as port:
        yield seen, f"127.0.0.1:{port}"


async def test_a_password_follows_no_redirect_to_another_port(
    servers: Servers, front: Proxy, elsewhere: tuple[list[Request], str]
) -> None:
    seen, address = elsewhere
    front.fail(
        Fault("GET", "manifests", before=answering(307, {"Location": f"http://{address}/x"}))
    )
    async with Transport(servers.keyring(front.address), policy=QUICK) as transport:
        assert await manifests.get(transport, fresh(front.address).at("t")) is None
    assert [request.headers.get("authorization") for request in seen] == [None]
    assert "cookie" not in seen[0].headers


@pytest.mark.parametrize("shape", ["http://{}/u", "HTTP://{}/u?x=%7E", "//{}/u"])
async def test_an_upload_elsewhere_gets_bytes_and_no_password(
    servers: Servers, front: Proxy, elsewhere: tuple[list[Request], str], shape: str
) -> None:
    seen, address = elsewhere
    front.fail(Fault("POST", "uploads", before=answering(202, {"Location": shape.format(address)})))
    blob, source = blobs.of_bytes(b"x")
    async with Transport(
        servers.keyring(front.address), policy=replace(QUICK, attempts=1)
    ) as client:
        with pytest.raises(RegistryError):
            await blobs.push(client, fresh(front.address), blob, source)
    assert {request.headers.get("authorization") for request in seen} == {None}


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/", "http://10.0.0.1/u", "http://[::ffff:169.254.169.254]/u",
        "https://127.0.0.1@evil.example/u", "ftp://127.0.0.1/u", "file:///etc/passwd",
        "http://evil.example/u", "https://", "http://[/", "javascript:alert(1)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_registry_sends_this_client_into_no_other_net(
    servers: Servers, location: str, method: str
) -> None:
    with proxy(servers.own.address) as front:
        status = 202 if method == "POST" else 307
        front.fail(
            Fault(method, "uploads|manifests", before=answering(status, {"Location": location}))
        )
        blob, source = blobs.of_bytes(b"private")
        began = time.monotonic()
        async with Transport(policy=QUICK) as transport:
            repository = fresh(front.address)
            act = (
                blobs.push(transport, repository, blob, source)
                if method == "POST"
                else manifests.get(transport, repository.at("t"))
            )
            with pytest.raises(RegistryError, match=r"not (gone to|followed)"):
                await act
        assert time.monotonic() - began < 2


async def test_a_token_service_that_redirects_is_sent_nothing_more(
    servers: Servers, elsewhere: tuple[list[Request], str]
) -> None:
    seen, address = elsewhere
    redirect = answering(307, {"Location": f"http://{address}/steal"})
    for credential in (Credential(USER, CANARY), Credential("", CANARY, identity=True)):
        with proxy(servers.own.address) as front, proxy(servers.service.address) as service:
            asks = {"WWW-Authenticate": f'Bearer realm="http://{service.address}/token"'}
            front.fail(Fault("GET", "^/v2/$", before=answering(401, asks)))
            service.fail(Fault(".*", times=ALWAYS, before=redirect))
            keyring = Keyring({front.address: credential})
            async with Transport(keyring, policy=QUICK) as transport:
                with pytest.raises(RegistryError, match="redirects") as caught:
                    await manifests.find(transport, fresh(front.address).at("t"))
            assert CANARY not in str(caught.value)
    assert seen == []


async def test_a_realm_is_checked_again_whenever_it_is_named(servers: Servers) -> None:
    """The first challenge is good, a later one leads elsewhere."""
    with proxy(servers.token.address) as front:
        later = {"WWW-Authenticate": 'Bearer realm="https://other.example/t"'}
        async with Transport(servers.keyring(front.address), policy=QUICK) as transport:
            repository = fresh(front.address)
            await publish(transport, repository, "t", "x")
            front.fail(Fault("GET", "manifests", before=answering(401, later)))
            with pytest.raises(RegistryError, match=r"other\.example, which is not of its own"):
                await manifests.get(transport, repository.at("t"))


async def test_a_declared_token_service_is_used() -> None:
    tokens: list[Request] = []

    async def issue(request: Request) -> Answer:
        tokens.append(request)
        return Response(200, body=b'{"token": "t"}')

    with (
        oci_registry("127.0.0.2") as registry,
        proxy(registry.address) as front,
        serving(issue, host="127.0.0.3") as port,
    ):
        realm = f"127.0.0.3:{port}"
        asks = answering(401, {"WWW-Authenticate": f'Bearer realm="http://{realm}/t"'})
        keyring = Keyring({front.address: Credential(USER, CANARY)})
        plain = frozenset({realm})
        for declared in ({}, {front.address: {"127.0.0.3"}}):
            front.fail(Fault("GET", "^/v2/$", before=asks))
            async with Transport(
                keyring, policy=QUICK, plain_http=plain, auth_hosts=declared
            ) as transport:
                find = manifests.find(transport, fresh(front.address).at("t"))
                assert await find is None
    assert len(tokens) == 2  # both are on this machine; names are told apart in the unit tests


async def test_a_proxy_of_the_environment_is_used_and_never_for_this_machine(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, elsewhere: tuple[list[Request], str]
) -> None:
    seen, address = elsewhere
    monkeypatch.setenv("http_proxy", f"http://user:secret@{address}")
    monkeypatch.setenv("no_proxy", "other.example")
    host = "registry.example"
    async with Transport(policy=QUICK, plain_http=frozenset({host})) as transport:
        assert await manifests.find(transport, fresh(host).at("t")) is None
        assert await manifests.find(transport, fresh(servers.own.address).at("t")) is None
    assert {request.target.partition("/v2/")[0] for request in seen} == {f"http://{host}"}
    assert {request.headers["proxy-authorization"] for request in seen} == {
        "Basic dXNlcjpzZWNyZXQ="
    }
