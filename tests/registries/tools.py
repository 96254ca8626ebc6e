"""Other people's programs, built once with Go into the user's cache."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from localai_ci.release.sign import COSIGN

TOOLS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "localai-ci/tools"
MODULES = {
    "conformance": "github.com/opencontainers/distribution-spec/conformance"
    "@v0.0.0-20260831232431-97274622c111",
    "cosign": f"github.com/sigstore/cosign/v3/cmd/cosign@{COSIGN}",
    "crane": "github.com/google/go-containerregistry/cmd/crane@v0.22.1",
    "registry": "github.com/distribution/distribution/v3/cmd/registry@v3.1.2",
    "regctl": "github.com/regclient/regclient/cmd/regctl@v0.11.7",
}


def built(name: str) -> Path:
    """The program; the test fails where it is neither there nor can be built."""
    folder = TOOLS / f"{name}-{MODULES[name].rpartition('@')[2]}"
    path = folder / name
    if not path.is_file():
        if shutil.which("go") is None:
            pytest.fail(f"neither {name} nor go is installed", pytrace=False)
        environment = {**os.environ, "GOBIN": str(folder)}
        subprocess.run(["go", "install", MODULES[name]], env=environment, check=True)
    return path
