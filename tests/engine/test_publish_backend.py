"""From a source tree to a tag in two registries: publish, lose, merge, restore, pull."""

import json
import shutil
import subprocess
from pathlib import Path

import publishing
import pytest
from dagger_engine import REPO, Done, Engine, executed
from publishing import FIXTURES, SHA, merge, publish
from registries.debian import program
from registries.session import CANARY, USER

LLAMA = publishing.leg("amd64")


@pytest.fixture(scope="module")
def places(registry: str, closed_registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publishing.places(tmp_path_factory.mktemp("places"), registry, closed_registry)


@pytest.fixture(scope="module")
def receipts(
    engine: Engine, places: Path, docker_config: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Done]:
    """The receipt of the one leg, and the call that made it."""
    folder = tmp_path_factory.mktemp("receipts")
    return folder, publish(engine, places, docker_config, folder, *LLAMA, "--run-id=4711")


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
        *("backend", "report", *LLAMA, "--insecure", "--as-json"),
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


def test_a_promised_leg_is_merged_restored_and_read_by_tag(
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


def test_the_function_merges_as_the_console_does(
    engine: Engine, receipts: tuple[Path, Done], places: Path, docker_config: Path, tmp_path: Path
) -> None:
    """Everything is there by now; the leg that is promised beyond it is refused, not forgotten."""
    ids = ("cpu-llama-cpp/amd64", "cpu-other/amd64")
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"entries": [{"id": name} for name in ids]}))
    told = engine.ok(
        *("merge", f"--receipts={receipts[0]}", "--ref=refs/tags/v4.2.2", f"--sha={SHA}"),
        *(f"--plan={plan}", f"--registries={places}", "--keep-anchors"),
        *(f"--docker-config=file://{docker_config}", "contents"),
    )
    result = json.loads(told)
    assert not result["ok"]
    assert {row["suffix"]: row["status"] for row in result["images"]} == {
        "-cpu-llama-cpp": "unchanged",
        "-cpu-other": "refused",
    }
    assert result["writes"] == 0
    assert CANARY not in told
