"""The server image: a Dockerfile of LocalAI's shape, published, merged, read back, started."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import publishing
import pytest
from dagger_engine import REPO, Engine
from publishing import FIXTURES
from registries.debian import output

SECOND = 10**9


@dataclass(frozen=True)
class Clone:
    """A clone of the fixture, and what git says of it."""

    folder: Path
    revision: str

    def git(self, *words: str) -> str:
        own = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
        return output("git", "-C", str(self.folder), *own, *words).strip()


def clone(folder: Path, *tags: str) -> Clone:
    tree = folder / "localai"
    shutil.copytree(FIXTURES / "server", tree)
    made = Clone(tree, "")
    made.git("init", "-q", "-b", "master")
    made.git("add", ".")
    made.git("commit", "-qm", "one")
    for tag in tags:
        made.git("tag", "-a", "-m", "a release", tag)
    return Clone(tree, made.git("rev-parse", "HEAD"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return clone(tmp_path_factory.mktemp("tree"), "v4.2.2")


@pytest.fixture(scope="module")
def places(registry: str, closed_registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publishing.places(tmp_path_factory.mktemp("places"), registry, closed_registry)


def inspect(docker_config: Path, image: str, *how: str) -> dict[str, Any]:
    flags = ("--tls-verify=false", "--authfile", str(docker_config))
    told = output("skopeo", "inspect", *flags, *how, f"docker://{image}")
    found: dict[str, Any] = json.loads(told)
    return found


def merge(
    tree: Clone, places: Path, docker_config: Path, receipts: Path, plan: Mapping[str, Any]
) -> dict[str, Any]:
    """`localai-ci merge` of a release, which demands what the plan promises."""
    folder = receipts.parent
    (folder / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run(
        [
            *(str(REPO / ".venv/bin/localai-ci"), "merge", "--registries", str(places)),
            *("--receipts", str(receipts), "--plan", str(folder / "plan.json"), "--keep-anchors"),
            *("--event", "push", "--ref", "refs/tags/v4.2.2", "--sha", tree.revision),
            *("--result", str(folder / "result.json")),
        ],
        env=os.environ | {"DOCKER_CONFIG": str(docker_config.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result | {"code": done.returncode, "said": done.stdout + done.stderr}


def test_it_is_published_merged_and_says_all_that_its_dockerfile_says(
    engine: Engine,
    tree: Clone,
    places: Path,
    prepared_image: str,
    registry: str,
    closed_registry: str,
    docker_config: Path,
    tmp_path: Path,
) -> None:
    receipts = tmp_path / "receipts"
    leg = ("--entry=gpu-nvidia-cuda-12/amd64", f"--base-image={prepared_image}")
    done = engine.call(
        *("image", "publish", f"--source={tree.folder}", *leg, "--run-id=4711"),
        *(f"--registries={places}", f"--docker-config=file://{docker_config}"),
        output=receipts,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    receipt = json.loads((receipts / "gpu-nvidia-cuda-12--amd64.json").read_text())
    assert (receipt["kind"], receipt["run"]["revision"]) == ("images", tree.revision)
    assert receipt["legs"] == ["gpu-nvidia-cuda-12/amd64"]
    assert {p["digest"] for p in receipt["publications"]} == {receipt["digest"]}

    plan = {"entries": [], "images": [{"id": "gpu-nvidia-cuda-12/amd64"}]}
    result = merge(tree, places, docker_config, receipts, plan)
    assert result["code"] == 0, result["said"]
    for image in (f"{registry}/ai/server", f"{closed_registry}/s"):
        found = inspect(docker_config, f"{image}:latest-gpu-nvidia-cuda-12", "--config", "--raw")
        config = found["config"]
        assert config["Healthcheck"] == {
            "Test": ["CMD-SHELL", "/healthcheck.sh"],
            "Interval": 60 * SECOND,
            "Timeout": 10 * SECOND,
            "StartPeriod": 3600 * SECOND,
            "Retries": 3,
        }
        volumes = ("/models", "/backends", "/configuration", "/data")
        assert config["Volumes"] == {name: {} for name in volumes}
        assert config["ExposedPorts"] == {"8080/tcp": {}}
        assert config["Entrypoint"] == ["/entrypoint.sh"]
        assert config["OnBuild"] == ["RUN echo built upon"]
        assert config["WorkingDir"] == "/"
        env = dict(line.split("=", 1) for line in config["Env"])
        assert env["NVIDIA_REQUIRE_CUDA"] == "cuda>=12.0"
        assert (env["BUILD_TYPE"], env["HEALTHCHECK_ENDPOINT"]) == ("cublas", "")
        assert config["Labels"]["io.localai.ci.kind"] == "images"
        assert config["Labels"]["org.opencontainers.image.revision"] == tree.revision
    raw = inspect(docker_config, f"{registry}/ai/server:v4.2.2-gpu-nvidia-cuda-12", "--raw")
    assert [child["digest"] for child in raw["manifests"]] == [receipt["digest"]]

    again = merge(tree, places, docker_config, receipts, plan)
    assert (again["code"], again["writes"]) == (0, 0)


def test_inside_git_says_the_tag_and_the_commit_as_outside(
    engine: Engine, tree: Clone, prepared_image: str
) -> None:
    leg = (f"--source={tree.folder}", "--entry=core/amd64", f"--base-image={prepared_image}")
    said = engine.ok(
        *("image", *leg, "container"),
        *("with-exec", "--args=/local-ai,--version", "stdout"),
    )
    assert said == f"version v4.2.2 commit {tree.revision}"
    capability = engine.ok("image", *leg, "container", "file", "--path=/run/localai/capability",
                           "contents")  # fmt: skip
    assert capability == "default"
    env = engine.ok("image", *leg, "container", "env-variable", "--name=NVIDIA_REQUIRE_CUDA")
    assert env == "cuda>=.0"


def test_without_a_tag_it_says_the_short_commit_and_another_commit_is_another_image(
    engine: Engine, prepared_image: str, tmp_path: Path
) -> None:
    made = clone(tmp_path)
    leg = (f"--source={made.folder}", "--entry=core/amd64", f"--base-image={prepared_image}")
    first = json.loads(engine.ok("image", "report", *leg, "--as-json"))
    assert (first["revision"], first["tags"]) == (made.revision, [])
    assert (first["entrypoint"], first["ports"]) == (["/entrypoint.sh"], ["8080/TCP"])
    made.git("commit", "-q", "--allow-empty", "-m", "two")
    second = json.loads(engine.ok("image", "report", *leg, "--as-json"))
    assert second["inputs"] != first["inputs"]
    said = engine.ok(
        "image", *leg, "container", "with-exec", "--args=/local-ai,--version", "stdout"
    )
    head = made.git("rev-parse", "HEAD")
    assert said == f"version {head[:7]} commit {head}"


def test_it_starts_and_its_own_health_check_is_content(
    engine: Engine, tree: Clone, prepared_image: str
) -> None:
    leg = (f"--source={tree.folder}", "--entry=core/amd64", f"--base-image={prepared_image}")
    told = json.loads(engine.ok("image", "smoke", *leg, "--as-json"))
    assert told["answer"] == "healthy"


def test_one_that_ends_says_its_code_and_its_last_words(
    engine: Engine, prepared_image: str, tmp_path: Path
) -> None:
    made = clone(tmp_path)
    (made.folder / "server.sh").write_text("#!/bin/sh\necho no model was found >&2\nexit 7\n")
    leg = (f"--source={made.folder}", "--entry=core/amd64", f"--base-image={prepared_image}")
    done = engine.call("image", "smoke", *leg)
    assert done.returncode != 0
    assert "did not become healthy: it ended with exit code 7" in done.stderr
    assert "no model was found" in done.stderr


def test_what_cannot_be_built_is_refused_in_words(
    engine: Engine, tree: Clone, places: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(FIXTURES / "server", bare)
    done = engine.call("image", "report", f"--source={bare}", "--entry=core/amd64")
    assert "the tree has no .git folder, which says the server image's version" in done.stderr
    done = engine.call("image", "report", f"--source={tree.folder}", "--entry=cor/amd64")
    assert "Did you mean core/amd64" in done.stderr
    done = engine.call(
        *("image", "publish", f"--source={tree.folder}", "--entry=core/amd64"),
        *("--run-id=1", f"--revision={'0' * 40}", f"--registries={places}"),
    )
    assert done.returncode != 0
    assert "and --revision says 0000" in done.stderr


@pytest.mark.slow
def test_both_architectures_are_one_image_that_starts_on_each(
    engine: Engine,
    tree: Clone,
    places: Path,
    prepared_image: str,
    git_image_arm64: str,
    registry: str,
    docker_config: Path,
    tmp_path: Path,
) -> None:
    legs = {"amd64": prepared_image, "arm64": git_image_arm64}
    for arch, base in legs.items():
        done = engine.call(
            *("job", "publish", f"--source={tree.folder}", f"--entries=core/{arch}"),
            *("--kind=images", f"--base-image={base}", "--run-id=4712", "--smoke=always"),
            *(f"--registries={places}", f"--docker-config=file://{docker_config}"),
            seconds=3000,
            output=tmp_path / arch,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        report = json.loads((tmp_path / arch / "report.json").read_text())
        assert "answered 'healthy'" in report["entries"][0]["smoke"], report
        shutil.copytree(tmp_path / arch / "receipts", tmp_path / "receipts", dirs_exist_ok=True)
    plan = {"entries": [], "images": [{"id": f"core/{arch}"} for arch in legs]}
    result = merge(tree, places, docker_config, tmp_path / "receipts", plan)
    assert result["code"] == 0, result["said"]
    raw = inspect(docker_config, f"{registry}/ai/server:latest", "--raw")
    assert [c["platform"]["architecture"] for c in raw["manifests"]] == ["amd64", "arm64"]
