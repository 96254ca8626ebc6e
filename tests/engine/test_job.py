"""A packed job in one call, and a whole run on one machine: what fails costs its own image."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import publishing
import pytest
from dagger_engine import Done, Engine, executed
from publishing import FIXTURES
from registries.debian import output
from registries.session import CANARY

GOOD, OTHER, BROKEN = "cpu-good/amd64", "cpu-other/amd64", "cpu-broken/amd64"
NO_BUILD = "#!/bin/sh\necho the compiler is missing >&2\nexit 1\n"


def git(tree: Path, *words: str) -> str:
    own = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    return output("git", "-C", str(tree), *own, *words).strip()


def row(backend: str, base: str) -> dict[str, str]:
    return {
        "backend": backend, "dockerfile": "./backend/Dockerfile.golang", "context": "./",
        "build-type": "", "platforms": "linux/amd64", "tag-suffix": f"-cpu-{backend}",
        "base-image": base, "ubuntu-version": "2404", "runs-on": "ubuntu-latest",
    }  # fmt: skip


@pytest.fixture(scope="module")
def tree(prepared_image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three backends of a Dockerfile, one of which does not build, and a server image."""
    made = tmp_path_factory.mktemp("tree") / "localai"
    shutil.copytree(FIXTURES / "localai", made)
    shutil.copytree(FIXTURES / "server", made, dirs_exist_ok=True)
    store = made / "backend/go/local-store"
    for name in ("good", "other", "broken"):
        shutil.copytree(store, made / "backend/go" / name)
        script = made / "backend/go" / name / "build.sh"
        script.write_text(script.read_text().replace("local-store", name))
    shutil.rmtree(store)
    (made / "backend/go/broken/build.sh").write_text(NO_BUILD)
    rows = [row(name, prepared_image) for name in ("good", "other", "broken")]
    (made / ".github").mkdir()
    (made / ".github/backend-matrix.yml").write_text(json.dumps({"include": rows}))
    leg = {"suffix": "", "arches": ["amd64"], "base_image": prepared_image}
    unseen = {"reason": "Documentation enters no image.", "paths": ["docs/**"]}
    images = {"images": [leg], "unseen": [unseen]}
    (made / "matrix/images.yaml").write_text(json.dumps(images))
    git(made, "init", "-q", "-b", "master")
    git(made, "add", ".")
    git(made, "commit", "-qm", "one")
    return made


