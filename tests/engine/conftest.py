"""A real engine, started once and left running, and fake upstreams beside it."""

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dagger_engine import Engine
from fake_upstreams.internet import Internet, build_internet
from fake_upstreams.packages import Key
from native import record
from native.home import home
from registries import debian
from registries.session import CANARY, USER

from localai_ci.oci import credentials
from localai_ci.oci.credentials import Credential


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the engine."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that daggerw chooses here; a native one is started and left running."""
    found = Engine(os.environ)
    chosen = found.dagger("version")
    assert chosen.returncode == 0, chosen.stderr
    native = record.running(home()) if "native engine" in chosen.stderr else None
    return replace(found, address=native.address if native else "")


@pytest.fixture(scope="session")
def internet(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """All upstreams of the bases, on port 5009 of the engine's network."""
    folder = tmp_path_factory.mktemp("internet")
    www = folder / "www"
    www.mkdir()
    key = Key(folder / "key")
    build_internet(www, key)
    key.close()
    # The fake distribution is asked for through the mirror's rule as well.
    (www / f"{engine.address}:5009").symlink_to(www)
    log = folder / "requests.log"
    with engine.fake_upstreams(www, 5009, log, "/distribution/Release") as url:
        yield Internet(url, log, www)


@pytest.fixture(scope="session")
def registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that is open to all."""
    with engine.registry(tmp_path_factory.mktemp("open"), 5008) as host:
        yield host


@pytest.fixture(scope="session")
def closed_registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that asks for `USER` and `CANARY`."""
    folder = tmp_path_factory.mktemp("closed")
    auth = debian.htpasswd(folder, USER, CANARY)
    with engine.registry(folder, 5007, auth) as host:
        yield host


@pytest.fixture(scope="session")
def docker_config(closed_registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Docker config.json with the credential of the closed registry."""
    path = tmp_path_factory.mktemp("docker") / "config.json"
    path.write_text(credentials.docker_config({closed_registry: Credential(USER, CANARY)}))
    return path


def publish_base_image(
    engine: Engine, internet: Internet, image: str, *before: str, arch: str = "amd64"
) -> str:
    """Publish debian:bookworm, made to look for heavy packages and ROCm's in the fake upstreams."""
    ring = "/usr/share/keyrings/fake.asc"
    key = (internet.www / "repositories.intel.com/gpu/intel-graphics.key").read_text()
    rocm = "https://repo.radeon.com/rocm/apt/7.2.1"
    files = {
        ring: key,
        "/etc/apt/sources.list.d/fake.list": (
            f"deb [signed-by={ring}] {internet.url}/distribution/ ./\n"
        ),
        "/etc/apt/sources.list.d/rocm.list": f"deb [signed-by={ring}] {rocm} noble main\n",
    }
    writes = [
        word
        for path, text in files.items()
        for word in ("with-new-file", f"--path={path}", f"--contents={text}")
    ]
    # Where the machine has authorities of its own, the engine runs this program before and after
    # every command; emulated, that takes longer than the command. All here is plain HTTP.
    bare = ("without-file", "--path=/usr/sbin/update-ca-certificates")
    bookworm = (f"--platform=linux/{arch}", "from", "--address=debian:bookworm")
    made = ("core", "container", *bookworm, *before, *bare, *writes)
    done = engine.dagger(*made, "publish", f"--address={image}")
    assert done.returncode == 0, done.stderr[-3000:]
    return image


@pytest.fixture(scope="session")
def bare_image(engine: Engine, internet: Internet, registry: str) -> str:
    """A base image that takes its packages there, as bare as a distribution's."""
    return publish_base_image(engine, internet, f"{registry}/debian:bare")


@pytest.fixture(scope="session")
def arm64(engine: Engine) -> str:
    """The name of the architecture, where the engine runs it."""
    emulated = re.findall(r"^emulates +(.*)$", engine.command("status").stdout, re.MULTILINE)
    if platform.machine() != "aarch64" and "arm64" not in "".join(emulated):
        pytest.skip("this engine does not emulate arm64 (make test-all starts one that does)")
    return "arm64"


@pytest.fixture(scope="session")
def bare_image_arm64(engine: Engine, internet: Internet, registry: str, arm64: str) -> str:
    """The same for arm64."""
    return publish_base_image(engine, internet, f"{registry}/debian:arm64", arch=arm64)


@pytest.fixture(scope="session")
def git_image_arm64(engine: Engine, internet: Internet, registry: str, arm64: str) -> str:
    """A base for arm64 with git and make in it, and little else: emulated, apt is slow."""
    install = "apt-get update && apt-get install -y --no-install-recommends git make"
    stock = ("with-exec", f'--args="sh","-c","{install}"')
    return publish_base_image(engine, internet, f"{registry}/debian:git", *stock, arch=arm64)


@pytest.fixture(scope="session")
def prepared_image(engine: Engine, internet: Internet, registry: str) -> str:
    """The same with the common packages in it: for tests of the steps after apt's."""
    packages = "build-essential ccache git ca-certificates pkg-config libcurl4-openssl-dev curl"
    install = f"apt-get update && apt-get install -y {packages} unzip libssl-dev wget cmake"
    stock = ("with-exec", f'--args="sh","-c","{install}"')
    return publish_base_image(engine, internet, f"{registry}/debian:prepared", *stock)


@pytest.fixture(scope="session")
def flags(internet: Internet, bare_image: str) -> tuple[str, ...]:
    """Arguments that send a build to the fake upstreams."""
    return ("--mirror", internet.url, "--base-image", bare_image)
