"""Configurations as docker, podman, skopeo, Rancher Desktop and cloud helpers write them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.oci.credentials import Credential, Keyring
from localai_ci.oci.docker_config import Config, read

pytestmark = pytest.mark.anyio
SECRET = "canary-in-a-config"
HUB = [
    "docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/",
    "https://index.docker.io/v1", "https://index.docker.io/v2/", "index.docker.io/v1/",
    "http://index.docker.io/v1/", "https://registry-1.docker.io", "https://registry-1.docker.io/v2/",
    "HTTPS://Index.Docker.io/v1/", "docker.io/",
]  # fmt: skip


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def auth(user: str = "me", secret: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{secret}".encode()).decode()}


def keyring(**config: Any) -> Keyring:
    return Keyring.of_config(json.dumps(config))


def helper(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize("key", HUB)
async def test_all_names_of_docker_hub_are_one(key: str) -> None:
    assert await keyring(auths={key: auth()}).find("docker.io") == Credential("me", SECRET)


@pytest.mark.parametrize("key", HUB)
async def test_a_helper_for_docker_hub_is_found_under_all_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    answer = json.dumps({"Username": "me", "Secret": SECRET})
    helper(tmp_path, "hub", monkeypatch,
           f"test \"$(cat)\" = https://index.docker.io/v1/ && echo '{answer}'")  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {key: "hub"}}))
    assert await Keyring(config=tmp_path).find("docker.io") == Credential("me", SECRET)


async def test_a_helper_is_asked_by_the_name_under_which_it_was_signed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker notes an empty entry under the name that the user typed; `pass` finds only that."""
    answer = json.dumps({"Username": "me", "Secret": SECRET})
    helper(tmp_path, "pass", monkeypatch,
           f"test \"$(cat)\" = https://quay.io && echo '{answer}' || "
           "{ echo credentials not found in native keychain; exit 1; }")  # fmt: skip
    config = {"credsStore": "pass", "auths": {"https://quay.io": {}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert await Keyring(config=tmp_path).find("quay.io") == Credential("me", SECRET)


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("https://quay.io:443", "quay.io"), ("quay.io:443/v2/", "quay.io"),
        ("quay.io", "quay.io:443"), ("https://index.docker.io:443/v1/", "docker.io"),
        ("http://lab.test:80", "lab.test:80"), ("http://lab.test:443", "lab.test:443"),
    ],
)  # fmt: skip
async def test_the_port_that_https_has_anyway_makes_no_difference(key: str, registry: str) -> None:
    found = await keyring(auths={key: auth()}).find(registry)
    assert (found is not None) is (key != "http://lab.test:443")


async def test_a_registrys_own_helper_goes_before_the_store_and_before_auths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("own", "store"):
        answer = json.dumps({"Username": name, "Secret": SECRET})
        helper(tmp_path, name, monkeypatch, f"echo '{answer}'")
    config = {
        "credHelpers": {"quay.io:443": "own"}, "credsStore": "store",
        "auths": {"quay.io": auth("file"), "ghcr.io": auth("file")},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    ring = Keyring(config=tmp_path)
    for registry, user in {"quay.io": "own", "ghcr.io": "store"}.items():
        found = await ring.find(registry)
        assert found
        assert found.username == user


async def test_registries_are_told_apart_exactly() -> None:
    config = keyring(auths={"https://quay.io": auth()})
    for other in ("quay.io.evil", "quay.io:444", "evil-quay.io", "docker.io"):
        assert await config.find(other) is None


async def test_the_longest_key_that_fits_wins() -> None:
    """containers-auth.json(5)."""
    config = keyring(
        auths={"quay.io": auth("all"), "quay.io/org": auth("org"), "quay.io/org/app": auth("app")}
    )
    for repository, user in {
        "org/app": "app", "org/app/sub": "app", "org/apple": "org", "org": "org",
        "organic": "all", "other": "all", "": "all",
    }.items():  # fmt: skip
        found = await config.find("quay.io", repository)
        assert found
        assert found.username == user, repository
    alone = keyring(auths={"quay.io/org": auth()})
    assert await alone.find("quay.io", "other/app") is None


@pytest.mark.parametrize(
    "config",
    [
        {}, {"auths": None}, {"auths": {}}, {"auths": []}, {"credHelpers": None},
        {"credsStore": None}, {"credsStore": ""}, {"auths": {"r.io": None}},
        {"auths": {"r.io": {}}}, {"auths": {"r.io": {"auth": None}}},
        {"auths": {"r.io": {"auth": ""}}},
        {"credHelpers": {"r.io": ""}}, {"HttpHeaders": {"X": "y"}, "proxies": 1, "psFormat": "x"},
    ],
)  # fmt: skip
async def test_half_empty_configurations_know_nobody(config: dict[str, Any]) -> None:
    assert await keyring(**config).find("r.io") is None


@pytest.mark.parametrize(
    "config",
    [
        {"auths": ["r.io"]}, {"auths": "r.io"}, {"auths": 1}, {"credHelpers": ["r.io"]},
        {"credHelpers": {"r.io": 1}}, {"credHelpers": {"r.io": ["x"]}}, {"credsStore": 1},
        {"credsStore": "../../bin/x"}, {"credsStore": "-x"}, {"auths": {"r.io": 1}},
        {"auths": {"r.io": SECRET}}, {"auths": {"r.io": {"auth": 1}}},
        {"auths": {"r.io": {"identitytoken": [SECRET]}}}, {"auths": {"r.io": {"username": 1}}},
    ],
)  # fmt: skip
async def test_odd_configurations_are_told_with_place_and_remedy_and_without_content(
    config: dict[str, Any],
) -> None:
    with pytest.raises(InputError) as caught:
        await keyring(**config).find("r.io")
    assert caught.value.where
    assert caught.value.remedy
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "encoded",
    [
        base64.b64encode(b"me:p:w").decode(), base64.urlsafe_b64encode(b"me:p:w").decode(),
        base64.b64encode(b"me:p:w").decode().rstrip("="), base64.b64encode(b"me:p:w\0\0").decode(),
        base64.encodebytes(b"me:p:w").decode(),
    ],
)  # fmt: skip
async def test_auth_is_read_in_all_alphabets(encoded: str) -> None:
    assert await keyring(auths={"r.io": {"auth": encoded}}).find("r.io") == Credential("me", "p:w")


