"""All or nothing: after any few faults every registry has the new image, or none moved a tag."""

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab.legs import Scene, place
from lab.proxy import Fault, Proxy, answer_lost, answering, cut, proxy
from lab.rooms import QUICK, Lab

from localai_ci.oci import manifests
from localai_ci.oci.transport import Transport

NAMES = ("sha-a1b2c3d-cpu-test", "v4.2.2-cpu-test", "latest-cpu-test")
PASSING = {
    "429": Fault("", before=answering(429, {"Retry-After": "0"})),
    "500": Fault("", before=answering(500)),
    "503": Fault("", before=answering(503)),
    "cut": Fault("", before=cut),
    "lost": Fault("", after=answer_lost),
}
FINAL = {"403": Fault("", before=answering(403)), "400": Fault("", before=answering(400))}

fault = st.tuples(
    st.sampled_from([0, 1]),
    st.sampled_from(["PUT", "HEAD", "GET", "POST", "PUT|HEAD"]),
    st.sampled_from(["", "/manifests/", "latest", "sha-", "sha256:", "blobs"]),
    st.integers(0, 6),
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    passing=st.lists(st.tuples(fault, st.sampled_from(sorted(PASSING))), max_size=4),
    final=st.none() | st.tuples(fault, st.sampled_from(sorted(FINAL))),
)
def test_after_any_schedule_of_faults_all_tags_moved_or_none(
    lab: Lab,
    passing: list[tuple[tuple[int, str, str, int], str]],
    final: tuple[tuple[int, str, str, int], str] | None,
) -> None:
    """Up to four passing faults and one for good: fewer than the tries of one request."""
    with proxy(lab.basic.address) as first, proxy(lab.own.address) as second:
        schedule = [(where, PASSING[kind]) for where, kind in passing]
        schedule += [(final[0], FINAL[final[1]])] if final else []
        anyio.run(_case, lab, (first, second), schedule)


async def _case(
    lab: Lab,
    fronts: tuple[Proxy, Proxy],
    schedule: list[tuple[tuple[int, str, str, int], Fault]],
) -> None:
    keyring = lab.keyring(*(front.address for front in fronts))
    async with Transport(keyring, policy=QUICK) as transport:
        scene = Scene(transport, (place("a", fronts[0].address), place("b", fronts[1].address)))
        one = await scene.leg("cpu-test/amd64", text="one")
        two = await scene.leg("cpu-test/amd64", text="two")
        await scene.merge([one], keep_anchors=True)
        before = await scene.tags(*NAMES)
        for (which, method, path, skip), kind in schedule:
            fronts[which].fail(Fault(method, path, 1, skip, kind.before, kind.after))
        result = await scene.merge([two], keep_anchors=True)
        for front in fronts:
            front.faults.clear()
        after = await scene.tags(*NAMES)
        digest = result.images[0].digest
        if result.ok:
            assert after == [dict.fromkeys(NAMES, digest)] * 2
            for target in scene.targets:
                assert await manifests.find(transport, target.repository.at(two.digest))
        else:
            assert after == before
        assert (await scene.merge([two], keep_anchors=True)).ok
        assert await scene.tags(*NAMES) == [dict.fromkeys(NAMES, digest)] * 2
