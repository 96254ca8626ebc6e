"""Signing: cosign's command lines always, and cosign itself where Go can build it."""

import json
import subprocess
from pathlib import Path

import pytest
from registries.legs import RELEASE, Scene, place
from registries.session import CANARY, USER, Servers
from registries.tools import built

from localai_ci.config.registries import Registries
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.oci import manifests, referrers
from localai_ci.oci.credentials import Credential
from localai_ci.oci.reference import Reference
from localai_ci.oci.transport import Transport
from localai_ci.release.result import Status
from localai_ci.release.sign import (
    COSIGN,
    Cosign,
    Identity,
    identity,
    sign_command,
    verify_command,
)
from localai_ci.release.targets import plain_http

pytestmark = pytest.mark.anyio
IMAGE = Reference.parse("quay.io/a/b@sha256:" + "a" * 64)


def test_the_command_lines_name_the_digest_and_no_secret() -> None:
    key = Identity("cosign.key", "cosign.pub")
    assert sign_command(key, IMAGE) == [
        "cosign", "sign", "--yes", "--key", "cosign.key", str(IMAGE)
    ]  # fmt: skip
    assert verify_command(key, IMAGE) == [
        "cosign", "verify", "--output", "json", "--key", "cosign.pub", str(IMAGE)
    ]  # fmt: skip
    keyless = Identity(certificate_identity="^https://github.com/x/")
    assert sign_command(keyless, IMAGE) == ["cosign", "sign", "--yes", str(IMAGE)]
    assert "--certificate-identity-regexp" in verify_command(keyless, IMAGE)


async def test_a_tag_is_not_signed() -> None:
    with pytest.raises(LocalaiCiError, match="only a digest"):
        await Cosign(Identity("k", "p")).sign([Reference.parse("quay.io/a/b:t")])


def test_http_is_allowed_to_this_machine_and_where_registries_yaml_says_so() -> None:
    who = Identity("cosign.key", "cosign.pub")
    remote = Reference.parse("registry.test:5000/a/b@sha256:" + "a" * 64)
    declared = Registries.model_validate({
        "registries": {
            "lab": {
                "backends": "other.test/a/b", "images": "registry.test:5000/a/b",
                "plain_http": True,
            }
        },
        "bases": "other.test/a/b",
    })  # fmt: skip
    for command in (sign_command, verify_command):
        assert "--allow-http-registry" not in command(who, remote)
        assert "--allow-http-registry" in command(who, remote, plain_http(declared))
        near = Reference.parse("localhost:5000/a/b@sha256:" + "a" * 64)
        assert "--allow-http-registry" in command(who, near)


def stand_in(folder: Path, patch: pytest.MonkeyPatch, version: str) -> Path:
    """A cosign that says a version, does nothing well, and writes down how it was started."""
    program = folder / "cosign"
    program.write_text(
        f"#!/bin/sh\nexec 3>>'{folder}/log'\necho \"$@\" >&3\n"
        "ls -l $DOCKER_CONFIG/config.json >&3 2>&3\n"
        f"if [ $1 = version ]; then echo '{version}'; fi\n"
    )
    program.chmod(0o755)
    patch.setenv("PATH", str(folder), prepend=":")
    return program


async def test_a_password_reaches_cosign_in_a_file_of_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, json.dumps({"gitVersion": COSIGN}))
    credentials = {"quay.io": Credential(USER, CANARY)}
    await Cosign(Identity("k", "p"), credentials).sign([IMAGE])
    log = (tmp_path / "log").read_text()
    assert "verify --output json" in log
    assert "-rw------- " in log
    assert CANARY not in log


@pytest.mark.parametrize(
    ("told", "found"),
    [('{"gitVersion": "v2.4.1"}', "v2.4.1"), ("GitVersion: v3.1.2", "of an unknown version")],
)
async def test_a_cosign_of_another_major_version_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, found: str
) -> None:
    program = stand_in(tmp_path, monkeypatch, told)
    with pytest.raises(LocalaiCiError, match=rf"(?s){found}; .*{COSIGN}.*go install") as refusal:
        await Cosign(Identity("k", "p")).sign([IMAGE, IMAGE])
    assert refusal.value.where == str(program)
    log = (tmp_path / "log").read_text()
    assert "version --json" in log
    assert "sign" not in log


async def test_without_cosign_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LocalaiCiError, match=r"go install github\.com/sigstore/cosign"):
        await Cosign(Identity("k", "p")).sign([IMAGE])


