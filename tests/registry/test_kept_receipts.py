"""Names of inputs: the first receipt is kept beside a leg, and both are collected when unused."""

import datetime as dt
import json

import pytest
from registries.console import Console
from registries.legs import SHA, Scene, place
from registries.oci import oci_registry
from registries.proxy import Fault, Proxy, answering
from registries.session import Servers

from localai_ci.names import input_tag, kept_receipt_tag
from localai_ci.oci import copy, manifests
from localai_ci.oci.reference import Reference
from localai_ci.oci.transport import Transport
from localai_ci.release import kept, reused
from localai_ci.release.gc import collect_input_tags
from localai_ci.release.provenance import statement
from localai_ci.release.receipt import Receipt

pytestmark = pytest.mark.anyio
ENTRY = "cpu-test/amd64"
TAG = input_tag("0123456789ab", "-cpu-test", "amd64")


@pytest.fixture
def scene(servers: Servers, transport: Transport) -> Scene:
    return Scene(
        transport, (place("own", servers.own.address), place("basic", servers.basic.address))
    )


async def named(scene: Scene, *, keep: bool = True, labelled: bool = True) -> Receipt:
    """A leg under the name of its inputs in all registries, as `backend … publish` leaves it."""
    receipt = (await scene.leg(ENTRY, labelled=labelled)).model_copy(
        update={"input_hash": "0123456789ab", "built_by": {"dagger": "0.21"}}
    )
    for target, one in zip(scene.targets, receipt.publications, strict=True):
        await copy.copy(scene.transport, one.reference, target.repository.at(TAG))
        if keep:
            assert await kept.keep(scene.transport, target.repository.at(TAG), receipt)
    return receipt


async def found(scene: Scene) -> Receipt:
    told: list[str] = []
    place = str(scene.targets[0].repository.at(TAG))
    (receipt,) = await reused.receipts(scene.transport, scene.targets, {ENTRY: place}, told.append)
    assert not told
    return receipt


async def test_a_leg_that_was_built_before_keeps_where_it_comes_from(scene: Scene) -> None:
    original = await named(scene)
    receipt = await found(scene)
    assert (receipt.origin, receipt.built_by) == (original.run, original.built_by)
    index = receipt.as_manifest
    assert statement(index, [receipt]) == statement(index, [original])


async def test_it_is_kept_once_and_the_first_stays(scene: Scene) -> None:
    original = await named(scene)
    later = original.model_copy(
        update={"run": original.run.model_copy(update={"id": "9999"}), "built": original.run}
    )
    place = scene.targets[0].repository.at(TAG)
    assert not await kept.keep(scene.transport, place, later)
    first = await kept.find(scene.transport, place, later)
    assert first
    assert first.run.id == original.run.id


@pytest.mark.parametrize("what", ["nothing", "another leg's", "an image"])
async def test_of_a_leg_whose_receipt_is_not_there_no_run_is_invented(
    scene: Scene, what: str
) -> None:
    """One of another leg, or an image that happens to stand there, is not taken for it."""
    await named(scene, keep=False)
    place = scene.targets[0].repository.at(TAG)
    beside = place.repository.at(kept_receipt_tag(TAG))
    if what == "another leg's":
        other = await scene.leg("cpu-other/amd64")
        assert await kept.keep(scene.transport, place, other)
    if what == "an image":
        there = await manifests.get_existing(scene.transport, place)
        await manifests.put(scene.transport, beside, there)
    receipt = await found(scene)
    assert receipt.origin.revision == SHA, "its own label says it"
    data = json.loads(statement(receipt.as_manifest, [receipt]))
    assert data["predicate"]["runDetails"]["metadata"]["invocationId"] == ""


