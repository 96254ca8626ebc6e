"""The cases that LocalAI's own filter is tested with, in our words, on the real matrix."""

from dataclasses import replace

import pytest
from unit.plan.deciding import EVERYTHING, MATRIX, NOTHING, backends, counts, matrix_of, plan

from localai_ci.matrix.entry import Entry
from localai_ci.plan.reasons import ReasonKind

PYTHON = {e.backend for e in MATRIX.entries if e.build == "python"}
GO = {e.backend for e in MATRIX.entries if e.build == "golang"}
MATRIX_FILE = ".github/backend-matrix.yml"


def of(backend: str, **changes: str) -> list[Entry]:
    """The matrix with the entries of one backend changed."""
    return [replace(e, **changes) if e.backend == backend else e for e in MATRIX.entries]  # type: ignore[arg-type]


# -- where sources are ---------------------------------------------------------------------


def test_trellis2cpp_has_its_sources_with_the_go_backends() -> None:
    assert MATRIX.by_id()["cpu-trellis2cpp/amd64"].folders == ("backend/go/trellis2cpp",)


def test_a_backends_own_folder_rebuilds_that_backend_only() -> None:
    assert backends(plan("backend/python/vllm/backend.py")) == {"vllm"}


def test_a_folder_whose_name_only_begins_alike_is_another_folder() -> None:
    assert backends(plan("backend/python/vllm-omni/backend.py")) == {"vllm-omni"}


def test_forks_of_llama_cpp_follow_its_sources() -> None:
    found = backends(plan("backend/cpp/llama-cpp/grpc-server.cpp"))
    assert found == {"llama-cpp", "turboquant", "bonsai"}


def test_a_forks_own_sources_rebuild_the_fork_only() -> None:
    assert backends(plan("backend/cpp/bonsai/run.sh")) == {"bonsai"}


def test_documentation_alone_builds_nothing() -> None:
    assert counts(plan("README.md", "docs/content/docs/overview.md")) == NOTHING


# -- Dockerfiles ---------------------------------------------------------------------------


def test_the_python_dockerfile_rebuilds_python_images_and_nothing_on_darwin() -> None:
    found = plan("backend/Dockerfile.python")
    assert backends(found) == PYTHON
    assert counts(found)[1] == 0


def test_the_go_dockerfile_rebuilds_go_images_only() -> None:
    assert backends(plan("backend/Dockerfile.golang")) == GO


def test_a_dockerfile_of_one_family_rebuilds_that_family() -> None:
    assert backends(plan("backend/Dockerfile.llama-cpp")) == {"llama-cpp"}


# -- shared inputs -------------------------------------------------------------------------


def test_the_gpu_library_script_rebuilds_every_linux_image_whatever_its_language() -> None:
    found = plan("scripts/build/package-gpu-libs.sh")
    assert counts(found) == (457, 0)
    assert {"vllm", "llama-cpp", "whisper", "kokoros"} <= backends(found)


def test_python_common_rebuilds_python_on_both_systems() -> None:
    found = plan("backend/python/common/libbackend.sh")
    assert backends(found, "linux") == PYTHON
    assert backends(found, "darwin") == backends(plan("scripts/build/python-darwin.sh"))


def test_the_reusable_linux_workflow_rebuilds_linux_only() -> None:
    assert counts(plan(".github/workflows/backend_build.yml")) == (457, 0)


def test_the_reusable_darwin_workflow_rebuilds_darwin_only() -> None:
    assert counts(plan(".github/workflows/backend_build_darwin.yml")) == (0, 62)


def test_the_darwin_go_script_leaves_out_backends_with_their_own_script() -> None:
    found = backends(plan("scripts/build/golang-darwin.sh"))
    assert "whisper" in found
    assert not found & {"llama-cpp", "ds4", "privacy-filter", "audio-cpp"}


