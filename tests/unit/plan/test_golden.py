"""How much each kind of change rebuilds: LocalAI's numbers, and the holes that are closed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plan.deciding import EVERYTHING, MATRIX, NOTHING, counts, plan

# LocalAI's filter on LocalAI's matrix of 2026-08-22: path, Linux and Darwin entries.
GOLDEN = [
    ("README.md", 0, 0),
    ("docs/content/overview.md", 0, 0),
    ("gallery/index.yaml", 0, 0),
    ("backend/index.yaml", 0, 0),
    ("backend/backend.proto", 457, 62),
    ("backend/Dockerfile.python", 178, 0),
    ("backend/Dockerfile.llama-cpp", 11, 0),
    ("backend/Dockerfile.golang", 233, 0),
    ("backend/Dockerfile.rust", 1, 0),
    ("backend/Dockerfile.audio-cpp", 4, 0),
    ("backend/Dockerfile.ik-llama-cpp", 1, 0),
    ("backend/cpp/llama-cpp/grpc-server.cpp", 32, 1),
    ("backend/cpp/turboquant/Makefile", 10, 0),
    ("backend/cpp/ik-llama-cpp/Makefile", 1, 0),
    ("backend/python/common/libbackend.sh", 178, 27),
    ("backend/python/vllm/backend.py", 6, 1),
    ("backend/go/whisper/main.go", 11, 1),
    ("backend/rust/kokoros/src/main.rs", 1, 0),
    ("pkg/grpc/server.go", 233, 31),
    ("scripts/build/package-gpu-libs.sh", 457, 0),
    ("scripts/build/package-system-libs.sh", 457, 62),
    ("backend/Dockerfile.base-grpc-builder", 0, 0),
    ("scripts/build/python-darwin.sh", 0, 27),
    ("scripts/build/golang-darwin.sh", 0, 31),
    ("scripts/build/ds4-darwin.sh", 0, 1),
    (".github/workflows/backend_build.yml", 457, 0),
    (".github/workflows/backend_build_darwin.yml", 0, 62),
    (".github/workflows/backend.yml", 0, 0),
    (".github/backend-matrix.yml", 457, 62),
    ("Makefile", 0, 0),
    ("core/http/app.go", 0, 0),
]

# What LocalAI's filter misses, and what has to be rebuilt instead.
HOLES = [
    (".docker/llama-cpp-compile.sh", 11, 0),
    (".docker/llama-cpp-build-target.sh", 11, 0),
    (".docker/turboquant-compile.sh", 10, 0),
    (".docker/turboquant-build-target.sh", 10, 0),
    (".docker/bonsai-compile.sh", 11, 0),
    (".docker/ik-llama-cpp-compile.sh", 1, 0),
    (".docker/install-base-deps.sh", 37, 0),
    (".docker/apt-mirror.sh", 453, 0),
    (".docker/something-new.sh", 457, 0),
    ("go.mod", 233, 31),
    ("go.sum", 233, 31),
    (".dockerignore", 457, 0),
    (".gitmodules", 1, 0),
    ("backend/rust/kokoros/sources/Kokoros", 1, 0),
    ("scripts/lib/extract-vllm-metal-version.sh", 0, 1),
    ("matrix/inputs.yaml", 457, 62),
]


@pytest.mark.parametrize(("path", "linux", "darwin"), GOLDEN)
def test_a_change_rebuilds_what_localais_filter_rebuilds(
    path: str, linux: int, darwin: int
) -> None:
    assert counts(plan(path)) == (linux, darwin)


@pytest.mark.parametrize(("path", "linux", "darwin"), HOLES)
def test_a_change_that_localais_filter_misses_rebuilds_what_it_is_an_input_of(
    path: str, linux: int, darwin: int
) -> None:
    assert counts(plan(path)) == (linux, darwin)


def test_the_unchanged_matrix_file_rebuilds_nothing() -> None:
    assert counts(plan(".github/backend-matrix.yml", previous=MATRIX)) == NOTHING


def test_an_unclassified_file_below_a_build_root_rebuilds_everything_and_says_so() -> None:
    found = plan("backend/go/unheard-of.go")
    assert counts(found) == EVERYTHING
    assert "no rule says what it is an input of" in str(found.entries[0].reasons[0])


@pytest.mark.parametrize("path", ["scripts/changed-backends.js", "scripts/lib/backend-filter.mjs"])
def test_another_planner_decides_nothing_here_and_builds_nothing(path: str) -> None:
    found = plan(path)
    assert counts(found) == NOTHING
    assert found.idle[path] == "of no file it decides anything else now"


def test_a_folder_without_rows_builds_nothing_and_warns() -> None:
    found = plan("backend/go/unheard-of/main.go", "backend/python/new/a/b.py", "docs/x.md")
    assert counts(found) == NOTHING
    (note,) = found.change.notes
    assert "backend/go/unheard-of, backend/python/new" in note


def test_what_rebuilds_nothing_says_why() -> None:
    idle = plan("backend/index.yaml", "core/app.go").idle
    assert idle["backend/index.yaml"].startswith("declared neutral: ")
    assert idle["core/app.go"] == "outside of what images are built from"


def test_the_union_of_all_changed_files_is_rebuilt() -> None:
    assert counts(plan("backend/go/whisper/a.go", "backend/go/ced/b.go", "README.md")) == (22, 2)


PATHS = [path for path, *_ in GOLDEN + HOLES]


@given(st.lists(st.sampled_from(PATHS), max_size=6), st.lists(st.sampled_from(PATHS), max_size=6))
def test_two_changes_together_build_exactly_what_each_builds(
    one: list[str], two: list[str]
) -> None:
    together = set(plan(*one, *two).by_id)
    assert together == set(plan(*one).by_id) | set(plan(*two).by_id)


@given(st.lists(st.sampled_from(PATHS), max_size=8))
def test_every_entry_has_a_reason_and_every_path_an_effect_or_an_excuse(paths: list[str]) -> None:
    found = plan(*paths)
    assert all(p.reasons and all(map(str, p.reasons)) for p in found.entries)
    behind = {file for p in found.entries for r in p.reasons for file in r.files}
    assert behind | set(found.idle) == set(paths)