async def test_a_kept_receipt_of_another_revision_than_the_bytes_is_not_believed(
    scene: Scene,
) -> None:
    original = await named(scene, keep=False)
    forged = original.model_copy(
        update={"run": original.run.model_copy(update={"revision": "b" * 40})}
    )
    place = scene.targets[0].repository.at(TAG)
    await kept.keep(scene.transport, place, forged)
    told: list[str] = []
    assert not await reused.receipts(
        scene.transport, scene.targets, {ENTRY: str(place)}, told.append
    )
    assert "the receipt" in told[0]


async def collect(scene: Scene, *named_by_plans: str, day: str, dry: bool = False) -> list[str]:
    told: list[str] = []

    def report(tag: Reference, what: str) -> None:
        told.append(f"{tag.tag}: {what}")

    assert await collect_input_tags(
        scene.transport, [scene.targets[0].repository], dt.date.fromisoformat(day),
        named_by_plans, report, dry_run=dry,
    )  # fmt: skip
    return told


async def test_a_name_of_inputs_is_collected_if_it_is_old_and_no_plan_names_it(
    scene: Scene,
) -> None:
    await named(scene)
    repository = scene.targets[0].repository
    both = {TAG, kept_receipt_tag(TAG)}
    assert await collect(scene, day="2026-11-20") == [], "built on this very day"
    assert await collect(scene, TAG, day="2026-12-24") == [], "a plan names it"
    told = await collect(scene, day="2026-12-24", dry=True)
    assert {line.partition(": would be deleted")[0] for line in told} == both
    assert both <= set(await manifests.list_tags(scene.transport, repository))
    assert len(await collect(scene, day="2026-12-24")) == 2
    assert not both & set(await manifests.list_tags(scene.transport, repository))


async def test_what_nobody_knows_the_age_of_stays_and_is_told(scene: Scene) -> None:
    await named(scene, keep=False)
    (line,) = await collect(scene, day="2026-12-24")
    assert "no receipt beside it says how old it is" in line
    assert TAG in await manifests.list_tags(scene.transport, scene.targets[0].repository)


async def test_a_receipt_whose_leg_is_gone_is_collected(scene: Scene) -> None:
    await named(scene)
    repository = scene.targets[0].repository
    await manifests.delete_tag(scene.transport, repository.at(TAG))
    assert await collect(scene, day="2026-01-01") == [f"{kept_receipt_tag(TAG)}: deleted"]


async def test_a_tag_that_another_run_deleted_first_is_no_failure(
    front: Proxy, transport: Transport
) -> None:
    scene = Scene(transport, (place("basic", front.address),))
    await named(scene)
    front.fail(Fault("DELETE", times=99, before=answering(404)))
    said = await collect(scene, day="2026-12-24")
    assert len(said) == 2
    assert all(line.endswith(": was gone already") for line in said)


async def test_a_registry_that_deletes_no_tags_is_told_and_nothing_is_lost(
    servers: Servers, front: Proxy, transport: Transport
) -> None:
    scene = Scene(transport, (place("basic", front.address),))
    await named(scene)
    front.fail(Fault("DELETE", times=99, before=answering(405)))
    told: list[str] = []
    assert not await collect_input_tags(
        transport, [scene.targets[0].repository], dt.date(2027, 1, 1), (),
        lambda tag, what: told.append(f"{tag}: {what}"), dry_run=False,
    )  # fmt: skip
    assert any("deletes no tags by name" in line for line in told)
    assert servers.basic.address


def test_gc_collects_names_of_inputs_only_with_a_plan_of_everything(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        target = console.set_up(registry)
        where = ["gc", "--older-than", "1", "--registries", str(console.file)]
        assert console.run(*where) == 0
        assert "in-… tags stay" in capsys.readouterr().err
        plan = console.folder / "plan.json"
        built = {ENTRY: f"{target.repository}:{TAG}"}
        plan.write_text(json.dumps({"entries": [], "built": built, "complete": False}))
        assert console.run(*where, "--plan", str(plan)) == 2
        assert "a plan of a change" in capsys.readouterr().err
        plan.write_text(json.dumps({"entries": [], "built": built, "complete": True}))
        assert console.run(*where, "--plan", str(plan)) == 0
