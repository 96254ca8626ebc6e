"""The compiler cache that survives its engine, in a real registry."""

import json
import shutil
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from dagger_engine import REPO, Engine, fresh_engine

FIXTURES = REPO / "tests/fixtures"
PORT = 5006
CANARY = ("backend", "report", "--canary")
BUILD = (
    "--entry=cpu-llama-cpp/amd64",
    "--variant=debian-amd64",
    "--targets=fallback",
    f"--third-party={FIXTURES / 'llama.cpp'}",
    "--trust=release",
)


# Each of these compiles several times over.
pytestmark = pytest.mark.slow


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The miniature, with a change that no other test has compiled."""
    shutil.copytree(FIXTURES / "localai", tmp_path / "localai")
    return tmp_path / "localai"


def touch(tree: Path, text: str) -> None:
    """Change the slice and not what the compiler sees of it."""
    path = tree / "backend/cpp/llama-cpp/run.sh"
    path.write_text(f"{path.read_text()}# {text}\n")


def report(engine: Engine, tree: Path, *flags: str) -> tuple[dict[str, Any], str]:
    """The statistics of a build, and its log."""
    done = engine.call("backend", "report", f"--source={tree}", *BUILD, *flags, "--as-json")
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)["ccache"], done.stderr


def tags(repository: str) -> list[str]:
    host, _, name = repository.partition("/")
    try:
        with urllib.request.urlopen(f"http://{host}/v2/{name}/tags/list", timeout=10) as answer:
            return sorted(json.load(answer)["tags"] or [])
    except urllib.error.HTTPError:
        return []


@pytest.fixture(scope="session")
def saved(engine: Engine, registry: str) -> str:
    """A repository with the miniature's cache in it."""
    repository = f"{registry}/ccache"
    source = f"--source={FIXTURES / 'localai'}"
    engine.ok("backend", "image", source, *BUILD, f"--ccache={repository}", "--ccache-save", "sync")
    return repository


def test_a_saved_cache_has_two_names_with_the_base_and_without(saved: str) -> None:
    with_base, without = sorted(tags(saved), key=len, reverse=True)
    assert without == "ccache-llama-cpp-debian-amd64-cpu"
    assert with_base.startswith(f"{without}-")


def test_a_cache_is_found_and_nothing_is_written(engine: Engine, saved: str, tree: Path) -> None:
    before = tags(saved)
    touch(tree, "found")
    statistics, _ = report(engine, tree, f"--ccache={saved}")
    assert statistics["rate"] == 1
    assert statistics["restored"].startswith(f"{saved}:ccache-llama-cpp-debian-amd64-cpu-")
    assert tags(saved) == before


def test_a_pull_request_reads_a_releases_cache_and_writes_beside_it(
    engine: Engine, saved: str, tree: Path
) -> None:
    touch(tree, "a pull request")
    build = [flag for flag in BUILD if flag != "--trust=release"]
    cache = (f"--ccache={saved}", "--ccache-save")
    before = set(tags(saved))
    done = engine.call("backend", "image", f"--source={tree}", *build, *cache, "sync")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "(100%) found" in done.stderr
    written = set(tags(saved)) - before
    assert written
    assert all(tag.startswith("pr-ccache-llama-cpp-debian-amd64-cpu") for tag in written)
    statistics, _ = report(engine, tree, f"--ccache={saved}")
    assert ":ccache-llama-cpp" in statistics["restored"]


def test_a_volume_of_a_pull_request_is_not_a_releases(engine: Engine, tree: Path) -> None:
    """What the compiler of a pull request leaves is found by the next, and by no release."""
    flag = f"-DCMAKE_CXX_FLAGS=-frandom-seed={time.time_ns()}"
    makefile = tree / "backend/cpp/llama-cpp/Makefile"
    makefile.write_text(makefile.read_text().replace("FLAGS?=", f"FLAGS+={flag}"))
    build = [flag for flag in BUILD if flag != "--trust=release"]
    engine.ok("backend", "image", f"--source={tree}", *build, "sync")
    touch(tree, "once more")
    statistics, _ = report(engine, tree)
    assert statistics["hits"] == 0
    done = engine.call("backend", "report", f"--source={tree}", *build, "--as-json")
    assert json.loads(done.stdout)["ccache"]["rate"] == 1


def test_another_base_takes_the_newest_cache_of_any(
    engine: Engine, registry: str, saved: str, tree: Path
) -> None:
    image = f"{registry}/own:base"
    engine.ok("build-base", "--variant=debian-amd64", "publish", f"--address={image}")
    touch(tree, "another base")
    statistics, _ = report(engine, tree, f"--ccache={saved}", f"--base={image}")
    assert statistics["restored"] == f"{saved}:ccache-llama-cpp-debian-amd64-cpu"
    assert statistics["rate"] >= 0.95


