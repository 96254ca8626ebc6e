"""Registries that nobody here wrote take all that a release does to them.

Debian's is installed by `make`; crane's and distribution 3 are built with Go, which takes minutes
the first time: slow.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from registries.debian import output
from registries.foreign import FOREIGN
from registries.images import publish
from registries.legs import RUN, Scene, place
from registries.oci import oci_registry
from registries.session import QUICK

from localai_ci.names import anchor_tag
from localai_ci.oci import manifests
from localai_ci.oci.transport import Transport
from localai_ci.release.gc import collect_garbage
from localai_ci.release.result import MergeResult, Status, TagState
from localai_ci.release.rollback import rollback

pytestmark = pytest.mark.anyio
NAMES = ("v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test")
BUILT = [pytest.param(n, marks=[] if n.startswith("Debian") else pytest.mark.slow) for n in FOREIGN]


@pytest.fixture(params=BUILT)
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with FOREIGN[request.param](tmp_path / "foreign") as address:
        yield address


async def test_merge_rerun_heal_rollback_and_collection_on_a_foreign_registry(
    foreign: str,
) -> None:
    """Beside one of ours: both end with the same bytes, by skopeo's word too."""
    with oci_registry() as own:
        async with Transport(policy=QUICK) as transport:
            targets = (
                place("foreign", foreign, own_anchors=True),
                place("own", own.address, own_anchors=True),
            )
            scene = Scene(transport, targets)
            receipts = await scene.both()

            async def merge(*, dry_run: bool = False) -> MergeResult:
                return await scene.merge(
                    receipts, keep_anchors=True, provenance=True, dry_run=dry_run
                )

            dry = (await merge(dry_run=True)).images[0]
            assert dry.status is Status.planned
            assert await scene.tags(*NAMES) == [dict.fromkeys(NAMES)] * 2

            first = await merge()
            (row,) = first.images
            assert row.status is Status.merged, row.error
            assert row.digest == dry.digest
            assert await scene.tags(*NAMES) == [dict.fromkeys(NAMES, row.digest)] * 2
            for target in targets:
                image = f"docker://{target.repository}:v4.2.2-cpu-test"
                raw = output("skopeo", "inspect", "--tls-verify=false", "--raw", image)
                assert raw == row.index

            again = await merge()
            assert again.images[0].status is Status.unchanged
            assert again.writes == first.writes

            lost = targets[0].repository
            answer = await transport.send(
                "DELETE", lost, f"manifests/{receipts[0].digest}", push=True
            )
            assert answer.ok
            healed = (await merge()).images[0]
            assert healed.restored == ["cpu-test/amd64 in foreign: manifest"], healed.error

            older = await publish(transport, lost, "some-tag", "what stays")
            await _undone(scene, first)
            told: dict[str, str] = {}
            await collect_garbage(
                transport, [lost], dt.date(2026, 12, 1),
                lambda tag, what: told.update({tag.tag: what}), dry_run=False,
            )  # fmt: skip
            names = {anchor_tag("20261120", RUN.id, f"cpu-test/{a}") for a in ("amd64", "arm64")}
            left = set(await manifests.list_tags(transport, lost))
            # The lost leg's anchor went with its manifest, unless the registry leaves dead tags.
            assert set(told) <= names
            assert all(
                (tag not in left) == (what in {"deleted", "was gone already"})
                for tag, what in told.items()
            ), told
            assert await manifests.find(transport, lost.at("some-tag")) == older.digest


async def _undone(scene: Scene, result: MergeResult) -> None:
    """All tags go back; where a registry deletes none by name, that is told, tag by tag."""
    told: dict[str, str] = {}
    well = await rollback(scene.transport, result, lambda tag, what: told.update({tag.image: what}))
    now = await scene.tags(*NAMES)
    for tag in (tag for row in result.images for tag in row.tags):
        number = [target.name for target in scene.targets].index(tag.registry)
        name = tag.image.rpartition(":")[2]
        if tag.state is TagState.restored:
            assert now[number][name] is None
        else:
            assert not well
            assert "deletes no tags by name" in told[tag.image], told
            assert now[number][name] == tag.digest
