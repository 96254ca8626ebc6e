"""The variants file: LocalAI's ten exactly, and no impossible eleventh."""

from pathlib import Path

import pytest
import yaml

from localai_ci.config.data import data_dir
from localai_ci.config.variants import load_variants
from localai_ci.errors import InputError

# LocalAI's base-images.yml at 82c191afa: base image, build type, CUDA, Ubuntu, skip, runner.
LOCALAI = {
    "amd64": ("ubuntu:24.04", "", None, "2404", False, "ubuntu-latest"),
    "arm64": ("ubuntu:24.04", "", None, "2404", False, "ubuntu-24.04-arm"),
    "cuda-12-amd64": ("ubuntu:24.04", "cublas", "12.8", "2404", False, "ubuntu-latest"),
    "cuda-13-amd64": ("ubuntu:22.04", "cublas", "13.0", "2204", False, "ubuntu-latest"),
    "cuda-13-arm64": ("ubuntu:24.04", "cublas", "13.0", "2404", False, "ubuntu-24.04-arm"),
    "l4t-cuda-12-arm64": (
        "nvcr.io/nvidia/l4t-jetpack:r36.4.0",
        "l4t",
        "12.0",
        "2204",
        True,
        "ubuntu-24.04-arm",
    ),
    "rocm-amd64": ("rocm/dev-ubuntu-24.04:7.2.1", "hipblas", None, "2404", False, "ubuntu-latest"),
    "vulkan-amd64": ("ubuntu:24.04", "vulkan", None, "2404", False, "ubuntu-latest"),
    "vulkan-arm64": ("ubuntu:24.04", "vulkan", None, "2404", False, "ubuntu-24.04-arm"),
    "intel-amd64": (
        "intel/oneapi-basekit:2025.3.2-0-devel-ubuntu24.04",
        "sycl",
        None,
        "2404",
        False,
        "ubuntu-latest",
    ),
}


def test_localais_ten_variants_have_exactly_its_arguments() -> None:
    ours = {
        v.name: (v.base_image, v.build_type, v.cuda, v.ubuntu, v.skip_drivers, v.runner)
        for v in load_variants().variants
        if v.tools == "upstream"
    }
    assert ours == LOCALAI


def test_the_debian_variants_take_every_tool_from_the_distribution() -> None:
    file = load_variants()
    debian = [v for v in file.variants if v.tools == "distribution"]
    assert [v.name for v in debian] == ["debian-amd64", "debian-arm64"]
    assert {v.base_image for v in debian} == {"debian:bookworm"}


def test_an_unknown_variant_lists_the_valid_ones_and_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        load_variants().get("cuda12-amd64")
    text = str(caught.value)
    assert "no variant 'cuda12-amd64'. Did you mean 'cuda-12-amd64'?" in text
    assert all(name in text for name in LOCALAI)


def test_a_name_like_no_other_gets_no_guess() -> None:
    with pytest.raises(InputError) as caught:
        load_variants().get("zzzzzz")
    assert "Did you mean" not in str(caught.value)


def changed(tmp_path: Path, name: str, fields: dict[str, object]) -> tuple[Path, int]:
    """A copy of variants.yaml with fields of one variant changed, and that variant's line."""
    data = yaml.safe_load((data_dir() / "variants.yaml").read_text())
    index = next(i for i, v in enumerate(data["variants"]) if v["name"] == name)
    data["variants"][index].update(fields)
    for key in [key for key, value in fields.items() if value is None]:
        del data["variants"][index][key]
    path = tmp_path / "variants.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    starts = [n for n, line in enumerate(path.read_text().splitlines(), 1) if line.startswith("- ")]
    return path, starts[index]


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("amd64", {"cuda": "12.8"}, "without a CUDA build type"),
        ("cuda-12-amd64", {"cuda": None}, "needs its CUDA version"),
        ("arm64", {"runner": "ubuntu-latest"}, "arm64 does not run on the runner"),
        ("amd64", {"runner": "ubuntu-24.04-arm"}, "amd64 does not run on the runner"),
        ("rocm-amd64", {"name": "rocm-arm64", "arch": "arm64", "runner": "x-arm"}, "amd64 only"),
        ("amd64", {"arch": "arm64", "runner": "x-arm"}, "must end in its architecture"),
        ("amd64", {"skip_drivers": True}, "no drivers to skip"),
        ("vulkan-amd64", {"tools": "distribution"}, "has no vulkan toolchain"),
        ("amd64", {"tools": "distribution"}, "names no protoc and grpc"),
        ("amd64", {"release": "ubuntu2604"}, "unknown release 'ubuntu2604'"),
        ("amd64", {"buildtype": "cublas"}, "unknown key"),
        ("amd64", {"build_type": "metal"}, "got 'metal'"),
        ("debian-arm64", {"name": "arm64"}, "already"),
    ],
)
def test_an_impossible_variant_is_an_error_with_file_and_line(
    tmp_path: Path, name: str, fields: dict[str, object], words: str
) -> None:
    path, line = changed(tmp_path, name, fields)
    with pytest.raises(InputError, match=words) as caught:
        load_variants(path)
    where = str(caught.value).split(": ")[0]
    assert where.startswith(f"{path}:")
    assert line <= int(where.rsplit(":", 1)[1]) < line + len(LOCALAI["amd64"]) + 5
