"""The registries as fixtures: started once for all tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lab.proxy import Proxy, proxy
from lab.rooms import QUICK, Lab, fresh, opened
from lab.shop import Shop

from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with opened(tmp_path_factory.mktemp("registries")) as made:
        yield made


@pytest.fixture
def front(lab: Lab) -> Iterator[Proxy]:
    """The fault proxy in front of the registry with basic authentication."""
    with proxy(lab.basic.address) as made:
        yield made


@pytest.fixture
async def transport(lab: Lab, request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    fronts = [request.getfixturevalue("front")] if "front" in request.fixturenames else []
    async with Transport(lab.keyring(*(f.address for f in fronts)), policy=QUICK) as made:
        yield made


@pytest.fixture(params=["basic", "token", "own"])
def repository(lab: Lab, request: pytest.FixtureRequest) -> Repository:
    """A fresh repository in each of the three registries."""
    address: str = getattr(lab, request.param).address
    return fresh(address)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-login"))
    return Shop(tmp_path, monkeypatch)
