"""A release on each registry of docs/reference/registries.md, as its manners are told there."""

from pathlib import Path

import pytest
from registries.legs import Scene, place
from registries.manners import REGISTRIES
from registries.oci import oci_registry
from registries.proxy import proxy
from registries.session import QUICK

from localai_ci.oci import blobs, referrers
from localai_ci.oci.transport import Transport
from localai_ci.release.result import Status, TagState
from localai_ci.release.rollback import rollback

pytestmark = pytest.mark.anyio
NAMES = ("v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test")
DOCUMENT = Path(__file__).parents[2] / "docs/reference/registries.md"


@pytest.mark.parametrize("name", REGISTRIES)
async def test_a_release_and_its_rollback_on(name: str) -> None:
    """Legs wait in another repository, so that blobs are mounted or copied; provenance too."""
    manners = REGISTRIES[name]
    behind = oci_registry(referrers=manners.referrers, checks=manners.checks)
    with behind as registry, proxy(registry.address) as front:
        front.fail(*manners.faults())
        async with Transport(policy=QUICK) as transport:
            scene = Scene(transport, (place("own", front.address),))
            receipts = await scene.both()
            first = await scene.merge(receipts, keep_anchors=True, provenance=True)
            (row,) = first.images
            assert row.status is Status.merged, row.error
            again = await scene.merge(receipts, keep_anchors=True, provenance=True)
            assert again.images[0].status is Status.unchanged, again.images[0].error
            assert again.writes == first.writes
            target = scene.targets[0].repository
            del registry.repos[target.path].manifests[receipts[0].digest]  # collected
            healed = await scene.merge(receipts, keep_anchors=True, provenance=True)
            assert healed.images[0].restored == ["cpu-test/amd64 in own: manifest"]
            assert await scene.tags(*NAMES) == [dict.fromkeys(NAMES, row.digest)]
            for leg in receipts:
                for blob in (leg.config, *leg.layers):
                    pieces = blobs.pull(transport, target, blob)
                    assert len(b"".join([piece async for piece in pieces])) == blob.size
            assert len(await referrers.find(transport, target.at(row.digest))) == 1

            assert await rollback(transport, first, lambda *_: None) is manners.deletes
            states = {tag.state for tag in row.tags}
            assert states == {TagState.restored if manners.deletes else TagState.moved}


def test_the_document_has_a_row_for_each_of_them() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text.partition("## What registries do differently")[2].partition("\n## ")[0]
    named = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")}
    assert named >= set(REGISTRIES)
    for line in table.splitlines():
        if line.startswith("| ") and line.split("|")[1].strip() in REGISTRIES:
            assert "https://" in line, f"no source: {line}"
