"""The check of a package, over listings like those that its probe prints."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from localai_ci.backends.package_check import PROBE, Contents, Expected, check, read
from localai_ci.bases.step import SHELL
from localai_ci.config.packages import load_packages
from localai_ci.errors import LocalaiCiError
from localai_ci.matrix.entry import Entry

FILE = load_packages()
LLAMA = Entry("llama-cpp", "-cpu-llama-cpp", "amd64", "llama-cpp", "cpp", ("f",))
GO = Entry("whisper", "-cpu-whisper", "amd64", "golang", "go", ("f",))
RUST = Entry("kokoros", "-cpu-kokoros", "amd64", "rust", "rust", ("f",))
PYTHON = Entry("vllm", "-cpu-vllm", "amd64", "python", "python", ("f",))
WANTED = Expected(("llama-cpp-cpu-all",), cpu_libraries=True)

FILES = {
    "run.sh": 755,
    "llama-cpp-cpu-all": 755,
    "lib/ld.so": 755,
    "lib/libc.so.6": 644,
    "lib/libggml.so": 644,
    "lib/libggml-cpu-haswell.so": 644,
}
NEEDED = {
    "llama-cpp-cpu-all": ("libc.so.6", "libggml.so"),
    "lib/libggml.so": ("libc.so.6", "ld-linux-x86-64.so.2"),
}


def contents(
    files: dict[str, int], needed: Mapping[str, Iterable[str]], paths: dict[str, str] | None = None
) -> Contents:
    listing = "".join(f"f\t10\t{mode}\t{path}\n" for path, mode in files.items())
    dump = "File: /bin/true\n  Machine:   AArch64\n"
    for path, names in needed.items():
        dump += f"File: ./{path}\n  Machine:      Advanced Micro Devices X86-64\n"
        dump += "".join(f" 0x1 (NEEDED)  Shared library: [{name}]\n" for name in names)
        if paths and path in paths:
            dump += f" 0x1d (RUNPATH)  Library runpath: [{paths[path]}]\n"
    return read(f"{listing}\n{dump}")


def refused(entry: Entry, found: Contents, wanted: Expected = WANTED) -> str:
    with pytest.raises(LocalaiCiError) as caught:
        check(entry, found, wanted, FILE)
    return str(caught.value)


def test_a_sound_package_passes() -> None:
    check(LLAMA, contents(FILES, NEEDED), WANTED, FILE)


@pytest.mark.parametrize("name", ["run.sh", "llama-cpp-cpu-all"])
def test_what_must_be_there_is_missed_by_name(name: str) -> None:
    files = {path: mode for path, mode in FILES.items() if path != name}
    assert f"{name} is missing" in refused(LLAMA, contents(files, {}))


def test_a_program_that_cannot_be_executed_is_told() -> None:
    assert "run.sh cannot be executed" in refused(LLAMA, contents(FILES | {"run.sh": 644}, {}))


def test_a_library_that_is_nowhere_is_told_with_its_user() -> None:
    needed = NEEDED | {"llama-cpp-cpu-all": ("libgrpc++.so.1",)}
    told = refused(LLAMA, contents(FILES, needed))
    assert "libgrpc++.so.1 is not where llama-cpp-cpu-all would look for it" in told


def test_a_library_in_a_folder_that_nobody_searches_is_told_with_its_place() -> None:
    files = FILES | {"other/libgrpc.so": 644}
    told = refused(LLAMA, contents(files, NEEDED | {"lib/libggml.so": ("libgrpc.so",)}))
    assert "but there is other/libgrpc.so" in told


@pytest.mark.parametrize("path", ["$ORIGIN/../other", "/abs:${ORIGIN}/../other"])
def test_a_file_finds_libraries_where_it_says_it_looks(path: str) -> None:
    files = FILES | {"other/libgrpc.so": 644}
    found = contents(files, {"lib/libggml.so": ("libgrpc.so",)}, {"lib/libggml.so": path})
    check(LLAMA, found, WANTED, FILE)


@pytest.mark.parametrize("name", ["libcuda.so.1", "libnvidia-ml.so.1", "libOpenCL.so.1"])
def test_what_a_driver_brings_need_not_be_there(name: str) -> None:
    check(LLAMA, contents(FILES, NEEDED | {"lib/libggml.so": (name,)}), WANTED, FILE)


def test_the_c_library_is_pythons_hosts_and_must_be_in_other_images() -> None:
    files = {"run.sh": 755, "venv/x.so": 644}
    found = contents(files, {"venv/x.so": ("libc.so.6",)})
    check(PYTHON, found, Expected(()), FILE)
    assert "libc.so.6" in refused(LLAMA, found, Expected(()))


def test_python_finds_libraries_anywhere() -> None:
    files = {"run.sh": 755, "venv/x.so": 644, "venv/nvidia/libcudart.so.12": 644}
    check(PYTHON, contents(files, {"venv/x.so": ("libcudart.so.12",)}), Expected(()), FILE)


def test_cpu_libraries_must_lie_beside_the_loader() -> None:
    files = FILES | {"libggml-cpu-x64.so": 644}
    told = refused(LLAMA, contents(files, NEEDED))
    assert "libggml-cpu-x64.so is not beside lib/ld.so" in told


def test_cpu_libraries_must_be_there_at_all() -> None:
    files = {path: mode for path, mode in FILES.items() if "haswell" not in path}
    assert "no CPU variant can be chosen" in refused(LLAMA, contents(files, NEEDED))


def test_audio_cpp_keeps_its_loader_and_cpu_libraries_at_the_top() -> None:
    audio = Entry("audio-cpp", "-cpu-audio-cpp", "amd64", "audio-cpp", "cpp", ("f",))
    files = {"run.sh": 755, "grpc-server": 755, "ld.so": 755, "libggml-cpu-x64.so": 644}
    check(audio, contents(files, {}), Expected(()), FILE)


# What LocalAI's package-system-libs.sh brings along.
SYSTEM = {"run.sh": 755, "lib/ld.so": 755, "lib/libc.so.6": 755, "lib/libstdc++.so.6": 644}
C = ("libc.so.6",)
CPP = ("libstdc++.so.6", "libc.so.6", "ld-linux-x86-64.so.2")
SYSTEM_NEEDED = {"lib/libc.so.6": ("ld-linux-x86-64.so.2",), "lib/libstdc++.so.6": CPP[1:]}


@pytest.mark.parametrize(
    ("entry", "needed"),
    [
        # acestep-cpp, whisper, voxtral, …: one engine for each CPU at the top, opened by path.
        pytest.param(GO, {"libgowhisper-avx2.so": CPP}, id="engines-at-the-top"),
        # opus, piper, silero-vad, …: linked, and all libraries in lib.
        pytest.param(GO, {"piper": ("libpiper.so", *C), "lib/libpiper.so": CPP}, id="linked"),
        # ced, face-detect, parakeet-cpp, …: run.sh names lib and the top.
        pytest.param(GO, {"lib/libced.so": ("libggml.so.0",), "libggml.so.0": CPP}, id="both"),
        # localvqe: all of ggml at the top, where its run.sh changes to.
        pytest.param(
            GO,
            {
                "liblocalvqe.so": ("libggml-base.so", *CPP),
                "libggml-base.so": CPP,
                "libggml-cpu-haswell.so": ("libggml-base.so", *CPP),
            },
            id="cpu-libraries-at-the-top",
        ),
        # trellis2cpp: a folder for each CPU.
        pytest.param(
            GO,
            {
                f"variants/{cpu}/{name}": libraries
                for cpu in ("avx2", "fallback")
                for name, libraries in {
                    "libtrellis2.so": ("libggml-cpu.so.0", *CPP),
                    "libggml-cpu.so.0": CPP,
                }.items()
            },
            id="variants",
        ),
        # kokoros.
        pytest.param(
            RUST,
            {"kokoros-grpc": ("libespeak-ng.so.1", *CPP), "lib/libespeak-ng.so.1": C},
            id="rust",
        ),
    ],
)
def test_go_and_rust_start_through_a_bundled_loader(
    entry: Entry, needed: dict[str, tuple[str, ...]]
) -> None:
    files = SYSTEM | dict.fromkeys(needed, 755)
    check(entry, contents(files, needed | SYSTEM_NEEDED), Expected(()), FILE)
    without = {path: mode for path, mode in files.items() if path != "lib/ld.so"}
    told = refused(entry, contents(without, needed | SYSTEM_NEEDED), Expected(()))
    assert "ld-linux-x86-64.so.2 is not where" in told


def test_a_static_program_needs_no_loader() -> None:
    """As of local-store, valkey-store and cloud-proxy."""
    files = {"run.sh": 755, "local-store": 755}
    check(GO, contents(files, {"local-store": ()}), Expected(()), FILE)
    told = refused(GO, contents(files, {"local-store": C}), Expected(()))
    assert "libc.so.6 is not where local-store would look for it" in told


def test_a_variant_does_not_find_what_another_one_has() -> None:
    files = SYSTEM | {"variants/avx2/libtrellis2.so": 755, "variants/avx/libggml.so": 755}
    needed = {"variants/avx2/libtrellis2.so": ("libggml.so",)}
    told = refused(GO, contents(files, needed), Expected(()))
    assert "but there is variants/avx/libggml.so" in told


@pytest.mark.parametrize("path", ["main.o", "lib/libx.a", "build/CMakeFiles/x/y", "CMakeCache.txt"])
def test_what_is_left_of_the_build_is_told(path: str) -> None:
    told = refused(LLAMA, contents(FILES | {path: 644}, NEEDED))
    assert f"{path} is left of the build" in told


def test_a_file_for_another_machine_is_told() -> None:
    arm = Entry("llama-cpp", "-cpu-llama-cpp", "arm64", "llama-cpp", "cpp", ("f",))
    assert "X86-64, the image for arm64" in refused(arm, contents(FILES, NEEDED))


def test_all_faults_are_told_at_once() -> None:
    told = refused(LLAMA, contents({"a.o": 644}, {}))
    assert "run.sh is missing" in told
    assert "a.o is left" in told


def test_size_is_told_by_part_largest_first() -> None:
    parts = contents(FILES, {}).bytes_by_part
    assert next(iter(parts.items())) == ("lib/", 40)
    assert parts["run.sh"] == 10


def test_a_starred_folder_is_one_folder_and_not_what_lies_deeper() -> None:
    def needs(folder: str) -> Contents:
        files = {"run.sh": 755, f"{folder}/prog": 755, f"{folder}/libx.so": 644}
        return contents(files, {f"{folder}/prog": ("libx.so",)})

    check(GO, needs("variants/avx"), Expected(()), FILE)
    told = refused(GO, needs("variants/avx/deep"), Expected(()))
    assert "libx.so is not where variants/avx/deep/prog would look for it" in told


def test_a_leftover_is_found_at_any_depth() -> None:
    for path in ("CMakeFiles/a/b", "lib/CMakeFiles/a", "x.o", "lib/deep/x.o"):
        assert "is left of the build" in refused(LLAMA, contents(FILES | {path: 644}, NEEDED))


def test_a_build_that_the_table_does_not_know_is_an_error_in_words() -> None:
    entry = Entry("x", "-cpu-x", "amd64", "zig", "cpp", ("f",))
    assert "does not say how an image of the build zig is laid out" in refused(
        entry, contents(FILES, {})
    )


def test_a_name_with_a_line_break_is_refused_where_the_list_is_made(tmp_path: Path) -> None:
    (tmp_path / "a\n\nFile: .").mkdir()
    (tmp_path / "a\n\nFile: ./run.sh\n  Machine: x").write_text("")
    done = subprocess.run(
        [*SHELL, PROBE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 65
    assert "line break in its name" in done.stderr


@pytest.mark.parametrize("line", ["f\t12", "f\t1\t888\ta", "f\t\N{SUPERSCRIPT TWO}\t755\ta", "x"])
def test_a_list_that_cannot_be_read_is_said(line: str) -> None:
    with pytest.raises(LocalaiCiError, match="cannot be read"):
        read(f"f\t1\t755\trun.sh\n{line}\n\n")
