"""Two registries in a real engine's network, and GitHub in miniature in front of it."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from dagger_engine import Engine
from native import record
from native.home import home
from registries import debian
from registries.session import CANARY, USER
from registries.tools import built

from workflows.acting import Hub, Tree, installed, module_copy

PASSWORDS = {"quay": f"quay-{CANARY}", "dockerhub": f"dockerhub-{CANARY}"}
SECRETS = {
    "LOCALAI_REGISTRY_USERNAME": f"quay-{USER}",
    "LOCALAI_REGISTRY_PASSWORD": PASSWORDS["quay"],
    "DOCKERHUB_USERNAME": f"dockerhub-{USER}",
    "DOCKERHUB_PASSWORD": PASSWORDS["dockerhub"],
}
TAG_RULES = ["semver", "branch", "sha"]


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that daggerw chooses here; a native one is started and left running."""
    found = Engine(os.environ)
    chosen = found.dagger("version")
    assert chosen.returncode == 0, chosen.stderr
    native = record.running(home()) if "native engine" in chosen.stderr else None
    if native is None:
        pytest.skip("its registries need the native engine's network")
    return replace(found, address=native.address)


@dataclass(frozen=True)
class World:
    """What all runs of the tests share.

    Attributes:
        folder: Everything lies below it.
        places: The two registries, by their names in registries.yaml.
        upstream: An open registry, for base images.
        base_image: Debian, in it.
        module: The copy of this repository that workflows use.
        key: The public half of what merges sign with.
    """

    engine: Engine
    folder: Path
    places: dict[str, str]
    upstream: str
    base_image: str
    module: Path
    key: Path
    cosign: Path

    def tags(self, name: str, repository: str = "ai/backends") -> dict[str, str]:
        """All tags of a registry's repository but signatures', each with its digest."""
        found = {}
        with self._client(name) as client:
            listed = client.get(f"/v2/{repository}/tags/list")
            names = [] if listed.status_code == 404 else listed.json()["tags"] or []
            for tag in names:
                if not tag.startswith("sha256-"):
                    kinds = "application/vnd.oci.image.index.v1+json"
                    kinds += ", application/vnd.oci.image.manifest.v1+json"
                    answer = client.head(
                        f"/v2/{repository}/manifests/{tag}", headers={"Accept": kinds}
                    )
                    found[tag] = answer.headers["Docker-Content-Digest"]
        return found

    def repositories(self, name: str) -> list[str]:
        """All repositories of a registry."""
        with self._client(name) as client:
            return sorted(client.get("/v2/_catalog").json()["repositories"])

    def _client(self, name: str) -> httpx.Client:
        auth = (f"{name}-{USER}", PASSWORDS[name])
        return httpx.Client(base_url=f"http://{self.places[name]}", auth=auth, timeout=60)

    def signed(self, name: str, digest: str) -> bool:
        """Whether cosign itself, with the public key alone, accepts the image."""
        image = f"{self.places[name]}/ai/backends@{digest}"
        config = self.folder / "docker"
        offline = ("--insecure-ignore-tlog=true", "--allow-http-registry")
        done = subprocess.run(
            [str(self.cosign), "verify", "--key", str(self.key), *offline, image],
            env=os.environ | {"DOCKER_CONFIG": str(config), "TUF_ROOT": str(self.folder / "tuf")},
            capture_output=True,
            check=False,
        )
        return done.returncode == 0


@pytest.fixture(scope="session")
def world(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Registries, a base image, the module, a cosign with a key instead of GitHub's tokens."""
    folder = tmp_path_factory.mktemp("act")
    users = {
        name: debian.htpasswd(folder / f"{name}-users", f"{name}-{USER}", password)
        for name, password in PASSWORDS.items()
    }
    for name in ("quay", "dockerhub", "upstream"):
        (folder / name).mkdir()
    with (
        engine.registry(folder / "quay", 5003, users["quay"]) as quay,
        engine.registry(folder / "dockerhub", 5004, users["dockerhub"]) as hub,
        engine.registry(folder / "upstream", 5005) as upstream,
    ):
        places = {"quay": quay, "dockerhub": hub}
        base = f"{upstream}/library/bookworm:12"
        image = ("core", "container", "from", "--address=debian:bookworm", "publish")
        done = engine.dagger(*image, f"--address={base}")
        assert done.returncode == 0, done.stderr[-3000:]
        module = module_copy(folder / "module", registries(places))
        key = signing(folder)
        (folder / "docker").mkdir()
        from localai_ci.oci.credentials import Credential, docker_config

        logins = {places[n]: Credential(f"{n}-{USER}", PASSWORDS[n]) for n in places}
        (folder / "docker/config.json").write_text(docker_config(logins))
        installed(folder, module, wrapper(folder))
        yield World(engine, folder, places, upstream, base, module, key, built("cosign"))


def registries(places: dict[str, str]) -> dict[str, object]:
    """A registries.yaml like LocalAI's: anchors in a cache in the first, beside the images else."""
    quay, hub = places["quay"], places["dockerhub"]
    return {
        "registries": {
            "quay": {
                "backends": f"{quay}/ai/backends",
                "images": f"{quay}/ai/server",
                "cache": f"{quay}/ai/cache",
                "pull_requests": f"{quay}/ai/pull-requests",
                "anchors": "cache",
                "plain_http": True,
            },
            "dockerhub": {
                "backends": f"{hub}/ai/backends",
                "images": f"{hub}/ai/server",
                "plain_http": True,
            },
        },
        "bases": f"{quay}/ai/cache",
        "tags": {"backends": TAG_RULES, "images": TAG_RULES},
    }


def signing(folder: Path) -> Path:
    """A pair of keys; returns the public one."""
    environ = os.environ | {"COSIGN_PASSWORD": CANARY}
    command = [str(built("cosign")), "generate-key-pair"]
    subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    offline = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaConfig": {"selector": "ANY"},
    }
    (folder / "signing.json").write_text(json.dumps(offline))
    return folder / "cosign.pub"


def wrapper(folder: Path) -> str:
    """The real cosign, with a key where a hosted runner has a token, and without the public log."""
    real = built("cosign")
    key = f'--key "{folder / "cosign.key"}" --signing-config "{folder / "signing.json"}"'
    check = f'--key "{folder / "cosign.pub"}" --insecure-ignore-tlog=true'
    return f"""case $1 in
sign) shift; exec {real} sign {key} "$@" ;;
verify)
  shift
  for word in "$@"; do image=$word; done
  exec {real} verify --output json {check} --allow-http-registry "$image" ;;
*) exec {real} "$@" ;;
esac"""


@pytest.fixture
def repository(world: World, tmp_path: Path) -> Callable[..., Hub]:
    """Makes a tree with some backends, and the hub that runs its workflows."""

    def make(*backends: str) -> Hub:
        tree = Tree.make(tmp_path / "tree", backends, world.base_image)
        environ = {
            "LOCALAI_CI_ENGINE": "native",
            "LOCALAI_CI_CACHE": str(home().base),
            "BASE_IMAGE": world.base_image,  # for what checks an image: Ubuntu's is not here
            "COSIGN_PASSWORD": CANARY,
            "TUF_ROOT": str(world.folder / "tuf"),
            # Set where a job has id-token: write; the merge refuses to begin without.
            "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/",
        }
        return Hub(tree, world.module, world.folder, environ, SECRETS)

    return make
