"""What `matrix check` finds, each fault planted in the real matrix."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from localai_ci.config.data import data_dir
from localai_ci.config.variants import load_variants
from localai_ci.matrix.check import check
from localai_ci.matrix.check_tree import check_tree
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.finding import Finding, Severity
from localai_ci.matrix.loading import load_files, load_matrix
from localai_ci.matrix.tree import Tree
from localai_ci.plan.checking import check_all

MATRIX = load_matrix()
PROFILES, _, OURS = load_files(data_dir())
VARIANTS = load_variants().variants
DECLARED = {e.id: e.runner for e in OURS}


def found(entries: Iterable[Entry], severity: Severity = Severity.error) -> list[Finding]:
    matrix = Matrix(tuple(entries), "here", {})
    return [f for f in check(matrix, VARIANTS, PROFILES, DECLARED) if f.severity is severity]


def with_(id_: str, **changes: object) -> list[Entry]:
    return [replace(e, **changes) if e.id == id_ else e for e in MATRIX.entries]  # type: ignore[arg-type]


def test_the_installed_matrix_has_no_error() -> None:
    assert found(MATRIX.entries) == []


def test_the_base_of_another_release_than_its_rows_is_told() -> None:
    (base,) = found(MATRIX.entries, Severity.warning)
    assert "ubuntu is '2404' in the row and '2204' in the base cuda-13-amd64" in base.what


def test_three_platform_tags_without_a_second_leg_and_six_own_runners_are_noted() -> None:
    notes = found(MATRIX.entries, Severity.note)
    assert [n.check for n in notes] == ["legs", "legs", "legs", "runners"]


def test_two_rows_of_the_same_leg_are_an_error() -> None:
    first = MATRIX.entries[0]
    faults = found([*MATRIX.entries, first])
    assert any(f"2 rows make {first.id}" in f.what for f in faults)


@pytest.mark.parametrize(
    ("id_", "changes", "words"),
    [
        ("cpu-ced/amd64", {"tag_latest": "false"}, "legs of -cpu-ced differ in tag_latest"),
        ("cpu-ced/amd64", {"build_type": "vulkan"}, "legs of -cpu-ced differ in build_type"),
        ("cpu-ced/amd64", {"platform_tag": ""}, "platform tag of amd64 is not its architecture"),
        ("cpu-ced/amd64", {"suffix": "-cpu--ced"}, "two dashes in a row"),
        ("cpu-vllm/amd64", {"suffix": "-cpu-" + "x" * 110}, "cannot be a tag"),
        ("cpu-vllm/amd64", {"suffix": "-cpu-vllm+x"}, "cannot be a tag"),
        ("cpu-llama-cpp/amd64", {"builder": "zos"}, "there is no builder base 'zos'"),
        ("cpu-llama-cpp/amd64", {"builder": "arm64"}, "the base arm64 is for arm64"),
        ("cpu-vllm/amd64", {"ubuntu": "2204"}, "is Ubuntu 24.04, and the row says 2204"),
        ("gpu-nvidia-cuda-13-ds4/amd64", {"cuda": "12.8"}, "has CUDA 13.0, and the row 12.8"),
        ("cpu-vllm/amd64", {"runner": "bigger-runner"}, "bigger-runner is the project's own"),
        ("cpu-vllm/amd64", {"runner": "my-laptop"}, "the runner my-laptop is unknown"),
    ],
)
def test_a_planted_fault_is_found(id_: str, changes: dict[str, object], words: str) -> None:
    faults = found(with_(id_, **changes))
    assert any(words in f.what for f in faults), faults
    assert all(f.remedy for f in faults)


def test_a_base_that_nothing_compiles_on_is_told() -> None:
    entries = [e for e in MATRIX.entries if e.builder != "rocm-amd64"]
    warnings = found(entries, Severity.warning)
    assert any("nothing compiles on the base rocm-amd64" in f.what for f in warnings)


def test_a_matrix_too_long_for_github_is_an_error_in_localais_workflows() -> None:
    more = [replace(e, suffix=f"{e.suffix}-{n}") for n in range(4) for e in MATRIX.entries]
    assert any("GitHub silently runs nothing of 256" in f.what for f in found(more))


# -- against a tree ---------------------------------------------------------------------------

DOCKERFILE = """\
ARG BASE_IMAGE=ubuntu:24.04
FROM ${BASE_IMAGE}
ARG BUILD_TYPE
ARG GO_VERSION=1
ENV GO_VERSION=${GO_VERSION}
RUN echo ${BUILD_TYPE}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    files = {
        "backend/Dockerfile.rust": DOCKERFILE,
        "backend/rust/kokoros/Makefile": "all:\n\techo $(BASE_IMAGE)\n",
        "backend/index.yaml": (
            "- uri: quay.io/x/local-ai-backends:latest-cpu-kokoros\n"
            "- uri: quay.io/x/local-ai-backends:master-cpu-kokoros\n"
            "# - uri: quay.io/x/local-ai-backends:latest-in-a-comment\n"
        ),
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return Tree(tmp_path)


KOKOROS = MATRIX.by_id()["cpu-kokoros/amd64"]


def compared(tree: Tree, *entries: Entry) -> list[str]:
    return [f.what for f in check_tree(Matrix(entries, "here", {}), tree)]


def write(tree: Tree, path: str, text: str = "x") -> None:
    (tree.root / path).parent.mkdir(parents=True, exist_ok=True)
    (tree.root / path).write_text(text, encoding="utf-8")


def test_an_argument_that_nobody_reads_is_noted(tree: Tree) -> None:
    assert compared(tree, KOKOROS) == ["nobody reads GO_VERSION"]


def test_an_argument_that_a_row_sets_and_the_dockerfile_does_not_take_is_told(tree: Tree) -> None:
    (what, _) = compared(tree, replace(KOKOROS, cuda="13.0"))
    assert "1 row with CUDA_MAJOR_VERSION set, and this Dockerfile does not take it" in what


def test_a_row_without_a_folder_and_a_folder_without_a_row_are_told(tree: Tree) -> None:
    write(tree, "backend/rust/new/Makefile")
    write(tree, "backend/rust/new/run.sh")
    words = compared(tree, replace(KOKOROS, folders=("backend/rust/old",)))
    assert "kokoros has rows, and no folder backend/rust/old" in words
    assert "no row of the matrix builds this backend" in words


def test_a_row_without_a_dockerfile_is_an_error(tree: Tree) -> None:
    words = compared(tree, replace(KOKOROS, build="zig"))
    assert "1 row to build from backend/Dockerfile.zig, which is not in the tree" in words


def test_the_gallery_and_the_matrix_are_compared_both_ways(tree: Tree) -> None:
    words = compared(tree, replace(KOKOROS, suffix="-cpu-other"))
    assert any("the gallery offers -cpu-kokoros, and no row builds it" in w for w in words)
    assert any("-cpu-other is built and published, and the gallery does not" in w for w in words)
    assert not any("in-a-comment" in w for w in words)


def test_a_gallery_entry_without_its_development_channel_is_noted(tree: Tree) -> None:
    write(tree, "backend/index.yaml", "uri: quay.io/x/local-ai-backends:latest-cpu-kokoros\n")
    assert any("only as latest, not as master" in w for w in compared(tree, KOKOROS))


def test_localais_own_tree_has_no_error() -> None:
    path = os.environ.get("LOCALAI_TREE")
    if not path:
        pytest.skip("set LOCALAI_TREE to a clone of LocalAI (2026-08-22)")
    _, findings = check_all(None, Path(path))
    assert [f for f in findings if f.severity is Severity.error] == []
