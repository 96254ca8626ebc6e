"""The registries as fixtures: started once for all tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from registries.console import Console
from registries.proxy import Proxy, proxy
from registries.session import QUICK, Servers, fresh, started

from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with started(tmp_path_factory.mktemp("registries")) as made:
        yield made


@pytest.fixture
def front(servers: Servers) -> Iterator[Proxy]:
    """The fault proxy in front of the registry with basic authentication."""
    with proxy(servers.basic.address) as made:
        yield made


@pytest.fixture
async def transport(servers: Servers, request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    fronts = [request.getfixturevalue("front")] if "front" in request.fixturenames else []
    async with Transport(servers.keyring(*(f.address for f in fronts)), policy=QUICK) as made:
        yield made


@pytest.fixture(params=["basic", "token", "own"])
def repository(servers: Servers, request: pytest.FixtureRequest) -> Repository:
    """A fresh repository in each of the three registries."""
    address: str = getattr(servers, request.param).address
    return fresh(address)


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-login"))
    return Console(tmp_path, monkeypatch)
