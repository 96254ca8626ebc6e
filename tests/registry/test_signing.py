"""Signing: what cosign is told, and that what it wrote is verified before a tag moves."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from lab.clients import go_program
from lab.legs import Scene, place
from lab.rooms import CANARY, Lab

from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.registry import referrers
from localai_ci.registry.reference import Reference
from localai_ci.registry.results import Status
from localai_ci.registry.signing import BUNDLE, Cosign, Signing
from localai_ci.registry.transport import Transport

pytestmark = pytest.mark.anyio
NAMES = ("v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test")
IMAGE = "quay.io/go-skynet/local-ai-backends@sha256:" + "a" * 64
WHO = "^https://github.com/mudler/LocalAI/"


@pytest.fixture
def scene(lab: Lab, transport: Transport) -> Scene:
    """One registry without the referrers API, one with it."""
    return Scene(transport, (place("basic", lab.basic.address), place("own", lab.own.address)))


def test_keyless_is_signed_by_the_run_and_verified_by_its_identity() -> None:
    signing = Signing(identity=WHO)
    assert signing.sign(IMAGE) == ["sign", "--yes", "--recursive", IMAGE]
    assert signing.verify([IMAGE]) == [
        "verify",
        "--certificate-identity-regexp",
        WHO,
        "--certificate-oidc-issuer",
        "https://token.actions.githubusercontent.com",
        IMAGE,
    ]


@pytest.mark.parametrize(
    "half",
    [{}, {"key": "k"}, {"public_key": "k"}, {"key": "k", "public_key": "p", "identity": "i"}],
)
def test_what_nobody_could_verify_is_refused(half: dict[str, str]) -> None:
    with pytest.raises(InputError, match="signing needs a key with its public key, or else"):
        Signing(**half)  # type: ignore[arg-type]


async def test_without_cosign_no_tag_moves_and_the_remedy_is_told(scene: Scene, lab: Lab) -> None:
    signer = Cosign(scene.transport, lab.keyring(), Signing(identity=WHO), "no-such-cosign")
    row = (await replace(scene, signer=signer).merge(await scene.both())).images[0]
    assert row.status is Status.failed
    assert "go install github.com/sigstore/cosign/v3" in row.error
    assert await scene.tags(*NAMES) == [dict.fromkeys(NAMES)] * 2


async def test_a_signature_that_fails_moves_no_tag(scene: Scene) -> None:
    class Refuses:
        async def sign(self, images: Sequence[Reference]) -> None:
            raise LocalaiCiError("no", where=str(images[0]))

    row = (await replace(scene, signer=Refuses()).merge(await scene.both())).images[0]
    assert row.status is Status.failed
    assert await scene.tags(*NAMES) == [dict.fromkeys(NAMES)] * 2


async def test_passwords_reach_cosign_by_a_file_that_is_gone_afterwards(
    scene: Scene, lab: Lab, tmp_path: Path
) -> None:
    """A stand-in for the program writes down how it was started."""
    notes = tmp_path / "notes"
    program = tmp_path / "cosign"
    program.write_text(
        f"#!/bin/sh\nexec >> {notes}\n"
        'echo "argv $@"; echo "config $(cat $DOCKER_CONFIG/config.json)"; echo $DOCKER_CONFIG\n'
    )
    program.chmod(0o755)
    signer = Cosign(scene.transport, lab.keyring(), Signing(identity=WHO), str(program))
    await signer.sign([scene.targets[0].repository.at("sha256:" + "a" * 64)])
    lines = notes.read_text().splitlines()
    assert not [line for line in lines if line.startswith("argv") and CANARY in line]
    (config, _) = [line for line in lines if lab.basic.address in line and line[0] == "c"]
    assert lab.basic.address in json.loads(config.removeprefix("config "))["auths"]
    left = [line for line in lines if line.startswith("/") and await anyio.Path(line).exists()]
    assert not left


@pytest.fixture
async def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signing:
    monkeypatch.setenv("COSIGN_PASSWORD", CANARY)
    monkeypatch.setenv("TUF_ROOT", str(tmp_path / "tuf"))
    await anyio.run_process(
        [go_program("cosign"), "generate-key-pair"], cwd=tmp_path, env=dict(os.environ)
    )
    return Signing(str(tmp_path / "cosign.key"), str(tmp_path / "cosign.pub"), log=False)


@pytest.mark.slow
async def test_index_and_children_are_signed_once_and_verify_in_every_registry(
    scene: Scene, lab: Lab, keys: Signing
) -> None:
    signed = replace(
        scene, signer=Cosign(scene.transport, lab.keyring(), keys, go_program("cosign"))
    )
    receipts = await signed.both()
    first = (await signed.merge(receipts, keep_anchors=True)).images[0]
    assert first.status is Status.merged, first.error
    assert first.signed == ["basic", "own"]
    images = [
        target.repository.at(digest)
        for target in scene.targets
        for digest in (first.digest, *(receipt.digest for receipt in receipts))
    ]
    before = [await referrers.find(scene.transport, image, BUNDLE) for image in images]
    assert {len(found) for found in before} == {1}
    again = (await signed.merge(receipts, keep_anchors=True)).images[0]
    assert again.status is Status.unchanged
    assert [await referrers.find(scene.transport, image, BUNDLE) for image in images] == before


@pytest.mark.slow
async def test_what_somebody_else_signed_does_not_verify(
    scene: Scene, lab: Lab, keys: Signing, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    await anyio.run_process(
        [go_program("cosign"), "generate-key-pair"], cwd=other, env=dict(os.environ)
    )
    wrong = replace(keys, public_key=str(other / "cosign.pub"))
    signer = Cosign(scene.transport, lab.keyring(), wrong, go_program("cosign"), looks=(0.0,))
    row = (await replace(scene, signer=signer).merge([await scene.leg("cpu-test/amd64")])).images[0]
    assert "does not verify" in row.error
    assert await scene.tags(*NAMES) == [dict.fromkeys(NAMES)] * 2
