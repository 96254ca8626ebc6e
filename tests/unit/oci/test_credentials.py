"""Credentials: Docker's configuration in all its forms, and secrets that stay secret."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.oci.credentials import Credential, Keyring, docker_config

pytestmark = pytest.mark.anyio
SECRET = "canary-in-a-config"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def configured(folder: Path, **config: Any) -> Keyring:
    (folder / "config.json").write_text(json.dumps(config))
    return Keyring(config=folder)


def auth(user: str = "me", secret: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{secret}".encode()).decode()}


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("quay.io", "quay.io"),
        ("https://quay.io", "quay.io"),
        ("https://quay.io/v2/", "quay.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("localhost:5000", "localhost:5000"),
    ],
)
async def test_auths_are_found_under_every_form_of_their_key(
    tmp_path: Path, key: str, registry: str
) -> None:
    found = await configured(tmp_path, auths={key: auth()}).find(registry)
    assert found == Credential("me", SECRET)


async def test_a_password_may_hold_a_colon(tmp_path: Path) -> None:
    found = await configured(tmp_path, auths={"r.io": auth(secret="a:b")}).find("r.io")
    assert found == Credential("me", "a:b")


async def test_an_identity_token_is_one(tmp_path: Path) -> None:
    found = await configured(tmp_path, auths={"r.io": {"identitytoken": SECRET}}).find("r.io")
    assert found == Credential("", SECRET, identity=True)


async def test_plain_username_and_password_are_read(tmp_path: Path) -> None:
    entry = {"username": "me", "password": SECRET}
    assert await configured(tmp_path, auths={"r.io": entry}).find("r.io") == Credential(
        "me", SECRET
    )


async def test_nobody_is_found_where_nobody_is(tmp_path: Path) -> None:
    assert await configured(tmp_path, auths={"r.io": {}}).find("r.io") is None
    assert await Keyring(config=tmp_path / "none").find("quay.io") is None
    assert await Keyring().find("quay.io") is None


async def test_what_is_given_goes_first(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.io": auth()}}))
    given = Credential("other", "x")
    assert await Keyring({"r.io": given}, tmp_path).find("r.io") == given


async def test_the_default_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.io": auth()}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert await Keyring.default().find("r.io") == Credential("me", SECRET)


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize("key", ["credHelpers", "credsStore"])
async def test_a_credential_helper_is_asked_over_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    answer = json.dumps({"ServerURL": "r.io", "Username": "me", "Secret": SECRET})
    helper(tmp_path, monkeypatch, f"test \"$(cat)\" = r.io && echo '{answer}'")
    value: Any = {"r.io": "test"} if key == "credHelpers" else "test"
    found = await configured(tmp_path, **{key: value}).find("r.io")
    assert found == Credential("me", SECRET)


async def test_a_helpers_token_user_means_an_identity_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = json.dumps({"Username": "<token>", "Secret": SECRET})
    helper(tmp_path, monkeypatch, f"echo '{answer}'")
    found = await configured(tmp_path, credsStore="test").find("r.io")
    assert found == Credential("", SECRET, identity=True)


async def test_a_helper_that_knows_nobody_leaves_it_to_auths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
    keyring = configured(tmp_path, credsStore="test", auths={"r.io": auth()})
    assert await keyring.find("r.io") == Credential("me", SECRET)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"echo {SECRET}; exit 3", "failed with exit code 3"),
        (f"echo {SECRET}", "not a credential"),
    ],
)
async def test_a_broken_helper_is_named_without_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    helper(tmp_path, monkeypatch, script)
    with pytest.raises(LocalaiCiError, match=words) as caught:
        await configured(tmp_path, credsStore="test").find("r.io")
    assert "docker-credential-test" in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_a_missing_helper_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalaiCiError, match="there is no docker-credential-nowhere"):
        await configured(tmp_path, credsStore="nowhere").find("r.io")


@pytest.mark.parametrize("text", ["{", "[]"])
async def test_a_broken_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="not a JSON object"):
        await Keyring(config=tmp_path).find("r.io")


async def test_a_broken_entry_is_told_without_its_content(tmp_path: Path) -> None:
    keyring = configured(tmp_path, auths={"r.io": {"auth": base64.b64encode(b"nocolon").decode()}})
    with pytest.raises(InputError, match=r"docker login r\.io"):
        await keyring.find("r.io")


def test_a_secret_is_not_in_the_representation() -> None:
    assert SECRET not in repr(Credential("me", SECRET))


async def test_a_configuration_for_others_is_read_back_the_same(tmp_path: Path) -> None:
    known = {"docker.io": Credential("a", "b:c"), "r.io": Credential("", "t", identity=True)}
    (tmp_path / "config.json").write_text(docker_config(known))
    keyring = Keyring(config=tmp_path)
    assert {name: await keyring.find(name) for name in known} == known


async def test_a_configuration_can_be_given_as_text() -> None:
    known = {"docker.io": Credential("a", "b:c"), "r.io": Credential("", "t", identity=True)}
    keyring = Keyring.of_config(docker_config(known))
    assert {name: await keyring.find(name) for name in known} == known
    assert await keyring.find("elsewhere.io") is None
    assert await Keyring.of_config("{}").find("r.io") is None


async def test_a_broken_given_configuration_is_told_without_its_content() -> None:
    with pytest.raises(InputError, match="not a JSON object") as caught:
        Keyring.of_config(f'{{"auths": {SECRET}')
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [{"credsStore": "test", "auths": {"r.io": {}}}, {"credHelpers": {"r.io": "test"}}],
)
async def test_a_given_configuration_runs_no_helper_of_another_machine(
    config: dict[str, Any],
) -> None:
    keyring = Keyring.of_config(json.dumps(config))
    with pytest.raises(InputError, match=r"leaves its credential to the helper 'test'"):
        await keyring.find("r.io")
    assert await keyring.find("anonymous.io") is None
