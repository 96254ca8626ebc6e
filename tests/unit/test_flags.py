"""Flags are declared once, and every function that takes them takes each under its own name."""

import inspect
from dataclasses import fields

import anyio
import pytest

from localai_ci.functions.flags import BackendFlags, BaseFlags, KeptFlags, spread
from localai_ci.main import LocalaiCi

TAKEN = {
    "build_base": BaseFlags,
    "grpc": BaseFlags,
    "toolchain": BaseFlags,
    "publish_base": BaseFlags,
    "build_backend": KeptFlags,
    "publish_backend": KeptFlags,
    "backend_report": BackendFlags,
    "smoke": BackendFlags,
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_function_takes_every_field_as_a_flag_and_never_the_whole(name: str) -> None:
    taken = inspect.signature(getattr(LocalaiCi, name)).parameters
    declared = inspect.signature(TAKEN[name]).parameters
    for field in fields(TAKEN[name]):
        assert taken[field.name].annotation == declared[field.name].annotation
        assert taken[field.name].default == declared[field.name].default
    assert "flags" not in taken


@pytest.mark.parametrize("name", ["backend_report", "smoke"])
def test_what_only_looks_cannot_write_a_cache(name: str) -> None:
    assert "ccache_save" not in inspect.signature(getattr(LocalaiCi, name)).parameters


def test_flags_arrive_as_one_object_beside_the_functions_own() -> None:
    class Shown:
        @spread
        async def show(self, flags: BaseFlags, loud: bool = False) -> str:
            return f"{flags.variant} {flags.epoch} {loud}"

    async def call() -> str:
        return await Shown().show(variant="cuda-12-amd64", epoch="2026-W47", loud=True)

    assert anyio.run(call) == "cuda-12-amd64 2026-W47 True"


def test_a_missing_flag_is_named() -> None:
    class Shown:
        @spread
        async def show(self, flags: BaseFlags) -> str:
            return flags.variant

    with pytest.raises(TypeError, match="variant"):
        anyio.run(Shown().show)