@pytest.mark.parametrize("backend", ["llama-cpp", "ds4", "privacy-filter", "audio-cpp"])
def test_a_backends_own_darwin_script_rebuilds_it_on_darwin_only(backend: str) -> None:
    found = plan(f"scripts/build/{backend}-darwin.sh")
    assert (backends(found), counts(found)) == ({backend}, (0, 1))


def test_an_unclassified_packaging_script_rebuilds_everything() -> None:
    assert counts(plan("scripts/build/package-something-new.sh")) == EVERYTHING


def test_tests_of_packaging_scripts_build_nothing() -> None:
    assert counts(plan("scripts/build/package-gpu-libs_test.sh")) == NOTHING


# -- audio-cpp, whose only mark is its Dockerfile --------------------------------------------


def test_audio_cpp_sources_rebuild_audio_cpp_and_nothing_else() -> None:
    assert backends(plan("backend/cpp/audio-cpp/grpc-server.cpp")) == {"audio-cpp"}


def test_the_audio_cpp_dockerfile_rebuilds_audio_cpp() -> None:
    assert backends(plan("backend/Dockerfile.audio-cpp")) == {"audio-cpp"}


def test_audio_cpp_has_its_cpp_sources_on_darwin_too() -> None:
    entry = MATRIX.by_id()["metal-darwin-arm64-audio-cpp/darwin-arm64"]
    assert entry.folders == ("backend/cpp/audio-cpp",)


# -- packages that Go backends link -----------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "pkg/audio/convert.go",
        "pkg/grpc/client.go",
        "pkg/grpc/base/base.go",
        "pkg/httpclient/client.go",
        "pkg/sound/sound.go",
        "pkg/store/client.go",
        "pkg/utils/path.go",
    ],
)
def test_a_linked_package_rebuilds_go_backends_on_both_systems(path: str) -> None:
    found = plan(path)
    assert backends(found) == GO
    assert counts(found) == (233, 31)


@pytest.mark.parametrize("package", ["model", "xio", "downloader", "functions", "vram", "grpcx"])
def test_a_package_that_no_backend_links_builds_nothing(package: str) -> None:
    assert counts(plan(f"pkg/{package}/file.go")) == NOTHING


def test_tests_of_linked_packages_build_nothing() -> None:
    assert counts(plan("pkg/grpc/client_busy_test.go")) == NOTHING


# -- the matrix file ------------------------------------------------------------------------


def test_another_base_image_in_a_row_rebuilds_that_row_and_names_old_and_new() -> None:
    id_ = "gpu-nvidia-cuda-13-vllm/amd64"
    before = [replace(e, base_image="old:1") if e.id == id_ else e for e in MATRIX.entries]
    found = plan(MATRIX_FILE, previous=matrix_of(before))
    (only,) = found.entries
    assert only.entry.id == id_
    assert only.reasons[0].detail == "base-image: old:1 → ubuntu:24.04"


def test_any_other_field_of_a_row_counts_as_well() -> None:
    before = matrix_of(of("kokoros", build_type="cublas"))
    assert backends(plan(MATRIX_FILE, previous=before)) == {"kokoros"}


def test_a_new_row_of_an_old_backend_rebuilds_only_itself() -> None:
    id_ = "gpu-nvidia-cuda-13-vllm/amd64"
    found = plan(MATRIX_FILE, previous=matrix_of(e for e in MATRIX.entries if e.id != id_))
    assert [p.entry.id for p in found.entries] == [id_]
    assert found.entries[0].reasons[0].kind is ReasonKind.matrix_new
    assert not found.idle


def test_a_darwin_row_that_says_something_else_is_rebuilt_alone() -> None:
    id_ = "metal-darwin-arm64-mlx/darwin-arm64"
    before = [replace(e, build_type="cpu") if e.id == id_ else e for e in MATRIX.entries]
    found = plan(MATRIX_FILE, previous=matrix_of(before))
    assert [p.entry.id for p in found.entries] == [id_]


def test_a_matrix_edit_that_changes_no_row_builds_nothing() -> None:
    assert counts(plan(MATRIX_FILE, previous=matrix_of(reversed(MATRIX.entries)))) == NOTHING


