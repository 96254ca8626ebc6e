"""What a build publishes, a plan finds: both make the same hash of the same input."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from localai_ci.backends import recipe, slices
from localai_ci.backends.dockerignore import IGNORE
from localai_ci.backends.input_hash import InputSet, Snapshot, inputs_of
from localai_ci.backends.slices import listing
from localai_ci.bases import recipe as base
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.recipe import CurrentBases
from localai_ci.config.compile import load_compile
from localai_ci.matrix import localai
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.rules import load_inputs
from localai_ci.matrix.tables import Tables
from localai_ci.matrix.tree import read_inside
from localai_ci.plan.event import Event
from localai_ci.plan.sources import PlanRequest, snapshot

MATRIX = load_matrix()
RULES = load_inputs()
TABLE = load_compile()
DIGESTS = ("sha256:a", "sha256:b")
WEEK = "2026-W47"
KOKOROS = "backend/rust/kokoros/sources/Kokoros"

FILES = {
    ".dockerignore": "backend/go/*/sources\n**/__pycache__\nbackend/cpp/llama-cpp/llama.cpp\n",
    ".gitmodules": "",
    "Makefile": "protogen:\n",
    "README.md": "",
    "go.mod": "module github.com/mudler/LocalAI\n\nrequire github.com/ebitengine/purego v0.10.0\n",
    "go.sum": "github.com/ebitengine/purego v0.10.0 h1:x\n",
    "pkg/grpc/server.go": "package grpc\n",
    "pkg/grpc/server_test.go": "",
    "backend/backend.proto": "",
    "backend/Dockerfile.golang": "FROM x AS b\nFROM scratch\nARG BACKEND\nCOPY --from=b / /\n",
    "backend/Dockerfile.python": "ARG DEPS_REFRESH=initial\n",
    "backend/Dockerfile.rust": "ARG BACKEND\n",
    "backend/Dockerfile.ds4": "ARG BUILD_TYPE\n",
    "backend/Dockerfile.audio-cpp": "ARG BUILD_TYPE\n",
    "backend/cpp/llama-cpp/Makefile": "",
    "backend/cpp/llama-cpp/run.sh": "",
    "backend/cpp/bonsai/Makefile": "",
    "backend/cpp/privacy-filter/Makefile": "",
    "backend/cpp/ds4/Makefile": "",
    "backend/cpp/audio-cpp/Makefile": "",
    "backend/go/whisper/main.go": 'package main\n\nimport _ "github.com/ebitengine/purego"\n',
    "backend/go/whisper/sources/tracked-and-ignored": "",
    "backend/python/common/libbackend.sh": "",
    "backend/python/vllm/install.sh": "",
    "backend/rust/kokoros/Cargo.toml": "",
    "scripts/build/package-gpu-libs.sh": "",
    ".docker/install-base-deps.sh": "",
    ".docker/llama-cpp-compile.sh": "",
}
# What builds and people leave in a working tree; git does not track it.
LEFT = (
    "backend/cpp/llama-cpp/llama.cpp/ggml.c",
    "backend/cpp/llama-cpp/package/run.sh",
    "backend/cpp/llama-cpp/grpc-server",
    "backend/cpp/llama-cpp/llama-cpp-fallback",
    "backend/go/whisper/sources/whisper.cpp/whisper.c",
    "backend/python/vllm/venv/bin/python",
    "backend/python/vllm/__pycache__/x.pyc",
    "backend/python/vllm/node_modules/x",
)


def as_planned(root: Path, entry: Entry) -> InputSet:
    """As `plan --built` makes it, of a commit."""
    tree = snapshot(PlanRequest(Event.push, root), Tables())
    return inputs_of(entry, tree, planned_base(entry), WEEK)


def planned_base(entry: Entry) -> str:
    if not entry.builder:
        return DIGESTS[0]
    bases = CurrentBases(Mirrors())
    return bases.identity(entry.builder, DIGESTS[: len(bases.images(entry.builder))])


def as_built(root: Path, entry: Entry, paths: Iterable[str], cut: Path) -> InputSet:
    """As a build makes it, of the files of a working tree that it cuts out."""
    # A build fills in what plans leave to the table.
    entry = replace(entry, amdgpu_targets=entry.amdgpu_targets or TABLE.amdgpu_targets)
    leave = recipe.leftovers(entry, TABLE) if entry.builder else ()
    texts = {
        path: (root / path).read_text()
        for path in (IGNORE, entry.dockerfile)
        if (root / path).is_file()
    }
    for path in slices.choose(entry, paths, RULES, texts.get(IGNORE, ""), leave):
        (cut / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, cut / path, follow_symlinks=False)
    tree = Snapshot(listing(cut), RULES, TABLE, texts, lambda path: read_inside(cut, path))
    found = inputs_of(entry, tree, built_base(entry), WEEK)
    shutil.rmtree(cut)
    return found


def built_base(entry: Entry) -> str:
    """A mirror says from where a base's parts come, not what they are."""
    if not entry.builder:
        return DIGESTS[0]
    recipe = base.recipe(entry.builder, Mirrors("https://mirror.example", "http://apt.example"))
    return base.input_hash(recipe, *DIGESTS[: len(base.images(recipe))])


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "protocol.file.allow=always")
    subprocess.run(["git", "-C", str(folder), *own, *arguments], check=True, capture_output=True)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a submodule, which has one itself, and with what builds leave behind."""
    folder = tmp_path_factory.mktemp("trees")
    for name, files in {
        "inner": {"inner.rs": ""},
        "kokoros": {"src/lib.rs": ""},
        "localai": FILES,
    }.items():
        write(folder / name, files)
        git(folder / name, "init", "-q")
        git(folder / name, "add", ".")
        git(folder / name, "commit", "-qm", "one")
    for parent, path, child in (("kokoros", "inner", "inner"), ("localai", KOKOROS, "kokoros")):
        git(folder / parent, "submodule", "add", str(folder / child), path)
        git(folder / parent, "commit", "-qm", "submodule")
    root = folder / "localai"
    (root / "backend/cpp/llama-cpp/run.sh").chmod(0o755)
    (root / "backend/cpp/llama-cpp/link").symlink_to("run.sh")
    git(root, "add", ".")
    git(root, "commit", "-qm", "modes")
    git(root, "submodule", "update", "--init", "--recursive")
    write(root, dict.fromkeys(LEFT, ""))
    return root


def on_disk(root: Path) -> list[str]:
    files = (path for path in root.rglob("*") if path.is_file() or path.is_symlink())
    return [path.relative_to(root).as_posix() for path in files]


@pytest.mark.parametrize(
    "id_",
    [
        "cpu-llama-cpp/amd64",
        "cpu-llama-cpp/arm64",
        "gpu-rocm-hipblas-llama-cpp/amd64",
        "gpu-nvidia-cuda-12-bonsai/amd64",
        "cpu-privacy-filter/amd64",
        "cpu-ds4/amd64",
        "cpu-audio-cpp/amd64",
        "cpu-whisper/amd64",
        "gpu-rocm-hipblas-whisper/amd64",
        "cpu-vllm/amd64",
        "gpu-nvidia-cuda-12-vllm/amd64",
        "cpu-kokoros/amd64",
    ],
)
def test_a_plan_and_a_build_hash_the_same(id_: str, miniature: Path, tmp_path: Path) -> None:
    entry = MATRIX.by_id()[id_]
    built = as_built(miniature, entry, on_disk(miniature), tmp_path / "cut")
    assert as_planned(miniature, entry) == built
    assert not {path for path, _ in built.files} & set(LEFT)


def test_a_submodules_files_enter_with_those_of_its_own_submodules(miniature: Path) -> None:
    inputs = as_planned(miniature, MATRIX.by_id()["cpu-kokoros/amd64"])
    assert {f"{KOKOROS}/src/lib.rs", f"{KOKOROS}/inner/inner.rs"} <= dict(inputs.files).keys()
    assert not inputs.submodules


def test_a_submodule_that_is_not_checked_out_is_named(miniature: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run(["git", "clone", "-q", str(miniature), str(bare)], check=True)
    inputs = as_planned(bare, MATRIX.by_id()["cpu-kokoros/amd64"])
    assert inputs.submodules == (KOKOROS,)


def test_a_base_is_told_by_what_it_is_made_of_today() -> None:
    """Its epoch and snapshot count, and so do the images that it starts from."""
    made = {
        CurrentBases(sources).identity("amd64", digests)
        for sources in (Mirrors(), Mirrors(epoch=WEEK), Mirrors(apt_snapshot="20260101T000000Z"))
        for digests in (DIGESTS, DIGESTS[::-1])
    }
    assert len(made) == 6
    assert CurrentBases(Mirrors()).images("debian-amd64") == ("debian:bookworm",)


def test_all_entries_of_a_real_tree_hash_the_same(tmp_path: Path) -> None:
    """The clone needs no submodules: of what has one, the rest has to agree."""
    path = os.environ.get("LOCALAI_TREE")
    if not path:
        pytest.skip("set LOCALAI_TREE to a clone of LocalAI")
    root = Path(path).resolve()
    known = Tables(given=root / localai.MATRIX_FILE)
    matrix = known.matrix
    paths = on_disk(root)
    linux = [entry for entry in matrix.entries if entry.os == "linux"]
    tree = snapshot(PlanRequest(Event.push, root), known)
    hashes = set()
    for entry in linux:
        planned = inputs_of(entry, tree, planned_base(entry), WEEK)
        built = as_built(root, entry, paths, tmp_path / "cut")
        files = tuple(line for line in planned.files if line[0] not in planned.submodules)
        assert (files, planned.arguments, planned.base) == (
            built.files,
            built.arguments,
            built.base,
        )
        hashes.add(planned.digest)
    assert len(linux) > 400
    assert len(hashes) == len(linux)
