"""Other people's clients read what we wrote."""

import json
from pathlib import Path

import pytest
from registries.debian import output
from registries.legs import Scene, place
from registries.session import Servers
from registries.tools import built

from localai_ci.oci.transport import Transport

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="session", params=["crane", "regctl"])
def client(request: pytest.FixtureRequest) -> str:
    return str(built(request.param))


async def test_the_index_and_its_legs_are_read(
    client: str,
    servers: Servers,
    transport: Transport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(servers.authfile(tmp_path).parent))
    # not the one with tokens: crane refuses a token service on loopback
    targets = (place("a", servers.basic.address), place("own", servers.own.address))
    scene = Scene(transport, targets)
    row = (await scene.merge(await scene.both())).images[0]
    for target in scene.targets:
        image = f"{target.repository}:latest-cpu-test"
        if client.endswith("crane"):
            assert output(client, "manifest", "--insecure", image) == row.index
            config = output(client, "config", "--insecure", "--platform", "linux/arm64", image)
            output(client, "validate", "--insecure", "--remote", image)
        else:
            plain = ("--host", f"reg={target.repository.host},tls=disabled")
            assert output(client, *plain, "manifest", "get", "--format", "raw-body", image) == (
                row.index
            )
            config = output(client, *plain, "image", "config", "-p", "linux/arm64", image)
        assert json.loads(config)["architecture"] == "arm64"
