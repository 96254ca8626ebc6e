"""What tests of publishing to two registries share: their file, a leg, a merge."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from dagger_engine import REPO, Done, Engine
from registries.session import CANARY

FIXTURES = REPO / "tests/fixtures"
SHA = "0123456789abcdef0123456789abcdef01234567"


def places(folder: Path, open_host: str, closed_host: str) -> Path:
    """A registries.yaml: anchors in a cache repository in the first, beside the images in both."""
    path = folder / "registries.yaml"
    one = {"backends": f"{open_host}/ai/backends", "images": f"{open_host}/ai/server"}
    two = {"backends": f"{closed_host}/b", "images": f"{closed_host}/s"}
    data = {
        "registries": {
            "open": one
            | {"cache": f"{open_host}/ai/cache", "anchors": "cache", "plain_http": True},
            "closed": two | {"plain_http": True},
        },
        "bases": f"{open_host}/ai/cache",
        "tags": {
            "backends": ["semver", "branch", "sha"],
            "images": ["semver", "branch", "branch-epoch-sha", "sha"],
        },
    }
    path.write_text(json.dumps(data))  # JSON is YAML
    return path


def leg(arch: str) -> tuple[str, ...]:
    """The arguments that name a leg of the fixture backend."""
    return (
        f"--source={FIXTURES / 'localai'}",
        f"--entry=cpu-llama-cpp/{arch}",
        f"--variant=debian-{arch}",
        "--targets=fallback",
        f"--third-party={FIXTURES / 'llama.cpp'}",
    )


def publish(
    engine: Engine, places: Path, docker_config: Path, folder: Path, *arguments: str
) -> Done:
    """`backend publish` of a leg; its receipt is then in ``folder``."""
    done = engine.call(
        *("backend", "publish", *arguments, f"--revision={SHA}"),
        *(f"--registries={places}", f"--docker-config=file://{docker_config}"),
        seconds=3000,
        output=folder,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def merge(places: Path, docker_config: Path, *arguments: str) -> dict[str, Any]:
    """`localai-ci merge` as a user runs it; its result."""
    result = places.parent / "result.json"
    command = [str(REPO / ".venv/bin/localai-ci"), "merge", "--registries", str(places)]
    push = ("--event", "push", "--ref", "refs/tags/v4.2.2", "--sha", SHA)
    done = subprocess.run(
        [*command, "--result", str(result), *push, *arguments],
        env=os.environ | {"DOCKER_CONFIG": str(docker_config.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert CANARY not in done.stdout + done.stderr
    return {"code": done.returncode, "said": done.stdout + done.stderr} | (
        json.loads(result.read_text()) if result.exists() else {}
    )
