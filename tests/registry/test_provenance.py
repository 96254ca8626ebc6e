"""Provenance beside the image: one statement everywhere, attached once, known to others."""

import json
from pathlib import Path

import pytest
from registries.debian import output
from registries.legs import SHA, Scene, place, planned
from registries.session import Servers
from registries.tools import built

from localai_ci.oci import blobs, manifests, referrers
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.transport import Transport
from localai_ci.release.provenance import IN_TOTO, statement
from localai_ci.release.result import Status

pytestmark = pytest.mark.anyio


@pytest.fixture
def scene(servers: Servers, transport: Transport) -> Scene:
    """A registry that lists referrers, and one with the fallback list."""
    return Scene(
        transport, (place("own", servers.own.address), place("basic", servers.basic.address))
    )


async def test_a_statement_says_what_was_built_from_what_in_which_run(scene: Scene) -> None:
    receipts = await scene.both()
    (image,) = planned(receipts)
    assert image.index
    timed = [leg.model_copy(update={"built_by": {"dagger": "0.19"}}) for leg in receipts]
    said = statement(image.index, timed)
    assert statement(image.index, timed[::-1]) == said
    data = json.loads(said)
    assert [(s["name"], f"sha256:{s['digest']['sha256']}") for s in data["subject"]] == [
        ("cpu-test", image.index.digest), *((leg.entry, leg.digest) for leg in receipts)
    ]  # fmt: skip
    predicate = data["predicate"]
    assert predicate["buildDefinition"]["resolvedDependencies"] == [
        {"name": "source", "digest": {"gitCommit": SHA}}
    ]
    assert predicate["runDetails"]["builder"]["version"] == {"dagger": "0.19"}
    assert predicate["runDetails"]["metadata"]["invocationId"] == "4711"


async def test_it_is_attached_once_and_the_digest_of_the_image_stays(scene: Scene) -> None:
    receipts = await scene.both()
    (plain,) = planned(receipts)
    assert plain.index
    first = await scene.merge(receipts, keep_anchors=True, provenance=True)
    again = await scene.merge(receipts, keep_anchors=True, provenance=True)
    row = first.images[0]
    assert (row.digest, row.status) == (plain.index.digest, Status.merged)
    assert again.images[0].status is Status.unchanged
    assert again.writes == first.writes
    for target in scene.targets:
        image = target.repository.at(row.digest)
        (listed,) = await referrers.find(scene.transport, image, IN_TOTO)
        assert listed["digest"] == row.provenance == again.images[0].provenance
        manifest = await manifests.get_existing(
            scene.transport, target.repository.at(row.provenance)
        )
        layer = json.loads(manifest.raw)["layers"][0]
        blob = Descriptor.read(layer)
        pieces = blobs.pull(scene.transport, target.repository, blob)
        assert b"".join([piece async for piece in pieces]) == statement(plain.index, receipts)


async def test_an_older_images_provenance_is_added_by_a_rerun(scene: Scene) -> None:
    receipts = await scene.both()
    await scene.merge(receipts, keep_anchors=True)
    row = (await scene.merge(receipts, keep_anchors=True, provenance=True)).images[0]
    assert row.provenance
    image = scene.targets[0].repository.at(row.digest)
    assert await referrers.find(scene.transport, image, IN_TOTO)


@pytest.mark.slow
async def test_regctl_finds_it(
    scene: Scene, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(servers.authfile(tmp_path).parent))
    monkeypatch.setenv("PATH", str(built("regctl").parent), prepend=":")
    row = (await scene.merge(await scene.both(), provenance=True)).images[0]
    for target in scene.targets:
        plain = ("--host", f"reg={target.repository.host},tls=disabled")
        image = f"{target.repository}:latest-cpu-test"
        told = output("regctl", *plain, "artifact", "list", "--format", "{{json .}}", image)
        assert row.provenance in told
        got = output("regctl", *plain, "artifact", "get", f"{target.repository}@{row.provenance}")
        assert json.loads(got)["predicateType"] == "https://slsa.dev/provenance/v1"
