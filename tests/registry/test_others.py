"""Other people's clients read what we wrote."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from lab.debian import output
from lab.legs import Scene, place
from lab.rooms import Lab

from localai_ci.registry.transport import Transport

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
TOOLS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "localai-ci/tools"
MODULES = {
    "crane": "github.com/google/go-containerregistry/cmd/crane@v0.21.9",
    "regctl": "github.com/regclient/regclient/cmd/regctl@v0.11.5",
}


@pytest.fixture(scope="session", params=sorted(MODULES))
def client(request: pytest.FixtureRequest) -> str:
    """Crane and regctl, built once with Go."""
    name = str(request.param)
    if not (TOOLS / name).is_file():
        if shutil.which("go") is None:
            pytest.fail(f"neither {name} nor go is installed", pytrace=False)
        environment = {**os.environ, "GOBIN": str(TOOLS)}
        subprocess.run(["go", "install", MODULES[name]], env=environment, check=True)
    return name


async def test_the_index_and_its_legs_are_read(
    client: str, lab: Lab, transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(TOOLS), prepend=":")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(lab.authfile(tmp_path).parent))
    # not the one with tokens: crane refuses a token service on loopback
    targets = (place("a", lab.basic.address), place("own", lab.own.address))
    scene = Scene(transport, targets)
    row = (await scene.merge(await scene.both())).images[0]
    for target in scene.targets:
        image = f"{target.repository}:latest-cpu-test"
        if client == "crane":
            assert output("crane", "manifest", "--insecure", image) == row.index
            config = output("crane", "config", "--insecure", "--platform", "linux/arm64", image)
            output("crane", "validate", "--insecure", "--remote", image)
        else:
            plain = ("--host", f"reg={target.repository.host},tls=disabled")
            assert output("regctl", *plain, "manifest", "get", "--format", "raw-body", image) == (
                row.index
            )
            config = output("regctl", *plain, "image", "config", "-p", "linux/arm64", image)
        assert json.loads(config)["architecture"] == "arm64"
