"""The module as Dagger shows it: every function and argument says what it is."""

import json
from typing import Any

import pytest
from live import Engine

QUERY = """
{ __schema { types { name description fields { name description args { name description } } } } }
"""


@pytest.fixture(scope="module")
def objects(engine: Engine) -> dict[str, Any]:
    """The module's own object types, from the engine's schema."""
    done = engine.dagger("query", stdin=QUERY)
    assert done.returncode == 0, done.stderr[-3000:]
    types = json.loads(done.stdout)["__schema"]["types"]
    return {t["name"]: t for t in types if t["name"].startswith("LocalaiCi") and t["fields"]}


def test_every_object_function_and_argument_is_documented(
    objects: dict[str, Any],
) -> None:
    assert "LocalaiCi" in objects
    bare = []
    for name, declared in objects.items():
        bare += [] if declared["description"] else [name]
        for function in declared["fields"]:
            if function["name"] == "id":
                continue
            bare += [] if function["description"] else [f"{name}.{function['name']}"]
            bare += [
                f"{name}.{function['name']}({argument['name']})"
                for argument in function["args"]
                if not argument["description"]
            ]
    assert bare == []


def test_functions_lists_them_with_their_purpose(engine: Engine) -> None:
    listed = engine.dagger("functions").stdout
    for name in ("variants", "build-base", "grpc", "toolchain"):
        assert name in listed


def test_no_help_text_is_taken_for_an_arguments_placeholder(objects: dict[str, Any]) -> None:
    """The CLI prints what stands between backquotes in place of the argument's type."""
    quoted = [
        argument["name"]
        for declared in objects.values()
        for function in declared["fields"]
        for argument in function["args"]
        if "`" in argument["description"]
    ]
    assert quoted == []
