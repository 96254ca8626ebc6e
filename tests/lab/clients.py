"""Other people's registry clients, which must be able to read what we write."""

import os
import shutil
from pathlib import Path

import anyio
import pytest

from lab.rooms import CANARY, USER
from localai_ci.registry.credentials import Credential, docker_config

TOOLS = Path(os.environ.get("LOCALAI_CI_TOOLS", Path.home() / ".cache/localai-ci/tools"))
MODULES = {
    "crane": "github.com/google/go-containerregistry/cmd/crane",
    "regctl": "github.com/regclient/regclient/cmd/regctl",
    "cosign": "github.com/sigstore/cosign/v3/cmd/cosign",
}


def go_program(name: str) -> str:
    """The path of a program of a Go module; the test is skipped where it was not built."""
    found = shutil.which(name) or shutil.which(name, path=str(TOOLS))
    if found is None:
        pytest.skip(f"{name} is not here: GOBIN={TOOLS} go install {MODULES[name]}@latest")
    return found


def signed_in(folder: Path, *hosts: str) -> dict[str, str]:
    """An environment in which clients find the password of these hosts, and nothing else."""
    config = folder / "config.json"
    config.write_text(docker_config(dict.fromkeys(hosts, Credential(USER, CANARY))))
    return {
        "DOCKER_CONFIG": str(folder),
        "REGISTRY_AUTH_FILE": str(config),
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
    }


async def ask(*command: str, env: dict[str, str]) -> str:
    """What a client prints; a failure shows what it said."""
    done = await anyio.run_process(command, env=env, check=False)
    assert done.returncode == 0, f"{' '.join(command[:3])} …: {done.stderr.decode()}"
    return done.stdout.decode()
