"""From a source tree to a tag in two registries: publish, lose, merge, heal, pull."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lab.debian import program
from lab.rooms import CANARY, USER
from live import REPO, Done, Engine, executed

FIXTURES = REPO / "tests/fixtures"
LLAMA = (
    f"--source={FIXTURES / 'localai'}",
    "--entry=cpu-llama-cpp/amd64",
    "--variant=debian-amd64",
    "--targets=fallback",
    f"--third-party={FIXTURES / 'llama.cpp'}",
)
SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def places(registry: str, closed_registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registries.yaml: anchors in a cache repository, and beside the images."""
    path = tmp_path_factory.mktemp("places") / "registries.yaml"
    one = {"backends": f"{registry}/ai/backends", "images": f"{registry}/ai/server"}
    two = {"backends": f"{closed_registry}/b", "images": f"{closed_registry}/s"}
    data = {
        "registries": {
            "open": one | {"cache": f"{registry}/ai/cache", "anchors": "cache", "plain_http": True},
            "closed": two | {"plain_http": True},
        },
        "bases": f"{registry}/ai/cache",
        "tags": {"backends": ["semver", "branch", "sha"]},
    }
    path.write_text(json.dumps(data))  # JSON is YAML
    return path


@pytest.fixture(scope="module")
def receipts(
    engine: Engine, places: Path, docker_config: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Done]:
    """The receipt of the one leg, and the call that made it."""
    folder = tmp_path_factory.mktemp("receipts")
    return folder, publish(engine, places, docker_config, folder, *LLAMA, "--run-id=4711")