async def test_auth_holds_any_text() -> None:
    secret = "pä:ß\U0001f511~?>"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        entry = {"auth": encode(f"me:{secret}".encode()).decode()}
        assert await keyring(auths={"r.io": entry}).find("r.io") == Credential("me", secret)


async def test_azures_identity_token_beats_the_user_without_a_password() -> None:
    entry = auth("00000000-0000-0000-0000-000000000000", "") | {"identitytoken": SECRET}
    found = await keyring(auths={"x.azurecr.io": entry}).find("x.azurecr.io")
    assert found == Credential("", SECRET, identity=True)


async def test_keys_are_read_in_any_case_as_docker_does() -> None:
    found = await keyring(Auths={"r.io": {"Auth": auth()["auth"]}}).find("r.io")
    assert found == Credential("me", SECRET)


async def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    text = json.dumps({"auths": {"r.io": auth()}})
    (tmp_path / "config.json").write_text("\ufeff" + text)
    assert await Keyring(config=tmp_path).find("r.io")
    assert await Keyring.of_config("\ufeff" + text).find("r.io")


@pytest.mark.parametrize("store", ["none", "desktop"])
async def test_what_stands_in_the_file_serves_where_the_helper_is_not_installed(
    tmp_path: Path, store: str
) -> None:
    config = {"credsStore": store, "auths": {"r.io": auth()}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert await Keyring(config=tmp_path).find("r.io") == Credential("me", SECRET)


async def test_rancher_desktops_none_is_no_helper(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "none"}))
    assert await Keyring(config=tmp_path).find("quay.io") is None


async def test_a_helper_that_hangs_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from localai_ci.oci import limits

    monkeypatch.setattr(limits, "HELPER_SECONDS", 0.2)
    helper(tmp_path, "slow", monkeypatch, "exec sleep 30")
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "slow"}))
    with pytest.raises(LocalaiCiError, match="docker-credential-slow did not answer"):
        await Keyring(config=tmp_path).find("r.io")


@pytest.mark.parametrize("name", ["folder", "missing", "unreadable"])
async def test_a_configuration_that_is_no_file(tmp_path: Path, name: str) -> None:
    if name == "folder":
        (tmp_path / "config.json").mkdir()
        with pytest.raises(InputError, match="cannot be read"):
            await Keyring(config=tmp_path).find("r.io")
    else:
        assert await Keyring(config=tmp_path / name).find("r.io") is None


async def test_podmans_file_is_read_after_dockers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker, podman = tmp_path / "docker", tmp_path / "run/containers"
    docker.mkdir()
    podman.mkdir(parents=True)
    (docker / "config.json").write_text(json.dumps({"auths": {"a.io": auth("docker")}}))
    both = {"a.io": auth("podman"), "b.io/org": auth("podman")}
    (podman / "auth.json").write_text(json.dumps({"auths": both}))
    monkeypatch.setenv("DOCKER_CONFIG", str(docker))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert await Keyring.default().find("a.io", "x") == Credential("docker", SECRET)
    assert await Keyring.default().find("b.io", "org/x") == Credential("podman", SECRET)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none.json"))
    assert await Keyring.default().find("b.io", "org/x") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("r.io"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["auths", "credHelpers", "credsStore", "r.io", "auth", "username", "identitytoken"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_configuration_or_an_error_of_ours(data: Any) -> None:
    try:
        config = read(json.dumps(data), "x")
        config.helper("r.io", "a")
        config.find("r.io", "a")
    except InputError as e:
        places = (e.where, e.remedy)
        assert all(places)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_an_error_of_ours(data: bytes) -> None:
    try:
        assert isinstance(read(data, "x"), Config)
    except InputError:
        return


def test_deep_and_long_configurations_are_refused() -> None:
    for text in ("[" * 100_000, '{"auths":' * 50_000, " " * 2**21):
        with pytest.raises(InputError):
            read(text, "x")
