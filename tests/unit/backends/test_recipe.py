"""The table of compile.yaml: LocalAI's own choices (localai-ci-facts 2.2), and its errors."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from localai_ci.backends.recipe import MakeTarget, decide, steps, takes
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.recipe import recipe
from localai_ci.config.compile import Compiler, load_compile
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.loading import load_matrix

FILE = load_compile()
ENTRIES = load_matrix().entries

# What LocalAI's build-target scripts print, and bonsai's own rule, by architecture and build type.
SELECTED = {
    ("amd64", ""): ("cpu-all", "cpu-all", "cpu-all"),
    ("arm64", ""): ("cpu-all", "cpu-all", "cpu-all"),
    ("amd64", "cublas"): ("cpu-all", "cpu-all", "fallback"),
    ("amd64", "vulkan"): ("cpu-all", "cpu-all", "fallback"),
    ("amd64", "sycl_f16"): ("fallback", "fallback", "fallback"),
    ("amd64", "sycl_f32"): ("fallback", "fallback", "fallback"),
    ("amd64", "hipblas"): ("fallback", "cpu-all", "fallback"),
    ("arm64", "cublas"): ("fallback", "fallback", "fallback"),
    ("arm64", "vulkan"): ("fallback", "fallback", "fallback"),
}


def entry(backend: str, arch: str = "amd64", build_type: str = "") -> Entry:
    folder = f"backend/cpp/{backend}"
    return Entry(backend, f"-x-{backend}", arch, backend, "cpp", (folder,), build_type)


@pytest.mark.parametrize(("arch", "build_type"), SELECTED)
def test_the_cpu_part_is_what_localais_scripts_select(arch: str, build_type: str) -> None:
    for backend, cpu in zip(
        ("llama-cpp", "turboquant", "bonsai"), SELECTED[arch, build_type], strict=True
    ):
        how = decide(FILE, entry(backend, arch, build_type))
        names = (cpu, "grpc", "rpc-server")
        assert how.targets == tuple(f"{backend}-{name}" for name in names)
        assert how.cpu_libraries == (cpu == "cpu-all")


@pytest.mark.parametrize(
    ("arch", "build_type", "target"),
    [("amd64", "", "avx2"), ("arm64", "", "fallback"), ("amd64", "hipblas", "fallback")],
)
def test_ik_llama_cpp_needs_avx2_where_there_is_one(
    arch: str, build_type: str, target: str
) -> None:
    how = decide(FILE, entry("ik-llama-cpp", arch, build_type))
    assert how.targets == (f"ik-llama-cpp-{target}",)


def test_privacy_filter_has_one_target_without_a_prefix() -> None:
    assert decide(FILE, entry("privacy-filter")).targets == ("grpc-server",)


@pytest.mark.parametrize(
    ("arch", "build_type", "cxx"),
    [
        ("amd64", "", "g++"),
        ("arm64", "", "g++-14"),
        ("arm64", "cublas", "g++"),
        ("amd64", "hipblas", "/opt/rocm/llvm/bin/clang++"),
        ("amd64", "sycl_f16", "icpx"),
    ],
)
def test_each_build_type_has_its_compiler(arch: str, build_type: str, cxx: str) -> None:
    assert decide(FILE, entry("llama-cpp", arch, build_type)).compiler.cxx == cxx


def test_intels_compilers_come_after_setvars() -> None:
    compiler = decide(FILE, entry("llama-cpp", build_type="sycl_f32")).compiler
    assert compiler.setup == "/opt/intel/oneapi/setvars.sh"


def test_every_entry_on_a_base_can_be_decided() -> None:
    on_base = [e for e in ENTRIES if e.builder]
    assert len(on_base) > 30
    for each in on_base:
        assert decide(FILE, each).targets


def test_every_exception_applies_to_an_entry_or_says_that_none_uses_it() -> None:
    for name, backend in FILE.backends.items():
        for other in backend.exceptions:
            used = [e for e in ENTRIES if e.backend == name and e.builder and takes(other, e)]
            assert used or name == "ik-llama-cpp", other.reason


def test_the_exceptions_reason_is_told() -> None:
    assert "sapphirerapids" in decide(FILE, entry("llama-cpp", build_type="sycl_f16")).reason
    assert decide(FILE, entry("llama-cpp")).reason == ""


def test_no_binary_is_for_the_machine_it_was_compiled_on() -> None:
    for each in (e for e in ENTRIES if e.builder):
        make_targets = [g for g in decide(FILE, each).make_targets if g.cmake]
        assert make_targets
        assert all(("GGML_NATIVE", "OFF") in target.cmake for target in make_targets)


def test_relatives_share_ggml() -> None:
    assert FILE.relatives("llama-cpp") == ("turboquant", "bonsai", "ik-llama-cpp")
    assert FILE.relatives("privacy-filter") == ()


def test_a_build_type_that_no_makefile_knows_is_refused() -> None:
    with pytest.raises(InputError, match="would silently build for the CPU"):
        decide(FILE, entry("llama-cpp", "arm64", "l4t"))


def test_a_backend_that_is_not_in_the_table_is_named() -> None:
    with pytest.raises(InputError, match=r"does not say how whisper is compiled"):
        decide(FILE, entry("whisper"))


def test_targets_of_ones_own_replace_the_tables() -> None:
    assert decide(FILE, entry("llama-cpp"), ("fallback",)).targets == ("llama-cpp-fallback",)
    with pytest.raises(InputError, match="no target 'fastest'"):
        decide(FILE, entry("llama-cpp"), ("fastest",))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("compiler: rocm", "compiler: rcom", "no compiler 'rcom'"),
        ("make: [avx2]", "make: [avx3]", "no target 'avx3'"),
        ("build_types: [hipblas]", "build_types: [hipblass]", "no build type 'hipblass'"),
        ("of: grpc", "of: grcp", "no target 'grcp'"),
    ],
)
def test_a_name_that_is_defined_nowhere_is_an_error_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = Path("matrix/compile.yaml").read_text()
    assert old in text
    path = tmp_path / "compile.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        load_compile(path)
    assert f"{path}:" in str(caught.value)


EVIL = "12'; touch ran; : '\n$(touch ran)`touch ran`\""


def test_no_value_of_a_row_or_a_table_is_run_by_the_shell(tmp_path: Path) -> None:
    """As C15's `cuda-major-version`: every field at once, in every script, run for real."""
    plain = entry("llama-cpp")
    evil = replace(
        plain,
        cuda=EVIL,
        build_type=EVIL,
        amdgpu_targets=EVIL,
        arch=EVIL,
        folders=(EVIL,),
        backend=EVIL,
    )
    how = decide(FILE, plain)
    target = MakeTarget(EVIL, ((EVIL, EVIL),), EVIL)
    worst = Compiler(cc=EVIL, cxx=EVIL, packages=[], setup=EVIL)
    how = replace(how, make_targets=(target, *how.make_targets), compiler=worst)
    base = recipe("debian-amd64", Mirrors())
    for step in steps(evil, how, base, FILE.ccache):
        # Nothing of it is there, so it would end at its first `cd`: go on after every failure.
        subprocess.run(
            ["bash", "-c", f"set +e; exit() {{ :; }}\n{step.script}".replace("set -eu", "set +e")],
            cwd=tmp_path, capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert not (tmp_path / "ran").exists(), step.name


@pytest.mark.parametrize("name", ["-x", "SHELL=/bin/x", "a b", "a;b", ""])
def test_a_make_target_is_neither_an_option_nor_a_variable(tmp_path: Path, name: str) -> None:
    text = Path("matrix/compile.yaml").read_text().replace("make: [avx2]", f"make: ['{name}']")
    path = tmp_path / "compile.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="make"):
        load_compile(path)


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../b", "a//b", "-x", "a/.git", "a;b"])
def test_third_party_sources_stay_inside_of_the_tree(tmp_path: Path, path: str) -> None:
    text = Path("matrix/compile.yaml").read_text()
    file = tmp_path / "compile.yaml"
    for field in ("folder", "makefile"):
        file.write_text(re.sub(rf"( {field}:) .*", rf"\1 '{path}'", text, count=1))
        with pytest.raises(InputError, match=field):
            load_compile(file)
