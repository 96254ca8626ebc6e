"""What of a tree enters a build."""

import pytest

from localai_ci.backends.slices import choose, literal
from localai_ci.errors import InputError
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.rules import load_inputs

INPUTS = load_inputs()
ENTRIES = load_matrix().by_id()
PATHS = (
    "Makefile",
    ".dockerignore",
    "README.md",
    "core/http/app.go",
    "backend/backend.proto",
    "backend/index.yaml",
    "backend/Dockerfile.llama-cpp",
    "backend/Dockerfile.golang",
    "backend/cpp/llama-cpp/Makefile",
    "backend/cpp/llama-cpp/sub/a.h",
    "backend/cpp/turboquant/Makefile",
    "backend/cpp/llama-cpp-quantized/Makefile",
    "backend/go/whisper/run.sh",
    "scripts/build/package-gpu-libs.sh",
    "scripts/build/package-system-libs.sh",
    "scripts/build/llama-cpp-darwin.sh",
    "scripts/build/healthcheck_test.sh",
    ".docker/install-base-deps.sh",
    ".docker/llama-cpp-compile.sh",
    "pkg/grpc/server.go",
    "go.mod",
)


def taken(entry: str, *leave: str) -> set[str]:
    return set(choose(ENTRIES[entry], PATHS, INPUTS, "", leave))


def test_a_backend_gets_its_folder_the_interface_and_the_scripts() -> None:
    assert taken("cpu-llama-cpp/amd64") == {
        ".dockerignore",
        "backend/backend.proto",
        "backend/Dockerfile.llama-cpp",
        "backend/cpp/llama-cpp/Makefile",
        "backend/cpp/llama-cpp/sub/a.h",
        "scripts/build/package-gpu-libs.sh",
        "scripts/build/package-system-libs.sh",
        ".docker/llama-cpp-compile.sh",
    }


def test_a_fork_gets_the_server_that_it_copies() -> None:
    assert {"backend/cpp/turboquant/Makefile", "backend/cpp/llama-cpp/sub/a.h"} <= taken(
        "cpu-turboquant/amd64"
    )


def test_go_gets_its_packages_and_the_makefile_that_generates_code() -> None:
    got = taken("cpu-whisper/amd64")
    assert {"backend/go/whisper/run.sh", "pkg/grpc/server.go", "go.mod", "Makefile"} <= got
    assert "core/http/app.go" not in got


def test_what_dockerignore_leaves_out_and_older_builds_left_behind_stays_out() -> None:
    own = "backend/cpp/llama-cpp"
    left = tuple(
        f"{own}/{path}"
        for path in ("llama.cpp/a.c", "sub/venv/x", "package/run.sh", "node_modules/x", ".git/HEAD")
    )
    ignored = f"# comment\n\n{own}/llama.cpp\n**/venv\n"
    entry = ENTRIES["cpu-llama-cpp/amd64"]
    chosen = choose(entry, (*PATHS, *left), INPUTS, ignored, (f"{own}/package",))
    assert chosen == choose(entry, PATHS, INPUTS, "")


def test_names_are_no_patterns() -> None:
    assert literal("pkg/grpc/[odd]*.go") == r"pkg/grpc/\[odd\]\*.go"


def test_a_tree_without_the_backend_is_refused_with_the_folder() -> None:
    with pytest.raises(InputError, match="has no backend/cpp/ik-llama-cpp/"):
        taken("cpu-ik-llama-cpp/amd64")
