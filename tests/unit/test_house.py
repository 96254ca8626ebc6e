"""The house keeps its order: which room may import which, and one name a thing."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import localai_ci

PACKAGE = Path(localai_ci.__file__).parent

FLOOR = ("errors", "files", "json_text", "names", "text")
"""What every room may import, and what imports no room."""

MODULE = ("main", "module")
"""The Dagger module: its objects, what its functions take, and what only they put together."""

ROOMS = ("oci", "config", "matrix", "bases", "backends", "plan", "release")
"""From the ground up: each may import what stands before it here."""

ARROWS = {
    "oci": (),
    "config": (),  # not even oci: either could be a package of its own
    **{room: ROOMS[:level] for level, room in enumerate(ROOMS) if level > 1},
    "cli": ROOMS,
    "module": ROOMS,  # and never the command line, nor the other way round
}
"""Which rooms a room may import, besides itself and the floor."""

WITHOUT_DAGGER = ("oci", "config", "matrix", "plan", "release", "cli")
"""Rooms that no engine is needed for; nor do they reach one through another room."""

DECORATORS = {
    *("function", "object_type", "enum_type", "interface", "field", "check", "generate"),
    *("Doc", "Name", "Ignore", "DefaultPath"),
}
DECLARED = ("module.", "main")
"""Where the words that declare a Dagger module may stand."""

SHARED_NAMES = {
    "__init__.py": "what Python asks for",
    "errors.py": "of the program, and of a registry's answers",
    "recipe.py": "bases and backends: what is made, decided without an engine",
    "build.py": "bases and backends: made on the engine",
    "limits.py": "the bounds of what oci reads, and of what plan writes",
    "publish.py": "bases and backends: pushed",
    "report.py": "bases, backends and plan: what was made or decided, told",
    "estimates.py": "the model of a file, what is reckoned with it, and the command that fills it",
    "merge.py": "what merges, and its command",
    "receipt.py": "the model, and the command that makes one of what was built elsewhere",
}
"""File names that stand more than once, because each does for its room what the others do."""


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the package by its name without the package's."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): (
            ast.parse(path.read_text("utf-8"))
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(name: str, *, when_loaded: bool = False) -> Iterator[str]:
    """The modules that a module imports, anywhere in it or only as it is loaded."""
    tree = trees()[name]
    for node in tree.body if when_loaded else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports by dots"
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole.removeprefix("localai_ci.") in trees() else node.module


def own_imports(name: str, *, when_loaded: bool = False) -> Iterator[str]:
    """Those of this package."""
    for module in imports(name, when_loaded=when_loaded):
        if module.startswith("localai_ci."):
            yield module.removeprefix("localai_ci.")


def room_of(module: str) -> str:
    first = module.partition(".")[0]
    return "module" if first in MODULE else first


def test_every_module_is_in_a_room() -> None:
    assert {room_of(name) for name in trees() if name != "__init__"} == {*ARROWS, *FLOOR}


def test_each_room_imports_only_from_those_below_it() -> None:
    wrong = [
        f"{name} imports {found}"
        for name in trees()
        for found in own_imports(name)
        if (there := room_of(found)) not in {room_of(name), *FLOOR}
        and there not in ARROWS.get(room_of(name), ())
    ]
    assert not wrong


def test_no_module_is_named_by_a_string_where_no_arrow_would_see_it() -> None:
    found = {
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute | ast.alias)
        if {"import_module", "__import__", "importlib"}
        & {getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "name", "")}
    }
    assert found == set()


def calls(name: str) -> set[str]:
    """What a module calls by an attribute: ``json.loads``, ``model_validate_json``."""
    found = set()
    for node in ast.walk(trees()[name]):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
            if isinstance(node.value, ast.Name):
                found.add(f"{node.value.id}.{node.attr}")
    return found


WRITES_JSON = {
    "json_text": "for people and programs",
    **dict.fromkeys(
        ("oci.referrers", "release.artifacts", "release.index", "backends.input_hash"),
        "bytes that a digest or a hash is made of",
    ),
    **dict.fromkeys(("bases.recipe", "backends.recipe", "backends.server_call"), "the same"),
    **dict.fromkeys(("backends.dockerfile_use", "backends.go_links"), "text that is compared"),
    "backends.go_list": "a file for go, and words of a Go program",
    "backends.ccache": "a file in an image",
    "oci.docker_config": "a file for cosign",
    "release.schemas": "our own words",
    "config.yaml_edit": "a scalar of YAML",
    "release.kept": "a blob",
    "release.journal": "rows of a result, whose words are printable",
}
"""Who writes JSON without `json_text.write`, and what for."""


def test_json_is_read_in_one_place_and_leaves_through_one() -> None:
    reads = {"json.loads", "json.load", "model_validate_json"}
    writes = {"json.dumps", "json.dump", "model_dump_json"}
    assert {n for n in trees() if calls(n) & reads} == {"json_text"}
    assert {n for n in trees() if calls(n) & writes} == set(WRITES_JSON)


def test_only_one_place_speaks_to_a_terminal() -> None:
    speak = {"sys.stdout", "sys.stderr", "traceback.print_exc", "library.dump_all"}
    found = {name for name, tree in trees().items() if calls(name) & speak or _prints(tree)}
    assert found == {"text", "cli.output", "cli.merge"}


def _prints(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        for node in ast.walk(tree)
    )


def test_only_the_module_declares_what_dagger_shows() -> None:
    found = {
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "dagger"
        if DECORATORS & {alias.name for alias in node.names}
    }
    assert {name for name in found if not name.startswith(DECLARED)} == set()


def test_what_needs_no_engine_imports_no_dagger() -> None:
    wrong = [
        f"{name} imports {found}"
        for name in trees()
        if room_of(name) in (*WITHOUT_DAGGER, *FLOOR)
        for found in imports(name)
        if found.partition(".")[0] == "dagger"
    ]
    assert not wrong


def test_what_needs_no_engine_reaches_no_dagger_through_others() -> None:
    for start in trees():
        if room_of(start) not in WITHOUT_DAGGER:
            continue
        reached: set[str] = set()
        queue = [start, *own_imports(start)]
        while queue:
            name = queue.pop()
            if name not in reached:
                reached.add(name)
                queue += own_imports(name, when_loaded=True)
                queue += [name.rpartition(".")[0]] if "." in name else []  # loaded before it
        loading = {
            name
            for name in reached
            if any(found.startswith("dagger") for found in imports(name, when_loaded=True))
        }
        assert not loading, f"{start} loads {loading}"


def test_no_class_name_stands_twice() -> None:
    places = defaultdict(list)
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_file_name_stands_twice_only_where_rooms_do_the_same_thing() -> None:
    names = Counter(path.name for path in PACKAGE.rglob("*.py"))
    assert {name for name, count in names.items() if count > 1} == set(SHARED_NAMES)
