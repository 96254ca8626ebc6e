"""The call of LocalAI's root Dockerfile, leg by leg."""

from dataclasses import replace

import pytest

from localai_ci.backends.server_call import ServerInputs, agreed, arguments
from localai_ci.bases.mirrors import Mirrors
from localai_ci.errors import InputError
from localai_ci.matrix.tables import tables

LEGS = {leg.id: leg for leg in tables().images[1]}
SHA = "0" * 40


def test_every_leg_is_called_with_localais_ten_arguments() -> None:
    names = {
        *("BUILD_TYPE", "CUDA_MAJOR_VERSION", "CUDA_MINOR_VERSION", "BASE_IMAGE", "MAKEFLAGS"),
        *("SKIP_DRIVERS", "UBUNTU_VERSION", "UBUNTU_CODENAME", "APT_MIRROR", "APT_PORTS_MIRROR"),
    }
    assert all(set(arguments(leg, Mirrors(), "")) == names for leg in LEGS.values())


def test_the_jetpack_leg_is_called_as_image_yml_calls_it() -> None:
    assert arguments(LEGS["nvidia-l4t-arm64/arm64"], Mirrors(apt_ports_mirror="http://p"), "") == {
        "BUILD_TYPE": "cublas",
        "CUDA_MAJOR_VERSION": "12",
        "CUDA_MINOR_VERSION": "0",
        "BASE_IMAGE": "nvcr.io/nvidia/l4t-jetpack:r36.4.0",
        "MAKEFLAGS": "--jobs=4 --output-sync=target",
        "SKIP_DRIVERS": "true",
        "UBUNTU_VERSION": "2204",
        "UBUNTU_CODENAME": "jammy",
        "APT_MIRROR": "",
        "APT_PORTS_MIRROR": "http://p",
    }


def test_a_leg_without_cuda_gets_both_cuda_arguments_empty_as_localais_do() -> None:
    given = arguments(LEGS["core/amd64"], Mirrors(), "")
    assert (given["CUDA_MAJOR_VERSION"], given["CUDA_MINOR_VERSION"]) == ("", "")


def test_what_enters_the_image_enters_its_hash_and_where_from_does_not() -> None:
    leg = LEGS["core/amd64"]
    first = ServerInputs(leg, "context", "base").digest
    others = {
        ServerInputs(leg, "another", "base").digest,
        ServerInputs(leg, "context", "another").digest,
        ServerInputs(replace(leg, arch="arm64"), "context", "base").digest,
        ServerInputs(replace(leg, build_type="x"), "context", "base").digest,
        ServerInputs(replace(leg, cuda="9.9"), "context", "base").digest,
        ServerInputs(replace(leg, jobs=9), "context", "base").digest,
        ServerInputs(replace(leg, ubuntu="2204"), "context", "base").digest,
        ServerInputs(replace(leg, codename="jammy"), "context", "base").digest,
        ServerInputs(replace(leg, skip_drivers=True), "context", "base").digest,
    }
    assert len({first, *others}) == 10
    same = replace(leg, base_image="mirror/x", runner="r", platform_tag="")
    assert ServerInputs(same, "context", "base").digest == first


def test_a_revision_that_the_tree_is_not_of_is_refused() -> None:
    assert agreed("core/amd64", "", SHA) == SHA
    with pytest.raises(InputError, match=r"the tree is of 0+, and --revision says abc"):
        agreed("core/amd64", "abc", SHA)