def test_a_removed_row_builds_nothing() -> None:
    gone = replace(MATRIX.entries[0], suffix="-gpu-nvidia-cuda-11-llama-cpp")
    found = plan(MATRIX_FILE, previous=matrix_of([*MATRIX.entries, gone]))
    assert counts(found) == NOTHING
    assert found.idle[MATRIX_FILE] == "it only removes rows"


def test_the_previous_matrix_does_not_matter_if_the_file_did_not_change() -> None:
    assert counts(plan("README.md", previous=matrix_of([]))) == NOTHING


def test_an_unreadable_previous_matrix_rebuilds_everything() -> None:
    found = plan(MATRIX_FILE, previous=None)
    assert counts(found) == EVERYTHING
    assert found.entries[0].reasons[0].kind is ReasonKind.unknown


# -- backend.proto -------------------------------------------------------------------------

FIELDS = "  string Prompt = 1;\n  int32 Tokens = 2;\n  bool UseTokenizerTemplate = 3;"


def proto(fields: str = FIELDS, rpc: str = "", message: str = "") -> str:
    return f"""
        syntax = "proto3";
        option go_package = "github.com/go-skynet/LocalAI/pkg/grpc/proto"; // not // a comment
        service Backend {{
          rpc Health(HealthMessage) returns (Reply) {{}}
          rpc Predict(PredictOptions) returns (Reply) {{}}
          {rpc}
        }}
        message HealthMessage {{}}
        {message}
        message PredictOptions {{
        {fields}
        }}
    """


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(proto(FIELDS + "\n  bool cache_prompt = 8;"), id="a field is added"),
        pytest.param(
            proto(
                rpc="rpc Score(ScoreRequest) returns (Reply) {}",
                message="message ScoreRequest { string Text = 1; }",
            ),
            id="a message and a call are added",
        ),
        pytest.param(proto(FIELDS.replace("  int32", "  // how many\n  int32")), id="a comment"),
        pytest.param(proto(FIELDS.replace(" = ", " =\n  ")), id="layout"),
        pytest.param(proto(FIELDS + "\n  reserved 9;"), id="a reserved number is added"),
    ],
)
def test_an_additive_proto_edit_builds_nothing(after: str) -> None:
    assert counts(plan("backend/backend.proto", proto=(proto(), after))) == NOTHING


@pytest.mark.parametrize(
    ("after", "symbol"),
    [
        (proto(FIELDS.replace("  int32 Tokens = 2;\n", "")), "PredictOptions.Tokens"),
        (proto(FIELDS.replace("Tokens = 2", "Tokens = 9")), "int32 Tokens = 9"),
        (proto(FIELDS.replace("int32 Tokens", "int64 Tokens")), "int64 Tokens = 2"),
        (proto(FIELDS.replace("Tokens", "MaxTokens")), "PredictOptions.Tokens"),
        (proto().replace("rpc Health(HealthMessage) returns (Reply) {}", ""), "rpc Health"),
        (proto().replace("LocalAI/pkg", "other/pkg"), "go_package"),
    ],
    ids=["removed", "renumbered", "retyped", "renamed", "a call removed", "an option changed"],
)
def test_a_breaking_proto_edit_rebuilds_everything_and_names_the_symbol(
    after: str, symbol: str
) -> None:
    found = plan("backend/backend.proto", proto=(proto(), after))
    assert counts(found) == EVERYTHING
    (reason,) = found.entries[0].reasons
    assert reason.kind is ReasonKind.proto
    assert symbol in reason.detail


def test_a_proto_edit_with_unknown_revisions_rebuilds_everything() -> None:
    assert counts(plan("backend/backend.proto", proto=None)) == EVERYTHING


def test_an_additive_proto_edit_does_not_hide_another_input() -> None:
    after = proto(FIELDS + "\n  bool cache_prompt = 8;")
    found = plan("backend/backend.proto", "backend/go/ced/a.go", proto=(proto(), after))
    assert backends(found) == {"ced"}
