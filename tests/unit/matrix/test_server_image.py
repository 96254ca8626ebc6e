"""The server image's legs."""

from collections import Counter
from pathlib import Path

import pytest

from localai_ci.config.data import data_dir
from localai_ci.errors import InputError
from localai_ci.matrix.server_image import server_legs


def test_there_are_ten_legs_of_eight_images() -> None:
    legs = server_legs()
    assert (len(legs), len({leg.suffix for leg in legs})) == (10, 8)
    assert Counter(leg.runner for leg in legs) == {"ubuntu-latest": 6, "ubuntu-24.04-arm": 4}
    assert Counter(leg.platform_tag for leg in legs) == {"": 6, "amd64": 2, "arm64": 2}
    assert [leg.id for leg in legs][:2] == ["core/amd64", "core/arm64"]


def test_only_the_jetpack_image_is_jammy_and_skips_its_drivers() -> None:
    (leg,) = [leg for leg in server_legs() if leg.skip_drivers]
    assert (leg.suffix, leg.ubuntu, leg.codename) == ("-nvidia-l4t-arm64", "2204", "jammy")


def test_intel_and_rocm_images_compile_with_three_jobs() -> None:
    few = {leg.suffix for leg in server_legs() if leg.jobs == 3}
    assert few == {"-gpu-intel", "-gpu-hipblas"}


def test_a_suffix_that_stands_twice_is_an_error_with_its_line(tmp_path: Path) -> None:
    for name in ("profiles.yaml", "images.yaml"):
        (tmp_path / name).write_bytes((data_dir() / name).read_bytes())
    path = tmp_path / "images.yaml"
    path.write_text(path.read_text("utf-8").replace("-gpu-hipblas", "-gpu-intel"), "utf-8")
    with pytest.raises(InputError, match=r"images\.yaml:\d+: the suffix '-gpu-intel' stands here"):
        server_legs(tmp_path)
