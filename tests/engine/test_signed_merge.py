"""The function `merge` with --sign: cosign in the module's container, keys as secrets."""

import json
import os
import subprocess
from pathlib import Path

import anyio
import publishing
import pytest
from dagger_engine import REPO, Engine
from registries.legs import SHA, Scene
from registries.session import CANARY
from registries.tools import built

from localai_ci.config.kind import ImageKind
from localai_ci.config.reader import load
from localai_ci.config.registries import Registries
from localai_ci.oci.credentials import Keyring
from localai_ci.oci.transport import Transport
from localai_ci.release.targets import plain_http, targets

pytestmark = pytest.mark.slow
OFFLINE = {
    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    "rekorTlogConfig": {"selector": "ANY"},
    "tsaConfig": {"selector": "ANY"},
}


@pytest.fixture
def places(registry: str, closed_registry: str, tmp_path: Path) -> Path:
    """Cosign takes no repository of one letter."""
    path = publishing.places(tmp_path, registry, closed_registry)
    path.write_text(path.read_text().replace('/b"', '/ci/backends"').replace('/s"', '/ci/server"'))
    return path


@pytest.fixture
def receipts(places: Path, docker_config: Path, tmp_path: Path) -> Path:
    """Two legs of one image, in both registries."""
    file = load(places, Registries)[0]
    folder = tmp_path / "receipts"
    keyring = Keyring.of_config(docker_config.read_text())

    async def push() -> None:
        async with Transport(keyring, plain_http=plain_http(file)) as transport:
            for receipt in await Scene(transport, targets(file, ImageKind.backends)).both():
                receipt.write(folder)

    anyio.run(push)
    return folder


def test_the_function_signs_what_the_console_then_finds_signed(
    engine: Engine, places: Path, receipts: Path, docker_config: Path, tmp_path: Path
) -> None:
    cosign = built("cosign")
    environ = os.environ | {"COSIGN_PASSWORD": CANARY, "TUF_ROOT": str(tmp_path / "tuf")}
    subprocess.run(
        [cosign, "generate-key-pair"], cwd=tmp_path, env=environ, check=True, capture_output=True
    )
    (tmp_path / "offline.json").write_text(json.dumps(OFFLINE))
    (tmp_path / "password").write_text(CANARY)
    call = (
        *("merge", f"--receipts={receipts}", "--ref=refs/tags/v4.2.2", f"--sha={SHA}"),
        *(f"--registries={places}", f"--docker-config=file://{docker_config}", "--keep-anchors"),
        "--provenance",
    )
    signing = (
        *("--sign", f"--sign-key=file://{tmp_path}/cosign.key"),
        *(f"--sign-password=file://{tmp_path}/password", f"--verify-key={tmp_path}/cosign.pub"),
        f"--signing-config={tmp_path}/offline.json",
    )
    without = engine.call(*call, *signing, "contents")
    assert without.returncode != 0
    assert "--cosign" in without.stderr

    done = engine.call(*call, *signing, f"--cosign={cosign}", "contents")
    assert done.returncode == 0, done.stderr[-4000:]
    (row,) = json.loads(done.stdout)["images"]
    assert not row["error"], row["error"]
    assert (row["status"], row["signed"]) == ("merged", ["open", "closed"])
    assert row["provenance"]
    key = (tmp_path / "cosign.key").read_text().splitlines()[1]
    for secret in (CANARY, key):
        assert secret not in done.stdout + done.stderr

    command = [str(REPO / ".venv/bin/localai-ci"), "merge"]
    again = subprocess.run(
        [
            *command, "--registries", str(places), "--receipts", str(receipts),
            *("--event", "push", "--ref", "refs/tags/v4.2.2", "--sha", SHA, "--sign"),
            *("--sign-key", str(tmp_path / "no-such.key"), "--keep-anchors", "--provenance"),
            *("--verify-key", str(tmp_path / "cosign.pub"), "--cosign", str(cosign)),
            *("--signing-config", str(tmp_path / "offline.json"), "--format", "json"),
            *("--result", str(tmp_path / "result.json")),
        ],
        env=environ | {"DOCKER_CONFIG": str(docker_config.parent)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stdout + again.stderr
    result = json.loads(again.stdout)
    assert [row["status"] for row in result["images"]] == ["unchanged"]
    assert result["writes"] == 0
