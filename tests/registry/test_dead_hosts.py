"""A host that fails as a whole costs a run once, not once an image; and only itself."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from registries.http11 import Answer, Request, Response, serving
from registries.images import publish
from registries.legs import Scene, place
from registries.many_images import entries, push
from registries.oci import oci_registry
from registries.proxy import Fault, answering, cut, proxy
from registries.session import QUICK, Servers, fresh

from localai_ci.errors import LocalaiCiError
from localai_ci.oci import manifests
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.errors import HostDownError, RegistryError
from localai_ci.oci.retry import Policy
from localai_ci.oci.transport import Transport
from localai_ci.release.result import Status

pytestmark = pytest.mark.anyio
ALWAYS = 10**6
IMPATIENT = replace(QUICK, outage=1.0, timeout=0.4, deadline=0.6, rest=5.0, cap=0.5, base=0.05)
"""The policy of the field, thirty times faster."""


@contextmanager
def refusing() -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, and nobody listens
        yield f"127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """Takes connections and says nothing: the kernel does that by itself."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(512)
        yield f"127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def failing(status: int) -> Iterator[str]:
    async def handle(_: Request) -> Answer:
        return Response(status)

    with serving(handle) as port:
        yield f"127.0.0.1:{port}"


@contextmanager
def nowhere() -> Iterator[str]:
    yield "no-such-host.invalid:443"


DEAD: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "refuses": refusing,
    "is silent": silent,
    "answers 502": partial(failing, 502),
    "has no address": nowhere,
}


@pytest.mark.parametrize("kind", DEAD)
async def test_a_dead_registry_costs_a_merge_seconds_and_the_others_tags_stay(kind: str) -> None:
    with ExitStack() as stack:
        sound = stack.enter_context(oci_registry())
        second = stack.enter_context(oci_registry())
        async with Transport(policy=IMPATIENT) as transport:
            scene = Scene(transport, (place("a", sound.address), place("b", second.address)))
            receipts = await push(scene, entries(60, 10))
        before = {name: dict(repo.tags) for name, repo in sound.repos.items() if repo.tags}
        dead = stack.enter_context(DEAD[kind]())
        targets = (scene.targets[0], place("b", dead))
        async with Transport(policy=IMPATIENT, plain_http=frozenset({dead})) as transport:
            scene = Scene(transport, targets)
            began = time.monotonic()
            result = await scene.merge(receipts)
            took = time.monotonic() - began
    assert took < 8
    assert {row.status for row in result.images} == {Status.failed}
    assert all(dead.partition(":")[0] in row.error for row in result.images)
    assert sum("since" in row.error for row in result.images) > 40
    assert {name: dict(repo.tags) for name, repo in sound.repos.items() if repo.tags} == before


async def test_a_registry_that_takes_no_writes_costs_seconds_too(servers: Servers) -> None:
    """Read-only for a while: questions are answered, every write is 503."""
    with proxy(servers.own.address) as front:
        async with Transport(policy=IMPATIENT) as transport:
            scene = Scene(transport, (place("a", front.address),))
            receipts = await push(scene, entries(60, 0))
            front.fail(Fault("PUT|POST", times=ALWAYS, before=answering(503)))
            began = time.monotonic()
            result = await scene.merge(receipts)
            assert time.monotonic() - began < 8
    assert {row.status for row in result.images} == {Status.failed}
    assert sum("has failed at writes since" in row.error for row in result.images) > 40


async def test_a_rerun_completes_what_a_dead_registry_left(servers: Servers) -> None:
    with proxy(servers.own.address) as front:
        async with Transport(policy=IMPATIENT) as transport:
            scene = Scene(transport, (place("a", servers.own.address), place("b", front.address)))
            receipts = await push(scene, entries(5, 1))
            front.fail(down := Fault(".*", times=ALWAYS, before=cut))
            assert not (await scene.merge(receipts)).ok
        down.times = 0
        async with Transport(policy=IMPATIENT) as transport:
            assert (await replace(scene, transport=transport).merge(receipts)).ok


class FakeTime:
    """Sleeping costs nothing, and moves the clock."""

    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await anyio.lowlevel.checkpoint()
        self.now = max(self.now, until)


async def outcomes(transport: Transport, registry: str, many: int) -> list[LocalaiCiError]:
    found: list[LocalaiCiError] = []

    async def one(number: int) -> None:
        try:
            await manifests.find(transport, fresh(registry, f"i{number}").at("latest"))
        except LocalaiCiError as e:
            found.append(e)

    await run_all([partial(one, number) for number in range(many)])
    return found


async def test_with_the_policy_of_the_field_386_images_wait_for_a_dead_host_together() -> None:
    clock = FakeTime()
    with refusing() as dead:
        async with Transport(sleep=clock.sleep, now=lambda: clock.now) as transport:
            found = await outcomes(transport, dead, 386)
            assert len(found) == 386
            assert clock.now < 120
            assert sum(transport.requests.values()) < 40
            assert all(f"{dead} has not answered well since" in str(one) for one in found)
            again = await outcomes(transport, dead, 386)
            assert all(isinstance(one, HostDownError) for one in again)
            assert sum(transport.requests.values()) < 40


