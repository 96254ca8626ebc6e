"""The module as Dagger shows it: what every engine that people run asks of it."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from dagger_engine import Engine

ARGUMENT = "args { name description defaultValue type { kind name ofType { kind name } } }"
QUERY = f"""
{{ __schema {{ types {{
    name kind description enumValues {{ name description }}
    fields {{ name description {ARGUMENT} }}
}} }} }}
"""


@pytest.fixture(scope="module")
def types(engine: Engine) -> list[dict[str, Any]]:
    """The types that the module declares, from the engine's schema."""
    done = engine.dagger("query", stdin=QUERY)
    assert done.returncode == 0, done.stderr[-3000:]
    known = json.loads(done.stdout)["__schema"]["types"]
    return [t for t in known if t["name"].startswith("LocalaiCi")]


def functions(types: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every function that somebody wrote, by ``Object.function``."""
    made_by_the_engine = {"id", "sync"}
    found = {f"{t['name']}.{f['name']}": f for t in types for f in t["fields"] or ()}
    return {name: f for name, f in found.items() if f["name"] not in made_by_the_engine}


def arguments(types: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every argument, by ``Object.function(argument)``."""
    return {
        f"{name}({argument['name']})": argument
        for name, function in functions(types).items()
        for argument in function["args"]
    }


def test_every_object_function_argument_and_value_is_documented(
    types: list[dict[str, Any]],
) -> None:
    assert "LocalaiCi" in {t["name"] for t in types}
    described = {t["name"]: t for t in types} | functions(types) | arguments(types)
    described |= {f"{t['name']}.{v['name']}": v for t in types for v in t["enumValues"] or ()}
    assert [name for name, it in described.items() if not (it["description"] or "").strip()] == []


def test_no_enum_is_optional(types: list[dict[str, Any]]) -> None:
    """Dagger 0.21 takes the default null for an enum's value that is called nothing."""
    enums = {t["name"] for t in types if t["kind"] == "ENUM"}
    assert enums
    taking = {
        name: argument
        for name, argument in arguments(types).items()
        if {argument["type"]["name"], (argument["type"]["ofType"] or {}).get("name")} & enums
    }
    assert taking
    optional = [name for name, a in taking.items() if a["type"]["kind"] != "NON_NULL"]
    assert optional == []
    assert [name for name, a in taking.items() if a["defaultValue"] in ("null", '""')] == []


def words(name: str) -> str:
    """A name as the CLI shows it: ``asJson`` is ``as-json``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def test_no_two_names_are_the_same_on_the_command_line(types: list[dict[str, Any]]) -> None:
    objects = [t for t in types if t["fields"]]
    scopes = {t["name"]: [f["name"] for f in t["fields"]] for t in objects}
    scopes |= {name: [a["name"] for a in f["args"]] for name, f in functions(types).items()}
    clashes = {
        scope: [name for name, times in Counter(map(words, names)).items() if times > 1]
        for scope, names in scopes.items()
    }
    assert {scope: names for scope, names in clashes.items() if names} == {}


def test_no_argument_is_called_as_a_flag_of_the_cli_itself(
    engine: Engine, types: list[dict[str, Any]]
) -> None:
    """The CLI's own would win, or it refuses the module."""
    shown = engine.dagger("call", "--no-mod", "--help").stdout
    flags = set(re.findall(r"--([a-z][a-z-]+)", shown))
    assert {"progress", "output", "mod", "silent"} <= flags
    assert [name for name, a in arguments(types).items() if words(a["name"]) in flags] == []


def test_functions_is_a_table_that_fits_a_screen(engine: Engine) -> None:
    listed = engine.dagger("functions").stdout
    assert re.search(r"^build-base +\S", listed, re.MULTILINE)
    assert len(listed.strip().splitlines()) <= 24
    assert max(map(len, listed.splitlines())) <= 120


def test_no_help_text_is_taken_for_an_arguments_placeholder(types: list[dict[str, Any]]) -> None:
    """The CLI prints what stands between backquotes in place of the argument's type."""
    assert [name for name, a in arguments(types).items() if "`" in a["description"]] == []
