"""A real engine, started once and left running, and a stand-in for the internet beside it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from live import REPO, Engine
from native import record
from native.home import home
from standin.internet import Internet, build_internet
from standin.packages import Key


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
    build_internet(www, Key(folder / "key"))
    # The distribution's stand-in is asked for through the mirror's rule as well.
    (www / f"{engine.address}:5009").symlink_to(www)
    log = folder / "requests.log"
    log.touch()
    server = str(REPO / "tests/standin/server.py")
    url = f"http://{engine.address}:5009"
    command = ("python3", server, str(www), engine.address, "5009", str(log))
    with engine.serving(f"{url}/distribution/Release", *command):
        yield Internet(url, log, www)


@pytest.fixture(scope="session")
def registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's docker-registry, empty, on port 5008 of the engine's network: ``host:port``."""
    folder = tmp_path_factory.mktemp("registry")
    host = f"{engine.address}:5008"
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
        f"http:\n  addr: {host}\n"
    )
    with engine.serving(f"http://{host}/v2/", "docker-registry", "serve", str(config)):
        yield host
