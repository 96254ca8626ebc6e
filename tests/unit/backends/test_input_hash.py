"""The input hash changes with what enters an image, and with nothing else."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plan.deciding import INPUTS, MATRIX, matrix_of, plan

from localai_ci.backends import dockerfile_call, input_hash, recipe
from localai_ci.backends.input_hash import Own, Snapshot, inputs_of
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.recipe import CurrentBases as RealBases
from localai_ci.bases.step import SHELL, Step
from localai_ci.config.compile import CompileFile, load_compile
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.rules import no_rules
from localai_ci.names import input_tag
from localai_ci.plan.built import PublishedImages, without_built
from localai_ci.plan.decide import Plan

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
TABLE = load_compile()
DOCKERFILES = {
    "backend/Dockerfile.golang": "ARG BACKEND\nARG CUDA_MAJOR_VERSION=12\n",
    "backend/Dockerfile.python": "ARG BACKEND\nARG DEPS_REFRESH=initial\n",
}


def snapshot(
    files: dict[str, str] = TREE, table: CompileFile = TABLE, ignored: str = ""
) -> Snapshot:
    return Snapshot(files, INPUTS, table, DOCKERFILES | {".dockerignore": ignored})


def files(id_: str, base: str = "sha256:b") -> set[str]:
    return {path for path, _ in inputs_of(BY_ID[id_], snapshot(), base).files}


def digest(entry: Entry, tree: dict[str, str] = TREE, base: str = "sha256:b") -> str:
    return inputs_of(entry, snapshot(tree), base).digest


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
    hashes = [digest(e, base=f"sha256:{e.base_image}") for e in BY_ID.values()]
    assert len(set(hashes)) == len(hashes)


def edited(*path: str, to: object) -> CompileFile:
    """The compile table with one place of it changed."""
    data = TABLE.model_dump()
    *folders, last = path
    place = data
    for name in folders:
        place = place[name]
    assert place[last] != to
    place[last] = to
    return CompileFile.model_validate(data)


@pytest.mark.parametrize(
    ("table", "same"),
    [
        (edited("backends", "llama-cpp", "make", to=["cpu-all"]), False),
        (edited("compilers", "gcc", "cc", to="gcc-13"), False),
        (edited("targets", "grpc", "cmake", to={"GGML_RPC": "ON"}), False),
        (edited("backends", "bonsai", "make", to=["fallback"]), True),
        (edited("build_types", "cublas", "cmake", to={}), True),
        (edited("compilers", "gcc-14", "cc", to="gcc-15"), True),
        (edited("targets", "grpc", "about", to="Other words for the same."), True),
        (edited("ccache", "max_size", to="3G"), True),
        (edited("amdgpu_targets", to="gfx908"), True),
    ],
)
def test_of_the_compile_table_only_what_the_entry_is_compiled_by_enters(
    table: CompileFile, same: bool
) -> None:
    entry = BY_ID["cpu-llama-cpp/amd64"]
    changed = inputs_of(entry, snapshot(table=table), "0123456789ab").digest
    assert (changed == digest(entry, base="0123456789ab")) is same


def test_the_default_gpu_architectures_enter_what_is_built_for_rocm_alone() -> None:
    table = edited("amdgpu_targets", to="gfx908")
    rocm = {
        e.build_type
        for e in BY_ID.values()
        if inputs_of(e, snapshot(table=table), "b").digest != digest(e, base="b")
    }
    assert rocm == {"hipblas"}


def test_the_week_enters_where_the_dockerfile_reads_it() -> None:
    def of_week(id_: str, week: str) -> str:
        return inputs_of(BY_ID[id_], snapshot(), "sha256:b", week).digest

    python, go = "cpu-vllm/amd64", "cpu-whisper/amd64"
    assert of_week(python, "2026-W47") != of_week(python, "2026-W48")
    assert of_week(go, "2026-W47") == of_week(go, "2026-W48")


def test_what_a_container_build_never_sees_enters_no_image_of_linux() -> None:
    ignored = snapshot(ignored="backend/go/*/main.go\n")
    linux, darwin = BY_ID["cpu-ced/amd64"], BY_ID["metal-darwin-arm64-ced/darwin-arm64"]
    assert "backend/go/ced/main.go" not in dict(inputs_of(linux, ignored, "sha256:b").files)
    assert "backend/go/ced/main.go" in dict(inputs_of(darwin, ignored, "").files)


def test_what_a_user_gives_instead_is_another_input() -> None:
    entry = BY_ID["cpu-llama-cpp/amd64"]
    hashes = {
        inputs_of(entry, snapshot(), "b", own=own).digest
        for own in (Own(), Own(targets=("fallback",)), Own(third_party="sha256:c"))
    }
    assert len(hashes) == 3


class Images:
    """A registry of which only the question is asked: what is under this reference?"""

    def __init__(self, *references: str) -> None:
        self.references = references
        self.asked: list[str] = []

    async def find(self, reference: str) -> str | None:
        self.asked.append(reference)
        return "sha256:b" if reference in self.references else None


class Bases:
    """Builder bases that start from one image; their hash says which."""

    def images(self, variant: str) -> tuple[str, ...]:
        return (f"base:{variant}",)

    def identity(self, variant: str, digests: tuple[str, ...]) -> str:
        return f"{variant} on {' and '.join(digests)}"


def left_of(change: Plan, registry: Images, tree: dict[str, str] = TREE) -> Plan:
    where = PublishedImages(registry, "r.example/x", Bases(), "2026-W47")
    return asyncio.run(without_built(change, snapshot(tree), where))


def image(entry: Entry, base: str) -> str:
    hashed = inputs_of(entry, snapshot(), base, "2026-W47").digest
    return f"r.example/x:{input_tag(hashed, entry.suffix, entry.arch)}"


@pytest.mark.parametrize(
    ("id_", "path", "start", "base"),
    [
        ("cpu-whisper/amd64", "backend/go/whisper/main.go", "ubuntu:24.04", "sha256:b"),
        ("cpu-vllm/amd64", "backend/python/vllm/backend.py", "ubuntu:24.04", "sha256:b"),
        ("cpu-bonsai/amd64", "backend/cpp/bonsai/Makefile", "base:amd64", "amd64 on sha256:b"),
    ],
)
def test_what_is_built_already_is_dropped_and_says_where_it_is(
    id_: str, path: str, start: str, base: str
) -> None:
    entry = BY_ID[id_]
    registry = Images(start, image(entry, base))
    change = plan(path)
    left = left_of(change, registry)
    assert len(left.entries) == len(change.entries) - 1
    assert left.built == {entry.id: image(entry, base)}
    assert registry.asked.count(start) == 1


def test_without_the_bases_digest_everything_is_built() -> None:
    change = plan("backend/cpp/llama-cpp/x")
    left = left_of(change, Images())
    darwin = [p for p in left.entries if p.entry.os == "darwin"]
    assert len(left.entries) == len(change.entries)
    assert len(darwin) == 1


def test_an_image_with_a_submodule_that_is_not_checked_out_is_built_and_the_plan_says_so() -> None:
    path = "backend/rust/kokoros/sources/Kokoros"
    change = plan(path)
    left = left_of(change, Images("ubuntu:24.04"), TREE | {path: "160000 abc"})
    assert left.entries == change.entries
    (note,) = left.change.notes
    assert "not built: cpu-kokoros/amd64: backend/rust/kokoros/sources/Kokoros is a" in note


def test_an_image_on_a_base_that_nobody_knows_is_built_and_the_plan_says_so() -> None:
    entry = replace(BY_ID["cpu-bonsai/amd64"], builder="unknown")
    change = plan("backend/cpp/bonsai/x", matrix=matrix_of([entry]))
    where = PublishedImages(Images(), "r.example/x", RealBases(Mirrors()), "2026-W47")
    left = asyncio.run(without_built(change, snapshot(), where))
    assert left.entries == change.entries
    assert "'unknown'" in left.change.notes[0]


def shell_without(option: str) -> tuple[str, ...]:
    assert any(option in word for word in SHELL)
    return tuple(word for word in SHELL if option not in word)


def test_a_shell_that_swallows_failures_makes_another_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = BY_ID["cpu-llama-cpp/amd64"]
    before = digest(entry)
    monkeypatch.setattr(input_hash, "SHELL", shell_without("pipefail"))
    assert digest(entry) != before


def test_another_step_makes_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = BY_ID["cpu-llama-cpp/amd64"]
    before, plain = digest(entry), recipe.steps
    monkeypatch.setattr(recipe, "steps", lambda *given: (*plain(*given), Step("more", "true")))
    assert digest(entry) != before


@pytest.mark.parametrize("id_", ["cpu-llama-cpp/amd64", "cpu-whisper/amd64"])
def test_a_comment_in_our_own_source_changes_nothing_because_nobody_reads_it(
    id_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, tree = BY_ID[id_], snapshot()
    before = inputs_of(entry, tree, "b").digest
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("a file was opened"))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("a file was read"))
    assert inputs_of(entry, tree, "b").digest == before


def test_another_build_argument_makes_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = BY_ID["cpu-whisper/amd64"]
    before, plain = digest(entry), dockerfile_call.arguments
    monkeypatch.setattr(
        dockerfile_call,
        "arguments",
        lambda *given: {**plain(*given), "BUILDER_TARGET": "builder-prebuilt"},
    )
    assert digest(entry) != before


def test_the_base_that_is_asked_for_instead_decides_the_steps() -> None:
    entry = BY_ID["cpu-llama-cpp/amd64"]
    on_debian = inputs_of(entry, snapshot(), "b", own=Own(variant="debian-amd64")).digest
    assert on_debian != digest(entry, base="b")


def test_of_a_matrix_without_rules_every_file_enters() -> None:
    entry = BY_ID["cpu-whisper/amd64"]
    tree = Snapshot(TREE, no_rules(()), TABLE, DOCKERFILES)
    assert dict(inputs_of(entry, tree, "sha256:b").files) == TREE


def test_a_dockerfile_that_dockerignore_names_enters_all_the_same() -> None:
    entry = BY_ID["cpu-whisper/amd64"]
    tree = snapshot(ignored="**/Dockerfile*\nbackend/go\n")
    paths = {path for path, _ in inputs_of(entry, tree, "sha256:b").files}
    assert "backend/Dockerfile.golang" in paths
    assert "backend/go/whisper/main.go" not in paths


DOCKERFILE = "FROM a AS b\nRUN x\n# c\nFROM d AS unused\nFROM scratch\nCOPY --from=b / /\n"


@pytest.mark.parametrize(
    ("old", "new", "equal"), [("# c\n", "", True), ("FROM d", "FROM e", True), ("x", "y", False)]
)
def test_of_a_dockerfile_the_stages_count_that_are_used(old: str, new: str, equal: bool) -> None:
    entry, path = BY_ID["cpu-whisper/amd64"], "backend/Dockerfile.golang"

    def hashed(text: str, blob: str) -> str:
        files = TREE | {path: f"100644 {blob}"}
        return inputs_of(entry, Snapshot(files, INPUTS, TABLE, {path: text}), "sha256:b").digest

    assert (hashed(DOCKERFILE, "1") == hashed(DOCKERFILE.replace(old, new), "2")) is equal


GO = {
    "go.mod": "module m\ngo 1.26\nrequire github.com/ebitengine/purego v0.10.0\n",
    "backend/go/whisper/main.go": 'package main\nimport "github.com/ebitengine/purego"\n',
}


@pytest.mark.parametrize(
    ("old", "new", "equal"),
    [("v0.10.0", "v0.10.0\nrequire x.y/z v1.0.0", True), ("go 1.26", "go 1.27", False)],
)
def test_of_go_mod_the_modules_count_that_are_linked(old: str, new: str, equal: bool) -> None:
    def hashed(text: str, blob: str) -> str:
        read = (GO | {"go.mod": text}).get
        files = TREE | {"go.mod": f"100644 {blob}"}
        tree = Snapshot(
            files, INPUTS, TABLE, DOCKERFILES, lambda p: t.encode() if (t := read(p)) else None
        )
        return inputs_of(BY_ID["cpu-whisper/amd64"], tree, "sha256:b").digest

    assert (hashed(GO["go.mod"], "1") == hashed(GO["go.mod"].replace(old, new), "2")) is equal
