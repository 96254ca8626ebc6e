"""The input hash changes with what enters an image, and with nothing else."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plan.deciding import INPUTS, MATRIX, plan

from localai_ci.matrix.entry import Entry
from localai_ci.names import input_tag
from localai_ci.plan.inputhash import inputs_of, without_built

TREE = {
    path: f"100644 {number:040x}"
    for number, path in enumerate(
        [
            "backend/backend.proto",
            "backend/Dockerfile.golang",
            "backend/Dockerfile.llama-cpp",
            "backend/Dockerfile.python",
            "backend/cpp/llama-cpp/grpc-server.cpp",
            "backend/cpp/bonsai/Makefile",
            "backend/go/whisper/main.go",
            "backend/go/ced/main.go",
            "backend/python/common/libbackend.sh",
            "backend/python/vllm/backend.py",
            "pkg/grpc/server.go",
            "pkg/grpc/server_test.go",
            "pkg/model/loader.go",
            "go.mod",
            ".docker/apt-mirror.sh",
            ".docker/install-base-deps.sh",
            ".docker/llama-cpp-compile.sh",
            "scripts/build/package-gpu-libs.sh",
            "scripts/build/golang-darwin.sh",
            "scripts/changed-backends.js",
            ".github/workflows/backend_build.yml",
            "README.md",
            "core/app.go",
        ]
    )
}
BY_ID = MATRIX.by_id()


def files(id_: str, base: str = "sha256:b") -> set[str]:
    return {path for path, _ in inputs_of(BY_ID[id_], TREE, INPUTS, base).files}


def digest(entry: Entry, tree: dict[str, str] = TREE, base: str = "sha256:b") -> str:
    return inputs_of(entry, tree, INPUTS, base).digest


def test_a_go_backend_has_its_folder_its_dockerfile_and_what_go_backends_share() -> None:
    assert files("cpu-whisper/amd64") == {
        "backend/backend.proto",
        "backend/Dockerfile.golang",
        "backend/go/whisper/main.go",
        "pkg/grpc/server.go",
        "go.mod",
        ".docker/apt-mirror.sh",
        "scripts/build/package-gpu-libs.sh",
    }


def test_a_fork_has_the_sources_that_it_copies() -> None:
    assert {"backend/cpp/bonsai/Makefile", "backend/cpp/llama-cpp/grpc-server.cpp"} <= files(
        "cpu-bonsai/amd64"
    )


def test_a_darwin_image_has_no_dockerfile_and_no_linux_script() -> None:
    found = files("metal-darwin-arm64-whisper/darwin-arm64", base="")
    assert found == {
        "backend/backend.proto",
        "backend/go/whisper/main.go",
        "pkg/grpc/server.go",
        "go.mod",
        "scripts/build/golang-darwin.sh",
    }


def test_a_builder_bases_digest_stands_for_the_scripts_that_made_it() -> None:
    script = ".docker/install-base-deps.sh"
    assert script not in files("cpu-llama-cpp/amd64")
    assert script in files("cpu-llama-cpp/amd64", base="")


def test_what_decides_and_does_not_enter_is_left_out() -> None:
    every = set().union(*(files(id_) for id_ in BY_ID))
    assert not every & {
        "scripts/changed-backends.js",
        ".github/workflows/backend_build.yml",
        "README.md",
        "core/app.go",
        "pkg/model/loader.go",
        "pkg/grpc/server_test.go",
    }


@given(st.sampled_from(sorted(TREE)), st.sampled_from(sorted(BY_ID)))
def test_the_hash_changes_exactly_with_the_files_that_enter(path: str, id_: str) -> None:
    entry = BY_ID[id_]
    changed = digest(entry, TREE | {path: "100755 other"}) != digest(entry)
    assert changed == (path in files(id_))


@given(st.sampled_from(sorted(TREE)), st.sampled_from(sorted(BY_ID)))
def test_what_enters_an_image_rebuilds_it_when_it_changes(path: str, id_: str) -> None:
    if path in files(id_):
        assert id_ in plan(path).by_id


def test_the_order_of_the_listing_does_not_matter() -> None:
    entry = BY_ID["cpu-whisper/amd64"]
    assert digest(entry, dict(reversed(TREE.items()))) == digest(entry)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"cuda": "13.0"}, False),
        ({"build_type": "vulkan"}, False),
        ({"arch": "arm64"}, False),
        ({"skip_drivers": True}, False),
        ({"runner": "bigger-runner"}, True),
        ({"tag_latest": "false"}, True),
        ({"platform_tag": ""}, True),
        ({"base_image": "ubuntu:same-digest"}, True),
    ],
)
def test_arguments_enter_and_names_do_not(changes: dict[str, object], same: bool) -> None:
    entry = BY_ID["cpu-whisper/amd64"]
    assert (digest(replace(entry, **changes)) == digest(entry)) is same  # type: ignore[arg-type]


def test_another_base_digest_is_another_image() -> None:
    entry = BY_ID["cpu-whisper/amd64"]
    assert digest(entry, base="sha256:c") != digest(entry)


def test_two_entries_of_one_matrix_never_share_a_hash() -> None:
    hashes = [inputs_of(e, TREE, INPUTS, f"sha256:{e.base_image}").digest for e in BY_ID.values()]
    assert len(set(hashes)) == len(hashes)


class Images:
    """A registry of which only the question is asked: what is under this reference?"""

    def __init__(self, *references: str) -> None:
        self.references = references
        self.asked: list[str] = []

    async def find(self, reference: str) -> str | None:
        self.asked.append(reference)
        return "sha256:b" if reference in self.references else None


def test_what_is_built_already_is_dropped_and_says_where_it_is() -> None:
    entry = BY_ID["cpu-whisper/amd64"]
    image = f"r.example/x:{input_tag(digest(entry), entry.suffix, entry.arch)}"
    registry = Images("ubuntu:24.04", image)
    change = plan("backend/go/whisper/main.go")
    left = asyncio.run(without_built(change, TREE, registry, "r.example/x", "r.example/b:base-"))
    assert len(left.entries) == len(change.entries) - 1
    assert left.built == {entry.id: image}
    assert registry.asked.count("ubuntu:24.04") == 1


def test_without_the_bases_digest_everything_is_built() -> None:
    change = plan("backend/cpp/llama-cpp/x")
    left = asyncio.run(without_built(change, TREE, Images(), "r.example/x", "r.example/b:base-"))
    darwin = [p for p in left.entries if p.entry.os == "darwin"]
    assert len(left.entries) == len(change.entries)
    assert len(darwin) == 1
