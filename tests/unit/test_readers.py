"""Each reader of what comes from elsewhere is given its bound, and one more: an error, soon.

The wire's own bounds (answers, headers, redirects, pages, rows) are tried against real sockets in
tests/registry/test_wire.py and test_odd_registries.py.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcome import outcome

from localai_ci import json_text
from localai_ci.backends.ccache import inputs_in
from localai_ci.backends.package_check import read as read_package
from localai_ci.backends.pins import Pin, address, submodules
from localai_ci.backends.slices import listing
from localai_ci.bases.report import load_report
from localai_ci.config import bounds
from localai_ci.config.estimates import load_estimates
from localai_ci.config.foreign import walk
from localai_ci.config.globs import compiled
from localai_ci.config.reader import parse
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.matrix.loading import MATRIX_PATHS, matrix_in_tree
from localai_ci.matrix.rules import load_inputs
from localai_ci.matrix.tree import Tree, read_inside
from localai_ci.oci import limits
from localai_ci.oci.credentials import Keyring
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.manifests import Manifest, parts
from localai_ci.oci.pages import next_page
from localai_ci.plan.change import parse_list
from localai_ci.plan.estimates import from_receipts
from localai_ci.plan.proto import breaking_changes
from localai_ci.release.inbox import read_folder
from localai_ci.release.promise import read_promise
from localai_ci.release.result import MergeResult

DEEP = "[" * 100_000
NUMBER = '{"a": ' + "9" * 400 + "}"
HUGE = '{"a": 1e999}'
TWICE = '{"a": 1, "a": 2}'
ODD_JSON = {
    "deep": DEEP,
    "deep object": '{"a":' * 100_000,
    "closed": "[" * 5_000 + "]" * 5_000,
    "one too deep": "[" * (json_text.DEPTH + 1) + "]" * (json_text.DEPTH + 1),
    "number": NUMBER,
    "exponent": HUGE,
    "huge exponent": '{"a": 1e' + "9" * 1000 + "}",
    "nan": '{"a": NaN}',
    "infinity": '{"a": -Infinity}',
    "twice": TWICE,
    "half": '{"a": "\\ud800"}',
    "utf-16": '{"a": 1}'.encode("utf-16").decode("latin-1"),
    "nothing": "",
    "many": "[" + "1," * json_text.NODES + "1]",
}
"""Texts that are no JSON here."""


@pytest.mark.parametrize("name", ODD_JSON)
def test_odd_json_is_refused_soon(name: str) -> None:
    def read() -> object:
        with pytest.raises(ValueError, match=r"\S") as caught:
            json_text.read(ODD_JSON[name].encode())
        assert len(str(caught.value)) < 200
        return None

    assert outcome(read) is None


WORD = st.text(st.characters(codec="utf-8"), max_size=20)
LEAF = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | WORD | st.floats(-1e9, 1e9)


@given(
    st.recursive(
        LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORD, inner, max_size=4)
    )
)
def test_what_is_json_reads_as_pythons_own_reader_does(value: object) -> None:
    text = json.dumps(value)
    assert json_text.read(text) == json.loads(text)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_a_value_or_an_error(data: bytes | str) -> None:
    said = "a value"
    try:
        json_text.read(data)
    except ValueError as e:
        said = str(e)
    assert 0 < len(said) < 200


def test_json_at_its_bounds_is_read() -> None:
    json_text.read("[" * json_text.DEPTH + "]" * json_text.DEPTH)
    json_text.read('["' + "[" * 1000 + '\\"' + "{" * 1000 + '"]')
    json_text.read("9" * json_text.DIGITS)
    with pytest.raises(ValueError, match="more than 10 bytes"):
        json_text.read("[" + " " * 10 + "]", 10)


JSON_FILES: dict[str, tuple[Callable[[Path], object], int]] = {
    "receipt": (lambda path: read_folder(path.parent), bounds.RECEIPT_BYTES),
    "receipt for estimates": (lambda path: from_receipts(path.parent), bounds.RECEIPT_BYTES),
    "plan": (read_promise, bounds.PLAN_BYTES),
    "merge result": (MergeResult.read, bounds.PLAN_BYTES),
    "docker config": (
        lambda path: asyncio.run(Keyring(config=path.parent).find("quay.io")),
        limits.CONFIG_BYTES,
    ),
    "toolchain": (load_report, bounds.YAML_BYTES),
}


@pytest.mark.parametrize("name", JSON_FILES)
@pytest.mark.parametrize("odd", [*ODD_JSON, "large"])
def test_a_file_of_odd_json_is_an_error_with_its_place(name: str, odd: str, tmp_path: Path) -> None:
    read, longest = JSON_FILES[name]
    path = tmp_path / ("config.json" if name == "docker config" else "cpu-x--amd64.json")
    path.write_bytes(b" " * (longest + 1) if odd == "large" else ODD_JSON[odd].encode())
    found = outcome(lambda: read(path))
    assert isinstance(found, LocalaiCiError)
    assert tmp_path.name in str(found)


@pytest.mark.parametrize("name", [name for name in JSON_FILES if name.startswith("receipt")])
def test_what_is_no_plain_file_is_never_opened_as_a_receipt(name: str, tmp_path: Path) -> None:
    read, _ = JSON_FILES[name]
    secret = tmp_path / "secret"
    secret.write_text('{"entry": "cpu-x/amd64", "seconds": 5, "canary": 1}')
    folder = tmp_path / "receipts"
    folder.mkdir()
    (folder / "folder.json").mkdir()
    (folder / "chain.json").symlink_to(folder / "link.json")
    (folder / "link.json").symlink_to(secret)
    (folder / "loop.json").symlink_to("loop.json")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.json")
    found = outcome(lambda: read(folder / "x.json"))
    assert isinstance(found, LocalaiCiError)
    assert "canary" not in str(found)


def test_more_receipts_than_a_run_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "RECEIPTS", 3)
    for number in range(4):
        (tmp_path / f"{number}.json").write_text("{}")
    for read, _ in (JSON_FILES["receipt"], JSON_FILES["receipt for estimates"]):
        with pytest.raises(InputError, match="more than 3 receipts"):
            read(tmp_path / "0.json")


@pytest.mark.parametrize("odd", ODD_JSON)
def test_odd_json_of_a_registry_is_the_registrys_fault(odd: str) -> None:
    raw = ODD_JSON[odd].encode()

    def manifest() -> object:
        with pytest.raises(ValueError, match="not the manifest of one image"):
            parts(Manifest(raw, "application/vnd.oci.image.manifest.v1+json"))
        return None

    assert outcome(manifest) is None


@pytest.mark.parametrize(
    "config",
    [
        {"mediaType": ["x"], "digest": "sha256:" + "0" * 64, "size": 1},
        {"mediaType": "x", "digest": {"a": 1}, "size": 1},
        {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": "1"},
        {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": True},
        {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1.5},
    ],
)
def test_a_descriptor_of_other_kinds_is_none(config: object) -> None:
    raw = json.dumps({"config": config, "layers": []}).encode()
    with pytest.raises(ValueError, match="not the manifest"):
        parts(Manifest(raw, ""))


GOOD = {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1}


@pytest.mark.parametrize(
    "odd",
    [
        {"config": GOOD, "layers": [GOOD], "Layers": [GOOD | {"size": 2}]},
        {"config": GOOD, "CONFIG": GOOD, "layers": []},
        {"config": GOOD, "layers": [GOOD | {"Digest": "sha256:" + "1" * 64}]},
        {"config": GOOD, "layers": [], "Manifests": []},
        *([1], "config", 5, None, {"config": [5], "layers": []}, {"config": GOOD, "layers": [7]}),
    ],
)
def test_a_manifest_that_other_readers_take_for_another_image_is_none(odd: object) -> None:
    with pytest.raises(ValueError, match="not the manifest"):
        parts(Manifest(json.dumps(odd).encode(), ""))
    plain = {"config": GOOD | {"annotations": {"Digest": "x"}}, "layers": [], "Foo": 1, "foo": 2}
    assert parts(Manifest(json.dumps(plain).encode(), ""))


def test_a_long_challenge_is_refused() -> None:
    from localai_ci.oci.auth import _read_challenge

    assert _read_challenge("Basic " + "x" * (limits.CHALLENGE - 6), "r") == {"basic": {}}
    with pytest.raises(RegistryError, match="more than 4096"):
        _read_challenge("Basic " + "x" * limits.CHALLENGE, "r")


TEXTS: dict[str, Callable[[], object]] = {
    "yaml bytes": lambda: parse(Path("x.yaml"), b" " * (bounds.YAML_BYTES + 1)),
    "yaml nodes": lambda: parse(Path("x.yaml"), b"- 1\n" * (bounds.YAML_NODES + 1)),
    "yaml depth": lambda: parse(Path("x.yaml"), b"- " * (bounds.YAML_DEPTH + 1) + b"1"),
    "yaml flow depth": lambda: parse(Path("x.yaml"), b"[" * (bounds.YAML_DEPTH + 1)),
    "yaml merge key": lambda: parse(Path("x.yaml"), b"<<: {a: 1}\nb: 2"),
    "yaml alias": lambda: parse(Path("x.yaml"), b"a: &a [1]\nb: *a"),
    "yaml twice": lambda: parse(Path("x.yaml"), b"a: 1\na: 2"),
    "yaml not a number": lambda: parse(Path("x.yaml"), b"a: .nan"),
    "yaml endless number": lambda: parse(Path("x.yaml"), b"a: -.inf"),
    "yaml exponent": lambda: parse(Path("x.yaml"), b"a: 1.0e+" + b"9" * 400),
    "yaml digits": lambda: parse(Path("x.yaml"), b"a: " + b"9" * 5000),
    "yaml binary": lambda: parse(Path("x.yaml"), b"a: !!binary aaaa"),
    "yaml python": lambda: parse(Path("x.yaml"), b"a: !!python/object/apply:os.system [id]"),
    "yaml documents": lambda: parse(Path("x.yaml"), b"a: 1\n---\nb: 2"),
    "list bytes": lambda: parse_list(b"a\n" * (bounds.LIST_BYTES // 2 + 1), "list"),
    "list path": lambda: parse_list(b"a" * (bounds.PATH_LENGTH + 1), "list"),
    "list of deep json": lambda: parse_list(DEEP.encode(), "list"),
    "list of json twice": lambda: parse_list(TWICE.encode(), "list"),
    "address": lambda: address("https://a.b/" + "a" * bounds.ADDRESS_LENGTH, "Makefile:1"),
    "submodules": lambda: submodules(
        "localai-ci links\n" + "".join(
            f"160000 {'0' * 40} 0\tm{n}\n" for n in range(bounds.SUBMODULES + 2)
        ),
        Pin("https://a.b/c", "0" * 40),
    ),
    "glob": lambda: compiled(["a" * (bounds.GLOB_LENGTH + 1)], where="inputs.yaml:1"),
    "glob choices": lambda: compiled(["{a,b}" * 9], where="inputs.yaml:1"),
    "rules": lambda: load_inputs(
        Path("inputs.yaml"),
        b"roots: [a]\nmatrix: []\nrules:\n"
        + b"".join(b"- {name: r%d, paths: [a], note: x}\n" % n for n in range(bounds.RULES + 1)),
    ),
    "estimates": lambda: load_estimates(
        Path("estimates.yaml"),
        b"entries:\n" + b"- {match: a, minutes: 1}\n" * (bounds.RULES + 1),
    ),
    "matrix rows": lambda: matrix_in_tree({
        MATRIX_PATHS[2]: b"include:\n" + b"".join(
            b"- {backend: b%d, dockerfile: ./backend/Dockerfile.golang, platforms: linux/amd64,"
            b" tag-suffix: -cpu-b%d, runs-on: ubuntu-latest}\n" % (n, n)
            for n in range(bounds.MATRIX_ROWS + 1)
        )
    }.get),
    "package line": lambda: read_package("f\t1\t" + "7" * 10_000 + "\tx\n\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_beyond_its_bound_is_an_error_with_its_place(name: str) -> None:
    assert isinstance(outcome(TEXTS[name]), LocalaiCiError)


def test_messages_too_deep_are_a_change_that_rebuilds() -> None:
    deep = "message A {" * (bounds.PROTO_DEPTH + 1) + "}" * (bounds.PROTO_DEPTH + 1)
    assert outcome(lambda: [str(one) for one in breaking_changes(deep, deep)])


@pytest.mark.parametrize("text", [DEEP, NUMBER, TWICE, HUGE, "[1]"])
def test_an_odd_description_of_a_cache_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        inputs_in(text)


PROFILES = """\
runners: {amd64: ubuntu-latest}
profiles:
%s
"""


def test_an_own_matrix_cannot_multiply_without_end() -> None:
    """Many profiles times many backends is a short file and a long matrix."""
    profiles = "".join(
        f"  p{n}: {{target: t, suffix: -p{n}, arches: [amd64], base_image: a}}\n"
        for n in range(200)
    )
    backends = (
        "defaults: {tag_latest: auto, context: ./}\n"
        "builds: {golang: {language: go, folder: go}}\nbackends:\n  golang:\n"
        + "".join(f"    b{n}: [t]\n" for n in range(2_000))
    )
    files = {
        MATRIX_PATHS[0]: (PROFILES % profiles).encode(),
        MATRIX_PATHS[1]: backends.encode(),
    }
    found = outcome(lambda: matrix_in_tree(files.get))
    assert isinstance(found, InputError)
    assert "more than 5000 rows" in str(found), found


@pytest.mark.parametrize("gap", ["runs-on: ''", "", "runs-on: null", "runs-on: [a]"])
def test_a_row_without_a_runner_is_an_error_with_its_line(gap: str) -> None:
    row = "backend: b, dockerfile: ./backend/Dockerfile.golang, platforms: linux/amd64,"
    text = f"include:\n- {{{row} tag-suffix: -cpu-b, {gap}}}\n"
    found = outcome(lambda: matrix_in_tree({MATRIX_PATHS[2]: text.encode()}.get))
    assert isinstance(found, InputError), found
    assert f"{MATRIX_PATHS[2]}:2" in str(found)


def test_a_file_of_a_tree_beyond_its_bound_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(bounds.FILE_BYTES + 1)
    assert isinstance(outcome(lambda: read_inside(tmp_path, "large")), InputError)


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3_000):  # deeper than a path can say
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    for read in (
        lambda: listing(tmp_path),
        lambda: Tree(tmp_path).paths,
        lambda: [*walk(tmp_path)],
    ):
        found = outcome(read)
        assert isinstance(found, InputError)
        assert "nested deeper" in str(found)
    _remove(tmp_path / "d")


def _remove(path: Path) -> None:
    """Python's own and rm's way ends where paths are too long; this one goes down by folders."""
    place, depth = os.open(path, os.O_RDONLY), 0
    while os.listdir(place):  # noqa: PTH208 - a path would be too long
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place, depth = inner, depth + 1
    while depth:
        outer = os.open("..", os.O_RDONLY, dir_fd=place)
        os.rmdir("d", dir_fd=outer)
        os.close(place)
        place, depth = outer, depth - 1
    os.close(place)


def test_more_files_than_any_tree_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TREE_FILES", 3)
    for number in range(4):
        (tmp_path / f"{number}").touch()
    for read in (lambda: listing(tmp_path), lambda: Tree(tmp_path).paths):
        with pytest.raises(InputError, match="more than 3 files"):
            read()


def test_a_pipe_or_a_device_in_a_tree_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a link"):
        listing(tmp_path)
    assert Tree(tmp_path).paths == {"pipe"}
    with pytest.raises(InputError, match="not a plain file"):
        read_inside(tmp_path, "pipe")


LINKS = {
    '<a>; rel="next"': "a",
    "a?x=g%3D&n=50; rel=next": "a?x=g%3D&n=50",
    '<a>; rel=prev, <b>; title="x, y; rel=next"; REL="last next"': "b",
    "<a>;rel=next2": None,
    "<a>; title=rel=next": None,
    "<>; rel=next": "",
    "": None,
}


@pytest.mark.parametrize("link", LINKS)
def test_the_next_page_is_the_one_of_the_relation(link: str) -> None:
    assert next_page(link) == LINKS[link]


@pytest.mark.parametrize(
    "link",
    [
        *(
            "<a>;rel=" + " " * 8_000,
            "<" * 8_000,
            " " * 8_000 + ";",
            "<a>" + ";" * 8_000,
            "a" * 8_000,
        ),
        *('<a>;rel="' + "a " * 4_000, '<a>;x="' + ';"' * 4_000, "; " * 4_000, '>;"' * 2_700),
    ],
)
def test_a_link_header_is_read_in_no_time(link: str) -> None:
    began = time.process_time()
    next_page(link)
    assert time.process_time() - began < 0.2


@given(st.text('<>;,=" \t\u3000arelnxt', max_size=80))
def test_any_link_header_is_an_address_or_none(link: str) -> None:
    found = next_page(link)
    assert found is None or found in link
