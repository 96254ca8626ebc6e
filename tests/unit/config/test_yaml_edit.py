"""Edits of YAML in place: the right data, and every other line as it was."""

from collections.abc import Callable
from difflib import ndiff
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from localai_ci.config.yaml_edit import YamlText, scalar
from localai_ci.errors import InputError

TEXT = """\
# head: ünïcode
defaults: {context: ./, tag: auto}  # shared

builds:
  go:      {language: go}
  # about python
  python:  {language: python, folder: "backend/{backend}"}

backends:
  go:
    whisper:   [cpu, cuda12]   # fast
    # silent
    opus:      [cpu]
  python: {vllm: [cpu]}

list:
  - a  # first
  # between
  - b
items:
  - reason: >-
      Folded,
      over lines.

    set: {x: "1"}
  # before the second
  - reason: plain
    names:
      [one, two,
       three]
    set: {x: "2", y: true}
# the end
"""


def changed(edit: Callable[[YamlText], None], text: str = TEXT) -> tuple[Any, list[str]]:
    """The new data, and the lines that differ."""
    file = YamlText(text)
    edit(file)
    lines = [x for x in ndiff(text.splitlines(), file.text.splitlines()) if x[0] in "+-"]
    return yaml.safe_load(file.text), lines


def test_a_value_is_replaced_with_its_quotes() -> None:
    data, lines = changed(lambda f: f.set_scalar(("items", 0, "set", "x"), "9"))
    assert data["items"][0]["set"]["x"] == "9"
    assert lines == ['-     set: {x: "1"}', '+     set: {x: "9"}']


def test_a_new_key_stands_where_its_neighbours_values_do() -> None:
    _, lines = changed(lambda f: f.add_key(("backends", "go"), "ced", "[cpu]", after=""))
    assert lines == ["+     ced:       [cpu]"]
    _, lines = changed(lambda f: f.add_key(("builds",), "rust", "{language: rust}", after="go"))
    assert lines == ["+   rust:    {language: rust}"]
    _, lines = changed(lambda f: f.add_key(("backends", "python"), "mlx", "[cpu]"))
    assert lines[-1] == "+   python: {vllm: [cpu], mlx: [cpu]}"


def test_a_removed_key_leaves_the_comments_around_it() -> None:
    data, lines = changed(lambda f: f.remove_key(("backends", "go", "opus")))
    assert lines == ["-     opus:      [cpu]"]
    assert list(data["backends"]["go"]) == ["whisper"]
    data, lines = changed(lambda f: f.remove_key(("items", 1, "set", "x")))
    assert data["items"][1]["set"] == {"y": True}
    assert lines == ['-     set: {x: "2", y: true}', "+     set: {y: true}"]


def test_a_list_keeps_its_form_and_its_comments() -> None:
    data, lines = changed(lambda f: f.set_list(("list",), ["b", "c"]))
    assert data["list"] == ["b", "c"]
    assert lines == ["-   - a  # first", "+   - c"]
    data, lines = changed(lambda f: f.set_list(("backends", "go", "whisper"), ["cpu", "rocm"]))
    assert lines == [
        "-     whisper:   [cpu, cuda12]   # fast", "+     whisper:   [cpu, rocm]   # fast",
    ]  # fmt: skip


def test_a_list_that_grows_too_long_is_wrapped_and_unwrapped_again() -> None:
    names = [f"backend-number-{n}" for n in range(12)]
    file = YamlText(TEXT)
    file.set_list(("items", 1, "names"), names)
    assert yaml.safe_load(file.text)["items"][1]["names"] == names
    assert max(map(len, file.text.splitlines())) <= 98
    file.set_list(("items", 1, "names"), names[:2])
    assert "    names: [backend-number-0, backend-number-1]\n" in file.text


def test_an_item_is_added_behind_another_and_removed_without_its_neighbours() -> None:
    data, lines = changed(lambda f: f.add_item(("items",), "reason: new\nset: {x: '3'}", at=0))
    assert [x["set"]["x"] for x in data["items"]] == ["1", "3", "2"]
    assert lines == ["+   - reason: new", "+     set: {x: '3'}"]
    data, lines = changed(lambda f: f.remove_item(("items", 0)))
    assert len(data["items"]) == 1
    assert "# before the second" not in "".join(lines)


