"""All ten of LocalAI's bases, run through to the end against fake upstreams."""

import json
from typing import Any

import pytest
from dagger_engine import Engine, executed
from fake_upstreams.internet import Internet

# What LocalAI's script installs beyond the common list, from localai-ci-facts 1.3.
COMMON = {"build-essential", "ccache", "libcurl4-openssl-dev", "libssl-dev", "unzip", "cmake"}
PACKAGES = {
    "amd64": set(),
    "cuda-12-amd64": {"cuda-nvcc-12-8", "libcublas-dev-12-8", "libcusolver-dev-12-8"},
    "cuda-13-amd64": {"cuda-nvcc-13-0", "libcublas-dev-13-0", "libcufft-dev-13-0"},
    "rocm-amd64": {"hipblas-dev", "hipblaslt-dev", "rocblas-dev"},
    "vulkan-amd64": {"mesa-vulkan-drivers", "libdrm2", "qt6-base-dev", "libxcb-ewmh-dev"},
    "intel-amd64": {"intel-opencl-icd", "libze-intel-gpu1"},
}
ARM64_PACKAGES = {
    "arm64": set(),
    "cuda-13-arm64": {
        *{"cuda-nvcc-13-0", "libcufile-13-0", "libcudnn9-cuda-13", "cuda-cupti-13-0"},
        *{"libnvjitlink-13-0", "cudss", "cudss-cuda-13", "nvpl"},
    },
    "l4t-cuda-12-arm64": set(),
    "vulkan-arm64": {"mesa-vulkan-drivers", "libdrm2", "qt6-base-dev", "libxcb-ewmh-dev"},
}
TOOLS = {
    "cuda-13-arm64": {"cuda": "13.0", "nvcc": "13.0"},
    "vulkan-arm64": {"vulkan": "1.4.335", "glslc": "2025.5"},
    "cuda-12-amd64": {"cuda": "12.8", "nvcc": "12.8"},
    "cuda-13-amd64": {"cuda": "13.0", "nvcc": "13.0"},
    "vulkan-amd64": {"vulkan": "1.4.335", "glslc": "2025.5"},
}
PATH = (
    "/opt/rocm/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)
# What LocalAI's base images carry in their environment; consumers set what they need.
LEAKED = {
    "BUILD_TYPE",
    "CUDA_MAJOR_VERSION",
    "CMAKE_FROM_SOURCE",
    "GRPC_MAKEFLAGS",
    "MAKEFLAGS",
    "DEBIAN_FRONTEND",
    "AMDGPU_TARGETS",
    "APT_MIRROR",
}


@pytest.fixture(scope="session")
def reports(engine: Engine, flags: tuple[str, ...]) -> dict[str, Any]:
    """The toolchain report of each amd64 variant, built on first use."""

    class Reports(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            text = engine.ok("base", "toolchain", "--variant", name, *flags, "--as-json")
            self[name] = json.loads(text)
            return self[name]

    return Reports()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_base_has_localais_packages_tools_and_environment(
    reports: dict[str, Any], name: str
) -> None:
    check(reports[name], name, PACKAGES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ARM64_PACKAGES)
def test_an_arm64_base_has_localais_packages_tools_and_environment(
    engine: Engine, internet: Internet, bare_image_arm64: str, name: str
) -> None:
    """Under emulation; test_base_steps compares the steps where nothing emulates."""
    flags = ("--mirror", internet.url, "--base-image", bare_image_arm64, "--as-json")
    report = json.loads(engine.ok("base", "toolchain", "--variant", name, *flags, seconds=3000))
    assert report["tools"]["machine"] == "aarch64"
    check(report, name, ARM64_PACKAGES[name])
    leftovers = [package for package in report["packages"] if "local" in package]
    assert leftovers == []


def check(report: dict[str, Any], name: str, packages: set[str]) -> None:
    """A report against the facts' tables."""
    assert COMMON | packages <= set(report["packages"])
    tools = {"protoc": "27.1", "grpc": "1.65.0"} | TOOLS.get(name, {})
    assert {tool: report["tools"].get(tool) for tool in tools} == tools
    assert report["environment"]["PATH"].startswith(PATH)
    assert not LEAKED & set(report["environment"])


def test_grpc_is_compiled_once_for_variants_of_one_release_and_architecture(
    engine: Engine, internet: Internet, prepared_image: str
) -> None:
    mirror = internet.faulty("counted", "grpc")
    flags = ("--mirror", mirror, "--base-image", prepared_image, "sync")
    for name in ("amd64", "cuda-12-amd64"):
        engine.ok("build-base", "--variant", name, *flags)
    clones = internet.asked("POST /~counted~grpc/github.com/grpc/grpc/git-upload-pack")
    per_clone = 2  # git asks for references, then for objects
    assert clones == per_clone


def test_the_installed_tree_has_no_unsecure_twin(engine: Engine, flags: tuple[str, ...]) -> None:
    names = engine.ok(
        "base", "grpc", "--variant", "amd64", *flags, "glob", "--pattern=**"
    ).splitlines()
    assert {"lib/libgrpc.a", "lib/libgrpc++.a", "bin/grpc_cpp_plugin"} <= set(names)
    assert "lib/cmake/grpc/gRPCConfig.cmake" in names
    assert not [name for name in names if "unsecure" in name]


def test_the_vulkan_library_is_found_by_the_loader(engine: Engine, flags: tuple[str, ...]) -> None:
    out = engine.ok(
        "build-base", "--variant", "vulkan-amd64", *flags,
        "with-exec", "--args=ldconfig,-p", "stdout",
    )  # fmt: skip
    assert "libvulkan.so.1" in out


def test_neither_mirror_nor_scratch_files_stay_in_the_image(
    engine: Engine, internet: Internet, flags: tuple[str, ...]
) -> None:
    script = (
        f"grep -rl {internet.url}/developer /etc/apt && exit 1;"
        " ls -A /tmp /var/lib/apt/lists; cat /etc/apt/sources.list.d/cuda*"
    )
    out = engine.ok(
        "build-base", "--variant", "cuda-12-amd64", *flags,
        "with-exec", f'--args="bash","-c","{script}"', "stdout",
    )  # fmt: skip
    assert "https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2404/x86_64/" in out
    assert out.splitlines()[:2] == ["/tmp:", ""]


def test_a_warm_build_executes_no_step(engine: Engine, flags: tuple[str, ...]) -> None:
    base = ("build-base", "--variant", "vulkan-amd64", *flags, "sync")
    engine.ok(*base)
    assert executed(engine.call(*base)) == []