def test_a_backend_without_a_cache_takes_a_relatives(
    engine: Engine, registry: str, saved: str, tree: Path
) -> None:
    """Here turboquant's is llama-cpp's own; what counts is that it is found and used."""
    relative = f"{registry}/family:ccache-turboquant-debian-amd64-cpu"
    image = ("core", "container", "from", f"--address={saved}:ccache-llama-cpp-debian-amd64-cpu")
    assert engine.dagger(*image, "publish", f"--address={relative}").returncode == 0
    touch(tree, "a relative")
    statistics, _ = report(engine, tree, f"--ccache={registry}/family")
    assert statistics["restored"] == relative
    assert statistics["rate"] >= 0.95


def test_a_cache_that_cannot_be_reached_is_a_warning(engine: Engine, tree: Path) -> None:
    touch(tree, "unreachable")
    statistics, log = report(engine, tree, "--ccache=127.0.0.9:1/ccache")
    assert statistics["restored"] == ""
    assert statistics["misses"] > 0
    assert "WARNING: ccache: 127.0.0.9:1/ccache:" in log


def test_an_image_that_is_no_cache_is_a_warning(engine: Engine, registry: str, tree: Path) -> None:
    repository = f"{registry}/broken"
    tag = f"{repository}:ccache-llama-cpp-debian-amd64-cpu"
    image = ("core", "container", "with-new-file", "--path=/x", "--contents=y")
    assert engine.dagger(*image, "publish", f"--address={tag}").returncode == 0
    touch(tree, "broken")
    statistics, log = report(engine, tree, f"--ccache={repository}")
    assert statistics["restored"] == ""
    assert f"WARNING: ccache: {tag} cannot be used" in log


def test_a_registry_that_takes_nothing_fails_no_build(engine: Engine, tree: Path) -> None:
    touch(tree, "unwritable")
    done = engine.call(
        "backend", "image", f"--source={tree}", *BUILD, "--ccache=127.0.0.9:1/ccache",
        "--ccache-save", "sync",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING: ccache: not saved in 127.0.0.9:1/ccache" in done.stderr


def test_the_canary_is_quiet_while_an_unchanged_rebuild_hits(engine: Engine, saved: str) -> None:
    source = f"--source={FIXTURES / 'localai'}"
    assert "(100%) found" in engine.ok(*CANARY, source, *BUILD, f"--ccache={saved}")


def test_the_canary_fails_where_an_unchanged_rebuild_misses(
    engine: Engine, registry: str, tree: Path
) -> None:
    """Something that changes with every build gets into the compiler's command.

    No macro: ccache looks at the preprocessed text too, and there an unused one is not.
    """
    makefile = tree / "backend/cpp/llama-cpp/Makefile"
    now = "FLAGS+=-DCMAKE_CXX_FLAGS=-frandom-seed=$(shell date +%s%N)"
    makefile.write_text(makefile.read_text().replace("FLAGS?=", now))
    build = (f"--source={tree}", *BUILD, f"--ccache={registry}/canary")
    engine.ok("backend", "image", *build, "--ccache-save", "sync")
    done = engine.call(*CANARY, *build)
    assert done.returncode != 0
    assert "an unchanged rebuild found 0 of" in done.stderr


def test_the_canary_needs_a_cache_of_the_same_inputs(
    engine: Engine, saved: str, tree: Path
) -> None:
    touch(tree, "other inputs")
    done = engine.call(*CANARY, f"--source={tree}", *BUILD, f"--ccache={saved}")
    assert done.returncode != 0
    assert "no cache of the very same inputs" in done.stderr


def test_a_wiped_engine_finds_the_cache_of_its_predecessor(tmp_path: Path) -> None:
    """What LocalAI's runners never did: 0 of 889, 0 of 537, 0 of 813."""
    source = f"--source={FIXTURES / 'localai'}"
    with fresh_engine(tmp_path / "one") as engine, engine.registry(tmp_path, PORT) as host:
        cache = (f"--ccache={host}/ccache", "--ccache-save")
        engine.ok("backend", "image", source, *BUILD, *cache, "sync", seconds=1800)
    with fresh_engine(tmp_path / "two") as engine, engine.registry(tmp_path, PORT) as host:
        line = engine.ok(*CANARY, source, *BUILD, f"--ccache={host}/ccache", seconds=1800)
    assert "(100%) found" in line