def publish(
    engine: Engine, places: Path, docker_config: Path, folder: Path, *arguments: str
) -> Done:
    """Publish a leg; its receipt is in the folder."""
    done = engine.dagger(
        *("call", "-o", str(folder), "publish-backend", *arguments, f"--revision={SHA}"),
        *(f"--registries={places}", f"--docker-config=file://{docker_config}"),
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def merge(places: Path, docker_config: Path, *arguments: str) -> dict[str, Any]:
    """`localai-ci merge` as a user runs it; its result."""
    result = places.parent / "result.json"
    command = ["localai-ci", "merge", "--registries", str(places), "--result", str(result)]
    push = ("--event", "push", "--ref", "refs/tags/v4.2.2", "--sha", SHA)
    done = subprocess.run(
        [str(REPO / ".venv/bin" / command[0]), *command[1:], *push, *arguments],
        env=os.environ | {"DOCKER_CONFIG": str(docker_config.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert CANARY not in done.stdout + done.stderr
    return {"code": done.returncode, "said": done.stdout + done.stderr} | (
        json.loads(result.read_text()) if result.exists() else {}
    )


def test_the_receipt_says_what_both_registries_have(receipts: tuple[Path, Done]) -> None:
    folder, done = receipts
    receipt = json.loads((folder / "cpu-llama-cpp--amd64.json").read_text())
    assert {p["registry"]: p["digest"] for p in receipt["publications"]} == {
        "open": receipt["digest"],
        "closed": receipt["digest"],
    }
    assert receipt["legs"] == ["cpu-llama-cpp/amd64", "cpu-llama-cpp/arm64"]
    assert receipt["run"]["revision"] == SHA
    assert receipt["input_hash"]
    assert CANARY not in done.stdout + done.stderr + json.dumps(receipt)


@pytest.mark.usefixtures("receipts")
def test_the_next_build_of_the_same_inputs_finds_it_and_compiles_nothing(
    engine: Engine, registry: str
) -> None:
    out = engine.ok(
        *("backend-report", *LLAMA, "--insecure", "--as-json"),
        f"--images={registry}/ai/backends",
    )
    assert f"{registry}/ai/backends:in-" in out


def test_the_next_leg_of_the_same_inputs_is_the_same_image_and_nothing_is_compiled(
    engine: Engine,
    places: Path,
    docker_config: Path,
    receipts: tuple[Path, Done],
    tmp_path: Path,
) -> None:
    done = publish(engine, places, docker_config, tmp_path, *LLAMA, "--run-id=4712")
    again, first = (
        json.loads((folder / "cpu-llama-cpp--amd64.json").read_text())
        for folder in (tmp_path, receipts[0])
    )
    assert executed(done) == []
    assert (again["digest"], again["input_hash"]) == (first["digest"], first["input_hash"])
    assert first["seconds"] > 0
    assert again["seconds"] == 0
    assert "-4712-cpu-llama-cpp-amd64" in json.dumps(again["publications"])


def test_the_next_plan_finds_what_was_published(
    engine: Engine, places: Path, docker_config: Path, registry: str, tmp_path: Path
) -> None:
    """The tree has a matrix of its own: one leg of a Dockerfile that reads the week."""
    base = f"{registry}/bookworm:12"
    image = ("core", "container", "from", "--address=debian:bookworm", "publish")
    assert engine.dagger(*image, f"--address={base}").returncode == 0
    tree = tmp_path / "localai"
    shutil.copytree(FIXTURES / "localai", tree)
    row = {
        "backend": "local-store", "dockerfile": "./backend/Dockerfile.golang", "context": "./",
        "build-type": "", "platforms": "linux/amd64", "tag-suffix": "-cpu-local-store",
        "base-image": base, "ubuntu-version": "2404", "runs-on": "ubuntu-latest",
    }  # fmt: skip
    matrix = tree / ".github/backend-matrix.yml"
    matrix.parent.mkdir()
    matrix.write_text(json.dumps({"include": [row]}))
    git = ("git", "-C", str(tree), "-c", "user.name=x", "-c", "user.email=x@example.org")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "one")):
        subprocess.run([*git, *command], check=True)
    plan = [
        *(str(REPO / ".venv/bin/localai-ci"), "plan", "--source", str(tree), "--format", "json"),
        *("--built", "open", "--registries", str(places)),
    ]
    before = json.loads(subprocess.run(plan, check=True, capture_output=True).stdout)
    assert [entry["id"] for entry in before["entries"]] == ["cpu-local-store/amd64"]
    leg = (f"--source={tree}", "--entry=cpu-local-store/amd64", "--variant=debian-amd64")
    publish(engine, places, docker_config, tmp_path / "receipts", *leg, "--run-id=4713")
    receipt = json.loads((tmp_path / "receipts/cpu-local-store--amd64.json").read_text())
    assert receipt["legs"] == ["cpu-local-store/amd64"]
    after = json.loads(subprocess.run(plan, check=True, capture_output=True).stdout)
    assert after["entries"] == []
    assert list(after["built"]) == ["cpu-local-store/amd64"]


def test_a_merge_that_misses_the_other_leg_is_refused_and_tags_nothing(
    receipts: tuple[Path, Done], places: Path, docker_config: Path
) -> None:
    done = merge(places, docker_config, "--receipts", str(receipts[0]))
    assert done["code"] == 1
    assert "cpu-llama-cpp/arm64" in done["said"]
    assert all(not row["tags"] for row in done["images"])


def test_a_promised_leg_is_merged_healed_and_read_by_tag(
    receipts: tuple[Path, Done],
    places: Path,
    docker_config: Path,
    closed_registry: str,
    tmp_path: Path,
) -> None:
    """The plan promised this one leg. It is only in the cache repository of one registry."""
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"entries": [{"id": "cpu-llama-cpp/amd64"}]}))
    # Debian's registry cannot delete a tag by name: it would be tried again each time.
    arguments = ("--receipts", str(receipts[0]), "--plan", str(plan), "--keep-anchors")
    first = merge(places, docker_config, *arguments)
    assert first["code"] == 0, first["said"]
    (row,) = first["images"]
    names = {tag["image"].rpartition(":")[2] for tag in row["tags"]}
    assert names == {"v4.2.2-cpu-llama-cpp", "sha-0123456-cpu-llama-cpp", "latest-cpu-llama-cpp"}
    told = subprocess.run(
        [
            *(program("skopeo"), "inspect", "--tls-verify=false", "--authfile", docker_config),
            f"docker://{closed_registry}/b:latest-cpu-llama-cpp",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(told.stdout)["Architecture"] == "amd64"
    assert USER not in told.stdout
    again = merge(places, docker_config, *arguments)
    assert again["code"] == 0
    assert again["writes"] == 0
