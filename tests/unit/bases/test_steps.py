"""The ten bases: LocalAI's packages, versions and places, step by step."""

import re
import subprocess

import pytest

from localai_ci.bases import recipe as base
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.step import BaseRecipe
from localai_ci.config.variants import load_variants

VARIANTS = [variant.name for variant in load_variants().variants]
UPSTREAM = [v.name for v in load_variants().variants if v.tools == "upstream"]
COMMON = ["apt", "cmake", "protoc"]
STEPS = {
    "amd64": COMMON,
    "arm64": COMMON,
    "cuda-12-amd64": [*COMMON, "cuda"],
    "cuda-13-amd64": [*COMMON, "cuda"],
    "cuda-13-arm64": [*COMMON, "cuda", "cudss-nvpl"],
    "l4t-cuda-12-arm64": COMMON,
    "rocm-amd64": [*COMMON, "rocm"],
    "vulkan-amd64": [*COMMON, "vulkan"],
    "vulkan-arm64": [*COMMON, "vulkan"],
    "intel-amd64": [*COMMON, "intel-driver"],
    "debian-amd64": [*COMMON, "grpc"],
    "debian-arm64": [*COMMON, "grpc"],
}


def recipe(name: str) -> BaseRecipe:
    return base.recipe(name, Mirrors())


def packages(name: str) -> set[str]:
    """All packages that a variant's steps install."""
    text = "\n".join(step.script for step in base.steps(recipe(name)))
    installs = re.findall(r"install -y (?:--no-install-recommends )?(.*)", text)
    return {package for line in installs for package in line.split()}


def script(name: str, step: str) -> str:
    (found,) = [s.script for s in base.steps(recipe(name)) if s.name == step]
    return found


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_composed_of_its_steps(name: str) -> None:
    assert [step.name for step in base.steps(recipe(name))] == STEPS[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_step_is_sound_bash(name: str) -> None:
    steps = [*base.steps(recipe(name)), *base.grpc_steps(recipe(name))]
    for step in steps:
        subprocess.run(["bash", "-n"], input=step.script, text=True, check=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "cuda-12-amd64",
            """software-properties-common pciutils cuda-nvcc-12-8 libcufft-dev-12-8
            libcurand-dev-12-8 libcublas-dev-12-8 libcusparse-dev-12-8 libcusolver-dev-12-8""",
        ),
        (
            "cuda-13-arm64",
            """cuda-nvcc-13-0 libcusolver-dev-13-0 libcufile-13-0 libcudnn9-cuda-13
            cuda-cupti-13-0 libnvjitlink-13-0 cudss cudss-cuda-13 nvpl""",
        ),
        ("rocm-amd64", "hipblas-dev hipblaslt-dev rocblas-dev"),
        ("intel-amd64", "intel-opencl-icd libze-intel-gpu1"),
        ("vulkan-arm64", "mesa-vulkan-drivers libdrm2 qt6-base-dev libxcb-ewmh-dev"),
    ],
)
def test_an_accelerator_installs_localais_packages(name: str, expected: str) -> None:
    assert set(expected.split()) <= packages(name)


def test_cuda_extras_of_arm64_are_on_arm64_alone() -> None:
    assert not {"libcufile-13-0", "cudss", "nvpl"} & packages("cuda-13-amd64")


def test_jetpack_brings_its_own_cuda() -> None:
    assert not any(package.startswith("cuda") for package in packages("l4t-cuda-12-arm64"))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("cuda-12-amd64", "ubuntu2404/x86_64/"),
        ("cuda-13-amd64", "ubuntu2204/x86_64/"),
        ("cuda-13-arm64", "ubuntu2404/sbsa/"),
    ],
)
def test_cudas_archive_is_that_of_the_release_and_machine(name: str, part: str) -> None:
    assert f"cuda/repos/{part}cuda-keyring_1.1-1_all.deb" in script(name, "cuda")


def test_vulkan_is_compiled_on_amd64_and_unpacked_on_arm64() -> None:
    assert "./vulkansdk --no-deps --maxjobs" in script("vulkan-amd64", "vulkan")
    assert "./vulkansdk" not in script("vulkan-arm64", "vulkan")
    assert "aarch64/lib/. /usr/lib/aarch64-linux-gnu/" in script("vulkan-arm64", "vulkan")


def test_four_compiles_of_grpc_serve_the_ten_bases() -> None:
    keys = {
        (recipe(name).release.image, recipe(name).variant.arch, base.grpc_steps(recipe(name)))
        for name in UPSTREAM
    }
    assert len(UPSTREAM) == 10
    assert len(keys) == 4


def test_the_local_repositories_of_cudss_and_nvpl_go_again() -> None:
    text = script("cuda-13-arm64", "cudss-nvpl")
    assert text.count('dpkg --purge "$repository"') == 2


def test_an_input_hash_follows_what_decides_the_content_and_nothing_else() -> None:
    def digest(name: str, image: str = "i@sha256:1", grpc: str = "g@sha256:1") -> str:
        return base.input_hash(recipe(name), image, grpc)

    hashes = {digest(name) for name in UPSTREAM}
    assert len(hashes) == 10 - 1  # l4t installs no drivers: only its base image tells it apart
    assert digest("amd64") == digest("amd64")
    assert digest("amd64") != digest("amd64", image="i@sha256:2")
    assert digest("amd64") != digest("amd64", grpc="g@sha256:2")