async def test_the_error_says_which_host_since_when_and_why() -> None:
    clock = FakeTime()
    with refusing() as dead:
        async with Transport(
            sleep=clock.sleep, now=lambda: clock.now, wall=lambda: 3_600.0 + clock.now
        ) as transport:
            first = str((await outcomes(transport, dead, 50))[-1])
            later = str((await outcomes(transport, dead, 50))[-1])
    assert f"{dead} has not answered well since 01:00:00 UTC" in first
    assert f"{dead} has failed at reads since 01:00:00 UTC" in later
    for text in (first, later):
        assert "ClientConnectorError" in text
        assert "Run it again" in text


async def test_a_host_that_comes_back_is_found_by_one_probe(servers: Servers) -> None:
    clock = FakeTime()
    with proxy(servers.own.address) as front:
        front.fail(down := Fault(".*", times=ALWAYS, before=cut))
        async with Transport(sleep=clock.sleep, now=lambda: clock.now) as transport:
            await outcomes(transport, front.address, 20)
            seen = len(front.log)
            await outcomes(transport, front.address, 20)
            assert len(front.log) == seen, "nothing is sent to a host that is down"
            clock.now += 60
            await outcomes(transport, front.address, 20)
            assert len(front.log) == seen + 1
            down.times = 0
            clock.now += 120
            assert await outcomes(transport, front.address, 20) == []


async def test_no_lock_is_held_while_a_token_service_is_waited_for(servers: Servers) -> None:
    """Requests of one registry share a token's failure; those of another do not even notice."""
    servers.service.answers += [Response(503)] * 30
    try:
        async with Transport(servers.keyring(), policy=replace(IMPATIENT, outage=0.5)) as transport:
            began = time.monotonic()
            async with anyio.create_task_group() as group:
                group.start_soon(outcomes, transport, servers.token.address, 40)
                assert await manifests.find(transport, fresh(servers.own.address).at("t")) is None
                assert time.monotonic() - began < 0.4
            assert time.monotonic() - began < 5
        assert len(servers.service.answers) > 10
    finally:
        servers.service.answers.clear()


@pytest.mark.parametrize(
    ("images", "rate", "burst"),
    [(60, 50, 5), (60, 50, 50), pytest.param(400, 10, 20, marks=pytest.mark.slow)],
)
async def test_a_registry_that_throttles_is_written_as_fast_as_it_takes_it(
    images: int, rate: float, burst: float
) -> None:
    refused, tokens, at = 0, burst, time.monotonic()

    def limit(request: Request) -> Request | Answer:
        nonlocal refused, tokens, at
        now = time.monotonic()
        tokens, at = min(burst, tokens + (now - at) * rate), now
        if tokens < 1:
            refused += 1
            return Response(429)
        tokens -= 1
        return request

    with oci_registry() as registry, proxy(registry.address) as front:
        async with Transport(policy=Policy()) as transport:
            scene = Scene(transport, (place("a", front.address),))
            receipts = await push(scene, entries(images, 0))
            written = len(front.seen("PUT"))
            front.fail(Fault("PUT", times=ALWAYS, before=limit))
            began = time.monotonic()
            result = await scene.merge(receipts, keep_anchors=True)
            took = time.monotonic() - began
    assert result.ok, [row.error for row in result.images if row.error][:1]
    writes = len(front.seen("PUT")) - written - refused
    assert writes >= 4 * images
    assert took < 1.5 * writes / rate + 2
    assert refused < 0.5 * writes


async def test_a_throttled_host_keeps_what_it_was_told_to_wait(servers: Servers) -> None:
    with proxy(servers.own.address) as front:
        front.fail(Fault("HEAD", times=1, before=answering(429, {"Retry-After": "1"})))
        async with Transport(policy=QUICK) as transport:
            began = time.monotonic()
            assert await outcomes(transport, front.address, 10) == []
            assert time.monotonic() - began >= 1


async def test_a_503_that_says_too_many_requests_is_throttling(servers: Servers) -> None:
    body = b'{"errors":[{"code":"TOOMANYREQUESTS"}]}'
    with proxy(servers.own.address) as front:
        front.fail(Fault("PUT", "manifests", times=12, before=answering(503, {}, body)))
        async with Transport(policy=QUICK) as transport:
            await publish(transport, fresh(front.address), "t", "x")
    assert len(front.seen("PUT", "manifests")) == 13


async def test_writes_that_must_wait_hold_up_no_question(servers: Servers) -> None:
    with proxy(servers.own.address) as front:
        front.fail(Fault("PUT", times=1, before=answering(429, {"Retry-After": "2"})))
        async with Transport(policy=QUICK) as transport:
            repository = fresh(front.address)

            async def write(number: int) -> None:
                await publish(transport, repository, f"t{number}", f"x{number}")

            async with anyio.create_task_group() as group:
                for number in range(20):
                    group.start_soon(write, number)
                await asyncio.sleep(0.3)
                began = time.monotonic()
                await manifests.find(transport, fresh(front.address).at("t"))
                assert time.monotonic() - began < 0.5


async def test_a_host_that_throttles_for_ever_ends_by_name(servers: Servers) -> None:
    clock = FakeTime()
    with proxy(servers.own.address) as front:
        front.fail(Fault("HEAD", times=ALWAYS, before=answering(429)))
        async with Transport(sleep=clock.sleep, now=lambda: clock.now) as transport:
            found = await outcomes(transport, front.address, 50)
            assert len(found) == 50
            assert 290 < clock.now < 400
            assert all(isinstance(one, RegistryError) and "429" in str(one) for one in found)