def test_the_last_item_leaves_an_empty_list_and_the_first_one_fills_it() -> None:
    file = YamlText(TEXT)
    for _ in range(2):
        file.remove_item(("items", 0))
    assert yaml.safe_load(file.text)["items"] == []
    assert "# the end" in file.text
    file.add_item(("items",), "reason: again\nset: {x: '1'}")
    assert yaml.safe_load(file.text)["items"] == [{"reason": "again", "set": {"x": "1"}}]


def test_a_place_of_another_form_is_an_error_in_words() -> None:
    with pytest.raises(InputError, match="builds is not a list"):
        YamlText(TEXT).set_list(("builds",), ["x"])


WORDS = st.one_of(
    st.sampled_from(["12.0", "2404", "true", "null", "~", "cpu@amd64", "a: b", "-x", "a#b", "", "ü",
                     "ubuntu:24.04", "x,y", "[x]", "'", '"', "2026-05-01", "0x1", "1e3", "yes"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")),
            max_size=12),
)  # fmt: skip


@given(WORDS, st.sampled_from(["", '"', "'"]))
def test_every_word_reads_back_as_itself_in_block_and_flow(word: str, quote: str) -> None:
    said = scalar(word, quote=quote)
    assert yaml.safe_load(f"a: {said}\n") == {"a": word}
    assert yaml.safe_load(f"a: [{said}, {{b: {said}}}]\n") == {"a": [word, {"b": word}]}


NAMES = st.lists(
    st.sampled_from([f"n{i}" for i in range(30)]), min_size=1, max_size=20, unique=True
)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), NAMES), max_size=6))
def test_any_row_of_edits_gives_the_data_that_was_asked_for(
    edits: list[tuple[int, list[str]]],
) -> None:
    file = YamlText(TEXT)
    data = yaml.safe_load(TEXT)
    for kind, names in edits:
        if kind == 0:
            file.set_list(("items", 1, "names"), names)
            data["items"][1]["names"] = names
        elif kind == 1:
            file.set_list(("backends", "python", "vllm"), names)
            data["backends"]["python"]["vllm"] = names
        elif kind == 2 and names[0] not in data["backends"]["go"]:
            file.add_key(("backends", "go"), names[0], "[x]")
            data["backends"]["go"][names[0]] = ["x"]
        elif kind == 3 and len(data["backends"]["go"]) > 1:
            name = min(data["backends"]["go"])
            file.remove_key(("backends", "go", name))
            del data["backends"]["go"][name]
        elif kind == 4:
            file.set_list(("list",), names)
            data["list"] = names
    found = yaml.safe_load(file.text)
    assert sorted(found.pop("list")) == sorted(data.pop("list"))  # block lists keep their order
    assert found == data
    for comment in (
        "# head: ünïcode",
        "# shared",
        "# silent",
        "# between",
        "# the end",
        "# before",
    ):
        assert comment in file.text


# What others met with round trips through a YAML library, by its report.


def test_removing_a_key_keeps_the_comment_behind_it() -> None:
    """Comments beside a removed key went with it, the wrong ones (wwkimball/yamlpath 170)."""
    text = "a: 1\n\n# before\ngone: key\n\n# behind\nkept: other\n"
    file = YamlText(text)
    file.remove_key(("gone",))
    assert file.text == "a: 1\n\n# before\n\n# behind\nkept: other\n"


def test_comments_between_blank_lines_stay() -> None:
    """They were dropped by a round trip (pycontribs/ruyaml 115)."""
    text = "test: test\n\n# a comment\n\nend: end\n"
    file = YamlText(text)
    file.set_scalar(("end",), "other")
    assert file.text == text.replace("end: end", "end: other")


def test_a_value_on_its_own_line_stays_there_and_long_lines_stay_long() -> None:
    """Collapsed (usethis-python 109), and wrapped (commit-and-tag-version 214)."""
    text = f"key:\n  value\nlong: {'word ' * 60}end\nlist: [a]\n"
    file = YamlText(text)
    file.set_scalar(("key",), "other")
    file.set_list(("list",), ["a", "b"])
    assert file.text == text.replace("value", "other").replace("[a]", "[a, b]")


def test_quotes_and_a_comment_behind_the_value_stay() -> None:
    """Quotes were lost (gitopscli 152), the comment is a known limit (PyPCAPKit 625)."""
    text = "a: '3.10'  # why\nb: \"3.10\"\nc: 3.10.1 # why\n"
    file = YamlText(text)
    for key, value in {"a": "3.20", "b": "3.20", "c": "3.20"}.items():
        file.set_scalar((key,), value)
    assert file.text == 'a: \'3.20\'  # why\nb: "3.20"\nc: "3.20" # why\n'
