"""From a push to a receipt; retagging and copying of whole images."""

import json
from pathlib import Path

import pytest
from registries.images import publish
from registries.legs import RUN, Scene, place
from registries.session import QUICK, Servers, fresh

from localai_ci.errors import InputError
from localai_ci.oci import manifests
from localai_ci.oci.copy import copy, retag
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.plan.estimates import from_receipts
from localai_ci.release.inbox import read_folder
from localai_ci.release.proof import prove_and_receipt

pytestmark = pytest.mark.anyio


@pytest.fixture
def scene(servers: Servers, transport: Transport) -> Scene:
    return Scene(transport, (place("a", servers.basic.address), place("own", servers.own.address)))


async def test_a_receipt_says_what_every_registry_has_and_reads_back_the_same(
    scene: Scene, tmp_path: Path
) -> None:
    receipt = await scene.leg("cpu-test/amd64")
    path = receipt.write(tmp_path)
    assert path.name == "cpu-test--amd64.json"
    assert read_folder(tmp_path).receipts == (receipt,)
    assert not read_folder(tmp_path).unusable
    assert str(receipt.platform) == "linux/amd64"
    assert {p.digest for p in receipt.publications} == {receipt.digest}
    assert receipt.as_manifest.digest == receipt.digest


async def test_a_push_that_differs_or_is_missing_gives_no_receipt(scene: Scene) -> None:
    one, two = scene.targets
    await publish(scene.transport, one.anchors, "t", "one")
    anchors = {target.name: target.anchors.at("t") for target in scene.targets}
    for told in ("has nothing", "not the same image"):
        with pytest.raises(RegistryError, match=told):
            await prove_and_receipt(scene.transport, entry="x/amd64", anchors=anchors, run=RUN)
        await publish(scene.transport, two.anchors, "t", "two")


async def test_a_registry_that_refuses_is_the_error_itself(
    scene: Scene, servers: Servers, transport: Transport
) -> None:
    """Not a group of errors, of which nobody would read the remedy."""
    anchors = {
        "own": scene.targets[1].anchors.at("t"),
        "closed": fresh(servers.basic.address).at("t"),
    }
    await publish(transport, scene.targets[1].anchors, "t", "one")
    async with Transport(policy=QUICK) as nobody:
        with pytest.raises(RegistryError, match=servers.basic.address):
            await prove_and_receipt(nobody, entry="x/amd64", anchors=anchors, run=RUN)


async def test_a_push_for_another_architecture_gives_no_receipt(scene: Scene) -> None:
    image = scene.targets[0].anchors
    await publish(scene.transport, image, "t", "x", "arm64")
    with pytest.raises(RegistryError, match="is for linux/arm64"):
        await prove_and_receipt(
            scene.transport, entry="x/amd64", anchors={"a": image.at("t")}, run=RUN
        )


@pytest.mark.parametrize("field", ["digest", "manifest", "size", "config", "legs", "publications"])
async def test_a_receipt_that_contradicts_itself_is_refused(
    scene: Scene, tmp_path: Path, field: str
) -> None:
    path = (await scene.leg("cpu-test/amd64")).write(tmp_path)
    data = json.loads(path.read_text())
    other = json.loads((await scene.leg("gpu-other/amd64")).model_dump_json())
    if field == "size":
        other["size"] = 1
    path.write_text(json.dumps(data | {field: other[field]}))
    with pytest.raises(InputError, match="not a receipt") as caught:
        read_folder(tmp_path)
    assert str(path) in str(caught.value)


async def test_two_receipts_of_one_leg_must_agree(scene: Scene, tmp_path: Path) -> None:
    for text in ("one", "two"):
        (await scene.leg("cpu-test/amd64", text=text)).write(tmp_path / text)
    arrived = read_folder(tmp_path)
    assert not arrived.receipts
    assert "another receipt for cpu-test/amd64" in str(arrived.unusable[0])
    assert arrived.unusable[0].entry == "cpu-test/amd64"


async def test_no_receipt_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no receipt"):
        read_folder(tmp_path)


async def test_an_image_gets_a_further_tag_once(
    transport: Transport, repository: Repository
) -> None:
    image = await publish(transport, repository, "base-1234", "x")
    assert await manifests.find(transport, repository.at("base")) is None
    assert await retag(transport, repository, "base-1234", "base") == image.digest
    assert await manifests.find(transport, repository.at("base")) == image.digest
    writes = transport.writes
    assert await retag(transport, repository, image.digest, "base") == image.digest
    assert transport.writes == writes


@pytest.mark.parametrize("same", [True, False])
async def test_an_image_is_copied_whole(transport: Transport, servers: Servers, same: bool) -> None:
    source = fresh(servers.own.address)
    target = fresh(servers.own.address if same else servers.basic.address)
    image = await publish(transport, source, "one", "x")
    assert await copy(transport, source.at("one"), target.at("two")) == image.digest
    assert await manifests.get_existing(transport, target.at("two")) == image


async def test_estimates_learn_from_what_a_receipt_says_its_build_took(
    scene: Scene, tmp_path: Path
) -> None:
    (await scene.leg("cpu-test/amd64")).model_copy(update={"seconds": 90.0}).write(tmp_path)
    (await scene.leg("cpu-found/amd64")).write(tmp_path)
    assert from_receipts(tmp_path) == {"cpu-test/amd64": 1.5}
    assert {receipt.seconds for receipt in read_folder(tmp_path).receipts} == {90.0, 0.0}
