"""All or nothing: after any schedule of faults every registry has the new image, or none moved.

Faults that pass and that do not, throttled, slow and dead hosts, an end by `kill -9` at any
request, two releases at once. A few dozen schedules always, two thousand where there is time.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registries.http11 import Answer, Cut, Request
from registries.legs import RELEASE, Scene, place, planned
from registries.proxy import Fault, Proxy, answer_lost, answering, cut, proxy
from registries.session import QUICK, Servers

from localai_ci.config.kind import ImageKind
from localai_ci.oci import manifests
from localai_ci.oci.transport import Transport
from localai_ci.release.journal import Journal
from localai_ci.release.merge import Merge
from localai_ci.release.merge_image import Options
from localai_ci.release.receipt import Receipt
from localai_ci.release.result import WRITTEN, MergeResult
from localai_ci.release.rollback import rollback
from localai_ci.release.tags import GitEvent

NAMES = ("sha-a1b2c3d-cpu-test", "v4.2.2-cpu-test", "latest-cpu-test")
NEWER = replace(RELEASE, ref="refs/tags/v4.2.3", sha="e" * 40)
FAST = replace(QUICK, base=0.002, cap=0.01, settle=0.2)


def slowly(request: Request) -> Request:
    time.sleep(0.03)
    return request


PASSING = {
    "429": Fault("", before=answering(429, {"Retry-After": "0"})),
    "500": Fault("", before=answering(500)),
    "503": Fault("", before=answering(503)),
    "cut": Fault("", before=cut),
    "lost": Fault("", after=answer_lost),
    "slow": Fault("", before=slowly),
}
FINAL = {"403": Fault("", before=answering(403)), "400": Fault("", before=answering(400))}
Where = tuple[int, str, str, int]
where = st.tuples(
    st.sampled_from([0, 1]),
    st.sampled_from(["PUT", "HEAD", "GET", "POST", "PUT|HEAD"]),
    st.sampled_from(["", "/manifests/", "latest", "sha-", "sha256:", "blobs", "tags/list"]),
    st.integers(0, 6),
)


@dataclass(frozen=True)
class Schedule:
    """What goes wrong.

    Attributes:
        faults: Each once, at a request that matches.
        throttled: How many requests in a row a host refuses with 429.
        dead: From which request on a host gives no answer until the merge ends.
        killed: At which request to either host the merge ends as by `kill -9`.
        after: What is done then, or after a merge that did not end well.
    """

    faults: tuple[tuple[Where, str], ...]
    throttled: tuple[int, int] | None
    dead: tuple[int, int] | None
    killed: int | None
    after: str


schedules = st.builds(
    Schedule,
    faults=st.tuples(
        st.lists(st.tuples(where, st.sampled_from(sorted(PASSING))), max_size=4),
        st.lists(st.tuples(where, st.sampled_from(sorted(FINAL))), max_size=1),
    ).map(lambda both: (*both[0], *both[1])),
    throttled=st.none() | st.tuples(st.integers(0, 1), st.integers(1, 5)),
    dead=st.none() | st.none() | st.tuples(st.integers(0, 1), st.integers(0, 25)),
    killed=st.none() | st.integers(0, 60),
    after=st.sampled_from(["rerun", "rollback"]),
)
QUIETLY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
few = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=QUIETLY)
many = settings(max_examples=2000, deadline=None, suppress_health_check=QUIETLY)


@few
@given(schedule=schedules)
def test_after_any_schedule_of_faults_all_tags_moved_or_none(
    servers: Servers, schedule: Schedule
) -> None:
    with_fronts(servers, lambda fronts: one_release(servers, fronts, schedule))


@pytest.mark.slow
@many
@given(schedule=schedules)
def test_after_any_of_two_thousand_schedules_all_tags_moved_or_none(
    servers: Servers, schedule: Schedule
) -> None:
    with_fronts(servers, lambda fronts: one_release(servers, fronts, schedule))


passing = st.lists(st.tuples(where, st.sampled_from(sorted(PASSING))), max_size=4)


@settings(few, max_examples=12)
@given(faults=passing, newer_first=st.booleans())
def test_of_two_releases_at_once_under_faults_the_newer_is_latest(
    servers: Servers, faults: list[tuple[Where, str]], newer_first: bool
) -> None:
    with_fronts(
        servers, lambda fronts: two_releases(servers, fronts, faults, newer_first=newer_first)
    )


@pytest.mark.slow
@settings(many, max_examples=500)
@given(faults=passing, newer_first=st.booleans())
def test_of_two_releases_at_once_under_many_faults_the_newer_is_latest(
    servers: Servers, faults: list[tuple[Where, str]], newer_first: bool
) -> None:
    with_fronts(
        servers, lambda fronts: two_releases(servers, fronts, faults, newer_first=newer_first)
    )


Fronts = tuple[Proxy, Proxy]


def with_fronts(servers: Servers, act: Callable[[Fronts], object]) -> None:
    with proxy(servers.basic.address) as first, proxy(servers.own.address) as second:
        anyio.run(lambda: act((first, second)))  # type: ignore[arg-type,return-value]


def plant(fronts: Fronts, faults: Sequence[tuple[Where, str]]) -> None:
    for (which, method, path, skip), kind in faults:
        made = (PASSING | FINAL)[kind]
        fronts[which].fail(Fault(method, path, 1, skip, made.before, made.after))


async def merged(
    scene: Scene, receipts: Sequence[Receipt], record: Path, event: GitEvent = RELEASE
) -> MergeResult:
    """A merge with its record, as the console makes it."""
    targets = dict.fromkeys(ImageKind, scene.targets)
    work = Merge(scene.transport, targets, Options(keep_anchors=True))
    journal = Journal(record, work.result)
    work.report, work.promise, work.remembered = journal.note, journal.promise, journal.remembered
    result = await work.run(planned(receipts, event))
    journal.close()
    return result


async def one_release(servers: Servers, fronts: Fronts, schedule: Schedule) -> None:
    keyring = servers.keyring(*(front.address for front in fronts))
    places = (place("a", fronts[0].address), place("b", fronts[1].address))
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "result.json"
        async with Transport(keyring, policy=FAST) as transport:
            scene = Scene(transport, places)
            one = await scene.leg("cpu-test/amd64", text="one")
            two = await scene.leg("cpu-test/amd64", text="two")
            await scene.merge([one], keep_anchors=True)
            before = await scene.tags(*NAMES)
            plant(fronts, schedule.faults)
            if schedule.throttled:
                which, times = schedule.throttled
                busy = answering(429, {"Retry-After": "0"})
                fronts[which].fail(Fault("PUT|HEAD", "", times, before=busy))
            if schedule.dead:
                which, skip = schedule.dead
                fronts[which].fail(Fault(".*", "", 10**6, skip, before=cut))
            if schedule.killed is None:
                result = await merged(scene, [two], record)
            else:
                result = await killed(scene, two, record, fronts, schedule.killed)
            for front in fronts:
                front.faults.clear()
        async with Transport(keyring, policy=FAST) as transport:  # a process of its own
            scene = replace(scene, transport=transport)
            after = await scene.tags(*NAMES)
            digest = planned([two])[0].index
            assert digest
            new = [dict.fromkeys(NAMES, digest.digest)] * 2
            if result.ok:
                assert after == new
                for target in scene.targets:
                    assert await manifests.find(transport, target.repository.at(two.digest))
            moved = {
                str(target.repository.at(name))
                for target, was, now in zip(places, before, after, strict=True)
                for name in NAMES
                if was[name] != now[name]
            }
            assert moved <= written(result), "a tag moved that is not on record"
            if not (schedule.dead or schedule.killed is not None or result.ok):
                assert after == before
            if schedule.after == "rerun":
                assert (await merged(scene, [two], record)).ok
                assert await scene.tags(*NAMES) == new
            else:
                assert await rollback(transport, result, lambda *_: None)
                assert await scene.tags(*NAMES) == before


def written(result: MergeResult) -> set[str]:
    return {tag.image for row in result.images for tag in row.tags if tag.state in WRITTEN}


async def killed(
    scene: Scene, leg: Receipt, record: Path, fronts: Fronts, number: int
) -> MergeResult:
    """A merge that ends at a request, as if by `kill -9`: the record is what is on disk then."""
    left: list[bytes | None] = []
    count = [0]
    loop_token = anyio.lowlevel.current_token()
    with anyio.CancelScope() as scope:

        def at(request: Request) -> Request | Answer:
            count[0] += 1
            if count[0] <= number:
                return request
            if not left:
                left.append(record.read_bytes() if record.exists() else None)
                anyio.from_thread.run_sync(scope.cancel, token=loop_token)
            return Cut()

        for front in fronts:
            front.fail(Fault(".*", "", 10**6, before=at))
        result = await merged(scene, [leg], record)
    if not left:
        return result
    return put_down(record, left[0])


def put_down(record: Path, text: bytes | None) -> MergeResult:
    """The record as the killed merge left it, if it had written one."""
    if text is None:
        record.unlink(missing_ok=True)
        return MergeResult()
    record.write_bytes(text)
    return MergeResult.read(record)


async def two_releases(
    servers: Servers, fronts: Fronts, faults: Sequence[tuple[Where, str]], *, newer_first: bool
) -> None:
    keyring = servers.keyring(*(front.address for front in fronts))
    places = (place("a", fronts[0].address), place("b", fronts[1].address))
    async with (
        Transport(keyring, policy=FAST) as ours,
        Transport(keyring, policy=FAST) as theirs,
    ):
        scene, other = Scene(ours, places), Scene(theirs, places)
        old = await scene.leg("cpu-test/amd64", text="old")
        new = await scene.leg("cpu-test/amd64", text="new")
        plant(fronts, faults)
        results: dict[str, MergeResult] = {}

        async def run(name: str, by: Scene, leg: Receipt, event: GitEvent) -> None:
            results[name] = await by.merge([leg], event, keep_anchors=True)

        calls = [("old", scene, old, RELEASE), ("new", other, new, NEWER)]
        async with anyio.create_task_group() as group:
            for call in reversed(calls) if newer_first else calls:
                group.start_soon(run, *call)
        for front in fronts:
            front.faults.clear()
        found = await scene.tags("latest-cpu-test")
        digest = results["new"].images[0].digest
        if results["new"].ok:
            assert found == [{"latest-cpu-test": digest}] * 2, results
        assert (await other.merge([new], NEWER, keep_anchors=True)).ok
        assert await scene.tags("latest-cpu-test") == [{"latest-cpu-test": digest}] * 2
