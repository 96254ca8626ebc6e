"""All of LocalAI's images in one process."""

import anyio
import pytest
from registries.legs import Scene, place
from registries.many_images import entries, push
from registries.session import Servers

from localai_ci.oci.transport import Transport
from localai_ci.release.result import Status

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_four_hundred_images_merge_in_one_process(
    servers: Servers, transport: Transport
) -> None:
    targets = (place("a", servers.basic.address), place("own", servers.own.address))
    scene = Scene(transport, targets)
    with anyio.fail_after(240):
        receipts = await push(scene, entries(400, 60))
        result = await scene.merge(receipts, keep_anchors=True)
        again = await scene.merge(receipts, keep_anchors=True)
    assert {row.status for row in result.images} == {Status.merged}
    assert len(scene.rows) == 800
    assert {row.status for row in again.images} == {Status.unchanged}
    assert again.writes == result.writes