@pytest.fixture(scope="module")
def places(registry: str, closed_registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publishing.places(tmp_path_factory.mktemp("places"), registry, closed_registry)


def way(places: Path, docker_config: Path) -> tuple[str, ...]:
    return (f"--registries={places}", f"--docker-config=file://{docker_config}")


def job(engine: Engine, tree: Path, entries: str, out: Path, *more: str) -> Done:
    arguments = (f"--source={tree}", f"--entries={entries}", "--variant=debian-amd64", *more)
    done = engine.call("job", "publish", *arguments, seconds=3000, output=out)
    assert done.returncode == 0, done.stderr[-4000:]
    assert CANARY not in done.stdout + done.stderr
    return done


def report(out: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((out / "report.json").read_text())
    return told


@pytest.fixture(scope="module")
def first(
    engine: Engine,
    tree: Path,
    places: Path,
    docker_config: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Done]:
    """A job of three entries, of which the second fails; started is none."""
    out = tmp_path_factory.mktemp("job") / "out"
    done = job(
        engine, tree, f"{GOOD} {BROKEN} {OTHER}", out,
        "--smoke=never", "--run-id=7", f"--revision={git(tree, 'rev-parse', 'HEAD')}",
        *way(places, docker_config),
    )  # fmt: skip
    return out, done


def test_an_entry_that_fails_stops_no_other_and_is_in_the_file_that_ends_the_job(
    first: tuple[Path, Done],
) -> None:
    out, _ = first
    assert sorted(path.name for path in (out / "receipts").iterdir()) == [
        "cpu-good--amd64.json",
        "cpu-other--amd64.json",
    ]
    told = report(out)
    assert not told["ok"]
    assert {e["entry"]: e["outcome"] for e in told["entries"]} == {
        GOOD: "published",
        BROKEN: "failed",
        OTHER: "published",
    }
    assert (out / "failed").read_text().startswith(f"{BROKEN}: ")
    assert "the compiler is missing" in (out / "failed").read_text()
    ended = subprocess.run(["sh", "-c", "test ! -e failed"], cwd=out, check=False)
    assert ended.returncode == 1
    summary = (out / "summary.md").read_text()
    assert "2 of 3 legs published, 1 failed" in summary
    assert "| cpu-good/amd64 | published |" in summary


def test_receipts_hold_time_and_disk_of_their_own_build(first: tuple[Path, Done]) -> None:
    out, _ = first
    for path in (out / "receipts").iterdir():
        receipt = json.loads(path.read_text())
        (entry,) = [e for e in report(out)["entries"] if e["entry"] == receipt["entry"]]
        assert receipt["seconds"] == entry["seconds"] > 0
        assert receipt["disk"] == entry["disk"] >= 0
        assert entry["bytes"] == sum(layer["size"] for layer in receipt["layers"]) > 0


def test_the_second_attempt_builds_nothing_again_and_publishes_what_was_corrected(
    engine: Engine,
    tree: Path,
    places: Path,
    docker_config: Path,
    first: tuple[Path, Done],
    tmp_path: Path,
) -> None:
    """As GitHub's button runs it: the same run, the same job; only the fault is gone."""
    corrected = tmp_path / "localai"
    shutil.copytree(tree, corrected)
    good = corrected / "backend/go/good/build.sh"
    (corrected / "backend/go/broken/build.sh").write_text(
        good.read_text().replace("go/good", "go/broken")
    )
    done = job(
        engine, corrected, f"{GOOD} {BROKEN} {OTHER}", tmp_path / "out",
        "--smoke=never", "--run-id=7", f"--revision={git(tree, 'rev-parse', 'HEAD')}",
        *way(places, docker_config),
    )  # fmt: skip
    told = report(tmp_path / "out")
    assert told["ok"]
    assert not (tmp_path / "out/failed").exists()
    assert {e["entry"]: e["outcome"] for e in told["entries"]} == {
        GOOD: "found",
        BROKEN: "published",
        OTHER: "found",
    }
    assert not [command for command in executed(done) if "go/good" in command]
    for name in ("cpu-good--amd64.json", "cpu-other--amd64.json"):
        old, new = (
            json.loads((folder / "receipts" / name).read_text())
            for folder in (first[0], tmp_path / "out")
        )
        assert old["digest"] == new["digest"]


def test_what_does_not_start_is_not_published(
    engine: Engine, tree: Path, places: Path, docker_config: Path, tmp_path: Path
) -> None:
    """These backends end at once; on another run's inputs, so that none is found built."""
    other = tmp_path / "localai"
    shutil.copytree(tree, other)
    (other / "backend/go/good/more").write_text("another input")
    job(
        engine, other, GOOD, tmp_path / "out", "--run-id=8",
        f"--revision={git(tree, 'rev-parse', 'HEAD')}", *way(places, docker_config),
    )  # fmt: skip
    told = report(tmp_path / "out")
    assert [e["outcome"] for e in told["entries"]] == ["failed"]
    assert "it ended with exit code 7" in (tmp_path / "out/failed").read_text()
    assert list((tmp_path / "out/receipts").iterdir()) == []


def test_an_entry_of_no_matrix_ends_the_job_before_anything_is_built(
    engine: Engine, tree: Path, places: Path, docker_config: Path
) -> None:
    done = engine.call(
        *("job", "publish", f"--source={tree}", f"--entries={GOOD} cpu-god/amd64"),
        *("--run-id=9", *way(places, docker_config)),
    )
    assert done.returncode != 0
    assert "Did you mean cpu-good/amd64" in done.stderr


@pytest.mark.usefixtures("first")
def test_a_run_plans_builds_and_merges_on_one_machine(
    engine: Engine,
    tree: Path,
    places: Path,
    docker_config: Path,
    registry: str,
    closed_registry: str,
    prepared_image: str,
    tmp_path: Path,
) -> None:
    """A release of all: one backend fails, the others and the server image have all their tags."""
    sha = git(tree, "rev-parse", "HEAD")
    out = tmp_path / "out"
    done = engine.call(
        *("run", f"--source={tree}", "--event=push", "--ref=refs/tags/v4.2.2", f"--sha={sha}"),
        *("--run-id=10", "--parallel=2", "--smoke=never", "--variant=debian-amd64"),
        *(f"--base-image={prepared_image}", "--keep-anchors", *way(places, docker_config)),
        seconds=3000,
        output=out,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert CANARY not in done.stdout + done.stderr
    plan = json.loads((out / "plan.json").read_text())
    assert [entry["id"] for entry in plan["entries"]] == [GOOD, OTHER, BROKEN]
    assert [leg["id"] for leg in plan["images"]] == ["core/amd64"]
    failed = (out / "failed").read_text()
    assert failed.startswith(f"{BROKEN}: ")
    assert f"image -cpu-broken refused: no receipt for {BROKEN}" in failed
    result = json.loads((out / "merge-result.json").read_text())
    assert {(row["kind"], row["suffix"]): row["status"] for row in result["images"]} == {
        ("backends", "-cpu-good"): "merged",
        ("backends", "-cpu-other"): "merged",
        ("backends", "-cpu-broken"): "refused",
        ("images", ""): "merged",
    }
    for image in (
        *(f"{registry}/ai/backends:latest-cpu-good", f"{registry}/ai/server:v4.2.2"),
        *(f"{closed_registry}/b:v4.2.2-cpu-other", f"{closed_registry}/s:latest"),
    ):
        flags = ("--tls-verify=false", "--authfile", str(docker_config))
        told = json.loads(output("skopeo", "inspect", *flags, f"docker://{image}"))
        assert told["Architecture"] == "amd64"
    assert {e["outcome"] for e in report(out)["entries"] if e["entry"] in {GOOD, OTHER}} <= {
        "found", "published",
    }  # fmt: skip


def test_a_run_with_nothing_due_is_well_and_merges_nothing(
    engine: Engine, tree: Path, places: Path, docker_config: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    changed.write_text("docs/page.md\n")
    done = engine.call(
        *("run", f"--source={tree}", "--event=push", "--ref=refs/heads/master"),
        *(f"--sha={git(tree, 'rev-parse', 'HEAD')}", "--run-id=11", f"--changed-files={changed}"),
        *way(places, docker_config),
        output=tmp_path / "out",
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert report(tmp_path / "out")["ok"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("plan.json", "receipts", "report.json", "summary.md"),
    ]
