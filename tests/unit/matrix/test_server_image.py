"""The server image's legs."""

from collections import Counter
from pathlib import Path

import pytest

from localai_ci.config.data import data_dir
from localai_ci.errors import InputError
from localai_ci.matrix.server_image import find
from localai_ci.matrix.tables import tables

FILE, LEGS = tables().images


def test_there_are_ten_legs_of_eight_images() -> None:
    assert (len(LEGS), len({leg.suffix for leg in LEGS})) == (10, 8)
    assert Counter(leg.runner for leg in LEGS) == {"ubuntu-latest": 6, "ubuntu-24.04-arm": 4}
    assert Counter(leg.platform_tag for leg in LEGS) == {"": 6, "amd64": 2, "arm64": 2}
    assert [leg.id for leg in LEGS][:2] == ["core/amd64", "core/arm64"]


def test_only_the_jetpack_image_is_jammy_and_skips_its_drivers() -> None:
    (leg,) = [leg for leg in LEGS if leg.skip_drivers]
    assert (leg.suffix, leg.ubuntu, leg.codename) == ("-nvidia-l4t-arm64", "2204", "jammy")


def test_intel_and_rocm_images_compile_with_three_jobs() -> None:
    few = {leg.suffix for leg in LEGS if leg.jobs == 3}
    assert few == {"-gpu-intel", "-gpu-hipblas"}


def test_seven_legs_are_built_for_pull_requests_as_localai_does() -> None:
    assert [leg.id for leg in LEGS if leg.pull_requests] == [
        *("gpu-nvidia-cuda-12/amd64", "gpu-nvidia-cuda-13/amd64"),
        *("gpu-vulkan/amd64", "gpu-vulkan/arm64", "gpu-intel/amd64", "gpu-hipblas/amd64"),
        "nvidia-l4t-arm64-cuda-13/arm64",
    ]


def test_a_suffix_that_stands_twice_is_an_error_with_its_line(tmp_path: Path) -> None:
    for name in ("profiles.yaml", "images.yaml"):
        (tmp_path / name).write_bytes((data_dir() / name).read_bytes())
    path = tmp_path / "images.yaml"
    path.write_text(path.read_text("utf-8").replace("-gpu-hipblas", "-gpu-intel"), "utf-8")
    with pytest.raises(InputError, match=r"images\.yaml:\d+: the suffix '-gpu-intel' stands here"):
        tables(tmp_path).images  # noqa: B018 - read as it is asked for


def test_a_matrix_of_ones_own_has_no_server_image_of_localais() -> None:
    own = {"matrix/backends.yaml": (data_dir() / "backends.yaml").read_bytes()}
    assert tables(read=own.get).images[1] == ()


def test_a_leg_that_is_not_there_names_what_is_near() -> None:
    with pytest.raises(InputError, match="Did you mean gpu-vulkan/amd64"):
        find(LEGS, "gpu-vulcan/amd64")
