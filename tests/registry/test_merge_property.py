"""Whatever fails and when: all registries show the same complete index, or no tag has moved."""

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import anyio
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from lab.legs import Scene, place
from lab.oci import Registry, Repo, oci_registry
from lab.proxy import Fault, Proxy, answer_lost, answering, cut, proxy

from localai_ci.registry.backoff import Policy
from localai_ci.registry.receipt import Receipt
from localai_ci.registry.results import ImageRow, MergeResult, Status
from localai_ci.registry.transport import Transport

NAMES = ("v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test")
HURRIED = Policy(base=0.001, cap=0.002, budget=5, attempts=3, settle=0.3, timeout=5)
N = 2 * HURRIED.attempts - 1  # one request can fail for good, and what mends it cannot
KINDS = {
    "unavailable": partial(Fault, before=answering(503)),
    "too many": partial(Fault, before=answering(429, {"Retry-After": "0"})),
    "cut": partial(Fault, before=cut),
    "answer lost": partial(Fault, after=answer_lost),
}


@dataclass(frozen=True)
class Burst:
    """So many faults of one kind, from the so-manieth matching request of a registry on."""

    registry: int
    kind: str
    method: str
    start: int
    length: int

    def fault(self) -> Fault:
        return KINDS[self.kind](self.method, skip=self.start, times=self.length)


def within_budget(bursts: Sequence[Burst]) -> list[Burst]:
    """No more than N faults in all."""
    found, left = [], N
    for burst in bursts:
        found.append(replace(burst, length=min(burst.length, left)))
        left -= found[-1].length
    return found


bursts = st.lists(
    st.builds(
        Burst,
        registry=st.integers(0, 1),
        kind=st.sampled_from(sorted(KINDS)),
        method=st.sampled_from(["HEAD|GET", "PUT", "PUT|POST|DELETE", ".*"]),
        start=st.integers(0, 20),
        length=st.sampled_from([1, HURRIED.attempts, N]),
    ),
    max_size=3,
).map(within_budget)


@dataclass
class World:
    """Two registries with an older release in them, and a newer one waiting to be merged."""

    registries: Sequence[Registry]
    fronts: Sequence[Proxy]
    scene: Scene
    receipts: Sequence[Receipt]
    before: Sequence[dict[str, Repo]]

    def reset(self) -> None:
        for registry, front, repos in zip(self.registries, self.fronts, self.before, strict=True):
            registry.repos = copy.deepcopy(repos)
            front.faults.clear()

    def tags(self) -> list[dict[str, str]]:
        """What stands in the registries themselves, past all proxies."""
        return [
            dict(registry.repos[target.repository.path].tags)
            for registry, target in zip(self.registries, self.scene.targets, strict=True)
        ]

    def complete(self, digest: str) -> bool:
        """Whether every registry has the index and all its children under every tag."""
        for registry, target in zip(self.registries, self.scene.targets, strict=True):
            repo = registry.repos[target.repository.path]
            if {repo.tags.get(name) for name in NAMES} != {digest}:
                return False
            children = json.loads(repo.manifests[digest][1])["manifests"]
            if len(children) != 2 or any(c["digest"] not in repo.manifests for c in children):
                return False
        return True

    def merge(self, faults: Sequence[Burst]) -> ImageRow:
        for burst in faults:
            self.fronts[burst.registry].fail(burst.fault())

        async def run() -> MergeResult:
            async with Transport(policy=HURRIED) as transport:
                scene = Scene(transport, self.scene.targets)
                return await scene.merge(self.receipts)

        (row,) = anyio.run(run).images
        return row


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with ExitStack() as stack:
        registries = [stack.enter_context(oci_registry()) for _ in range(2)]
        fronts = [stack.enter_context(proxy(registry.address)) for registry in registries]
        places = [place(str(n), front.address) for n, front in enumerate(fronts)]
        scene = Scene(Transport(), tuple(places))

        async def prepare() -> list[Receipt]:
            async with Transport(policy=HURRIED) as transport:
                scene.transport = transport
                await scene.merge(await scene.both("older"))
                return await scene.both("newer")

        receipts = anyio.run(prepare)
        before = [copy.deepcopy(registry.repos) for registry in registries]
        yield World(registries, fronts, scene, receipts, before)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(faults=bursts)
def test_after_any_faults_all_tags_show_one_complete_index_or_none_has_moved(
    world: World, faults: list[Burst]
) -> None:
    world.reset()
    before = world.tags()
    row = world.merge(faults)
    event(row.status)
    if row.status is Status.merged:
        assert world.complete(row.digest), row
    else:
        assert row.status is Status.failed
        assert world.tags() == before, row
    world.fronts[0].faults.clear()
    world.fronts[1].faults.clear()
    assert world.complete(world.merge([]).digest), "a rerun completes it"
