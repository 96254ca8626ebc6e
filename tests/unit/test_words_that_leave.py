"""One gate for every word that leaves: printable, short, and the same words where they are fine."""

import json
import re
import sys
import unicodedata

from attacks import ODD, WORDS, acted_on
from hypothesis import given
from hypothesis import strategies as st

from localai_ci import errors, json_text
from localai_ci.errors import InputError
from localai_ci.text import (
    cut,
    markdown_code,
    markdown_text,
    printable,
    quoted,
    say,
    shortened,
    table,
)


@given(ODD, st.booleans())
def test_what_is_printable_has_nothing_to_act_on_and_stays_as_it_is(text: str, lines: bool) -> None:
    found = printable(text, lines=lines)
    assert acted_on(found) == []
    assert printable(found, lines=lines) == found
    assert lines or not re.search(r"[\n\t]", found)
    found.encode()


def test_every_character_that_is_not_shown_is_escaped() -> None:
    """By Unicode's own table: control, format and surrogate characters, separators."""
    unseen = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    left = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(char := chr(code)) in unseen and printable(char) == char
    ]
    assert left == []


def test_plain_words_of_any_language_stay_as_they_are() -> None:
    for text in ("Grüße, 世界: a::1 # [x] std", "שלום", "a/b-c_d.e:f@g", "100 % `x` | <y>"):
        assert printable(text) == text


@given(ODD, st.integers(1, 300))
def test_what_is_cut_is_short_and_printable(text: str, longest: int) -> None:
    for found in (cut(text, longest), shortened(text, longest), quoted(text, longest)):
        assert len(found) <= longest + 1
        assert acted_on(found) == []


@given(ODD, ODD, ODD)
def test_an_error_is_printable_and_short_whatever_it_names(what: str, where: str, how: str) -> None:
    for error in (
        InputError(what, where=where, remedy=how),
        InputError(what * 30, where=where * 9),
    ):
        text = str(error)
        assert acted_on(text) == []
        assert len(text) < 2 * errors.LONGEST + errors.LONGEST_PLACE + 100
        assert acted_on(error.beside(where)) == []


def test_an_error_keeps_what_a_program_said_last() -> None:
    text = str(InputError(f"first {'x' * 100_000} last"))
    assert text.startswith("first x")
    assert text.endswith("x last")


@given(ODD)
def test_json_is_printable_and_means_what_it_meant(text: str) -> None:
    for indent in (None, 1):
        found = json_text.write({text: [text, {"a": text}]}, indent=indent)
        assert acted_on(found) == []
        assert printable(found, lines=True) == found
        assert json.loads(found) == {text: [text, {"a": text}]}


@given(ODD)
def test_a_log_line_and_a_table_are_printable(text: str) -> None:
    assert acted_on(table(["a"], [[text]])) == []


def test_what_is_said_beside_the_result_is_printable(capsys: object) -> None:
    from _pytest.capture import CaptureFixture

    assert isinstance(capsys, CaptureFixture)
    for word in WORDS:
        say(word)
    assert acted_on(capsys.readouterr().err) == []


@given(ODD)
def test_markdown_shows_text_as_it_is(text: str) -> None:
    """No link, picture, mark, cell or tag comes of it: each sign that makes one is escaped."""
    found = markdown_text(text)
    assert acted_on(found) == []
    bare = re.sub(r"\\.", "", found)
    assert not re.search(r"[`*_\[\]|<>@#!]|://|www\.", bare)
    code = markdown_code(text)
    inner = code.strip("`").strip()
    fence = code[: len(code) - len(code.lstrip("`"))]
    assert fence not in inner or not inner
    assert "\n" not in code