async def test_the_program_that_is_named_is_the_one_that_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = stand_in(tmp_path, monkeypatch, json.dumps({"gitVersion": COSIGN}))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    await Cosign(Identity("k", "p"), program=str(program)).sign([IMAGE])
    assert "verify --output json" in (tmp_path / "log").read_text()


async def test_a_cosign_for_another_machine_is_told_with_its_place(tmp_path: Path) -> None:
    program = tmp_path / "cosign"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(60))
    program.chmod(0o755)
    with pytest.raises(LocalaiCiError, match="cannot be started: Exec format error") as refusal:
        await Cosign(Identity("k", "p"), program=str(program)).sign([IMAGE])
    assert refusal.value.where == str(program)


@pytest.mark.parametrize(
    ("given", "lacks"),
    [
        ({"key": "k"}, "--verify-key"),
        ({}, "--verify-identity"),
        ({"key": "k", "certificate_identity": "x"}, "--verify-key"),
        ({"public_key": "p"}, "--verify-identity"),
    ],
)
def test_a_signature_that_nobody_can_check_is_refused(given: dict[str, str], lacks: str) -> None:
    with pytest.raises(InputError, match=f"without {lacks}"):
        identity(**given)


@pytest.mark.parametrize(
    ("urls", "offline"), [([], True), (None, True), ([{"url": "https://rekor.test"}], False)]
)
def test_only_a_configuration_without_a_log_does_without_one(
    tmp_path: Path, urls: list[object] | None, offline: bool
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({} if urls is None else {"rekorTlogUrls": urls}))
    assert identity("k", "p", signing_config=str(path)).offline is offline
    assert not identity("k", "p").offline


@pytest.mark.parametrize("text", [None, "", "[]", "[" * 100_000, "\xff"])
def test_what_is_no_signing_configuration_is_told(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="signing configuration"):
        identity("k", "p", signing_config=str(path))


@pytest.fixture(scope="session")
def cosign() -> Path:
    """The folder with cosign in it, built once; that takes some minutes."""
    return built("cosign").parent


@pytest.fixture
def signer(
    cosign: Path, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> Cosign:
    monkeypatch.setenv("PATH", str(cosign), prepend=":")
    monkeypatch.setenv("TUF_ROOT", str(tmp_path / "tuf"))
    monkeypatch.setenv("COSIGN_PASSWORD", CANARY)
    subprocess.run(["cosign", "generate-key-pair"], cwd=tmp_path, check=True, capture_output=True)
    offline = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaConfig": {"selector": "ANY"},
    }
    (tmp_path / "config.json").write_text(json.dumps(offline))
    paths = [str(tmp_path / name) for name in ("cosign.key", "cosign.pub", "config.json")]
    who = identity(paths[0], paths[1], signing_config=paths[2])
    assert who.offline
    hosts = (servers.basic.address, servers.token.address)
    return Cosign(who, {host: Credential(USER, CANARY) for host in hosts})


@pytest.mark.slow
async def test_index_legs_and_provenance_are_signed_once_and_found_as_referrers(
    signer: Cosign, servers: Servers, transport: Transport
) -> None:
    targets = (place("own", servers.own.address), place("basic", servers.basic.address))
    scene = Scene(transport, targets, signer)
    receipts = await scene.both()
    row = (await scene.merge(receipts, keep_anchors=True, provenance=True)).images[0]
    assert (row.status, row.signed, row.error) == (Status.merged, ["own", "basic"], "")
    again = await scene.merge(receipts, keep_anchors=True, provenance=True)
    assert again.images[0].status is Status.unchanged
    signed_once = dict.fromkeys([row.provenance, *(receipt.digest for receipt in receipts)], 1)
    for target in targets:
        # the index has its provenance too; cosign writes no artifact type into the fallback list
        for digest, number in {**signed_once, row.digest: 2}.items():
            image = target.repository.at(digest)
            assert len(await referrers.find(transport, image)) == number


@pytest.mark.slow
async def test_an_image_that_cannot_be_signed_gets_no_tag(
    signer: Cosign, servers: Servers, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")
    scene = Scene(transport, (place("own", servers.own.address),), signer)
    row = (await scene.merge(await scene.both(), RELEASE)).images[0]
    assert row.status is Status.failed
    assert "no valid signature" in row.error
    assert CANARY not in row.error
    for tag in ("latest-cpu-test", "v4.2.2-cpu-test"):
        image = scene.targets[0].repository.at(tag)
        assert await manifests.find(transport, image) is None
