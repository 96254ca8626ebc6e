"""The module's objects: what the constructor holds reaches them, and what looks writes nothing."""

import inspect
from dataclasses import MISSING, fields
from typing import Any

import pytest

from localai_ci.cli.merge import merge as console_merge
from localai_ci.main import LocalaiCi
from localai_ci.module.backend import Backend
from localai_ci.module.base import Base
from localai_ci.module.job import PackedJob
from localai_ci.module.server_object import ServerImage
from localai_ci.module.settings import Settings


def test_every_setting_of_the_constructor_reaches_the_objects() -> None:
    given: dict[str, Any] = {field.name: object() for field in fields(LocalaiCi)}
    shared = LocalaiCi(**given).settings
    assert {field.name for field in fields(Settings)} == set(given)
    assert {name: getattr(shared, name) for name in given} == given


def test_no_setting_has_to_be_given() -> None:
    assert [field.name for field in fields(LocalaiCi) if field.default is MISSING] == []


def test_what_a_base_is_asked_for_reaches_it() -> None:
    base: Base = LocalaiCi(mirror="https://mirror.example").base("debian-amd64", "debian:trixie")
    assert (base.variant, base.base_image) == ("debian-amd64", "debian:trixie")
    assert base.recipe.mirrors.mirror == "https://mirror.example"


def test_every_argument_of_backend_is_a_field_of_the_object() -> None:
    asked: dict[str, Any] = {
        name: object() for name in inspect.signature(LocalaiCi.backend).parameters if name != "self"
    }
    made: Backend = LocalaiCi().backend(**asked)
    assert {name: getattr(made, name) for name in asked} == asked
    assert {field.name for field in fields(Backend)} == {*asked, "settings"}


def test_every_argument_of_image_and_job_is_a_field_of_its_object() -> None:
    for function, kind in ((LocalaiCi.image, ServerImage), (LocalaiCi.job, PackedJob)):
        names = [name for name in inspect.signature(function).parameters if name != "self"]
        asked: dict[str, Any] = {name: object() for name in names}
        made = function(LocalaiCi(), **asked)
        assert {name: getattr(made, name) for name in asked} == asked
        assert {field.name for field in fields(kind)} == {*asked, "settings"}


def test_a_run_takes_all_that_its_jobs_take() -> None:
    """But what a plan decides, and where finished images are, which a run publishes itself."""
    job = set(inspect.signature(LocalaiCi.job).parameters)
    run = set(inspect.signature(LocalaiCi.run).parameters)
    assert job - run == {"entries", "kind", "images", "trust"}


@pytest.mark.parametrize("name", ["report", "smoke"])
def test_what_only_looks_cannot_write_a_cache(name: str) -> None:
    assert "ccache_save" not in inspect.signature(getattr(Backend, name)).parameters


def test_the_function_merge_takes_what_the_console_takes_by_the_same_names() -> None:
    """But for what a file of the engine cannot be: the record, its form, and the constructor's."""
    console = set(inspect.signature(console_merge).parameters)
    function = set(inspect.signature(LocalaiCi.merge).parameters) - {"self"}
    assert console - function == {"result", "format_", "registries_file", "epoch"}
    # On the console these are in cosign's own environment.
    assert function - console == {"sign_password", "identity_token"}
