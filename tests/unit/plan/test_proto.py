"""The .proto scanner: declarations and statements, not text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.errors import InputError
from localai_ci.plan.proto import breaking_changes, symbols


def test_strings_keep_what_looks_like_a_comment_or_a_brace() -> None:
    assert symbols('option a = "http://x{;}";') == {"a": 'option a = "http://x{;}"'}


def test_fields_of_a_oneof_and_of_nested_messages_have_their_whole_path() -> None:
    text = "message A { oneof b { string c = 1; } message D { enum E { F = 0; } } }"
    assert {
        "message A.oneof b.c": "string c = 1",
        "message A.message D.enum E.F": "F = 0",
    }.items() <= symbols(text).items()


def test_a_call_with_and_without_a_body_is_the_same_call() -> None:
    one = symbols("service S { rpc Do(A) returns (B) {} }")
    other = symbols("service S { rpc Do(A) returns (B); }")
    assert one["service S.rpc Do"] == other["service S.rpc Do"]


def test_extending_a_reserved_list_reads_as_breaking() -> None:
    assert breaking_changes("message A { reserved 4; }", "message A { reserved 4, 5; }")


def test_a_changed_value_inside_an_options_braces_is_seen() -> None:
    assert breaking_changes("option (x) = { a: 1 };", "option (x) = { a: 2 };")


def test_a_field_that_moves_into_another_message_is_breaking() -> None:
    before = "message A { int32 x = 1; } message B { }"
    assert breaking_changes(before, "message A { } message B { int32 x = 1; }")


def test_an_unfinished_comment_or_string_ends_with_the_file() -> None:
    assert symbols("message A { int32 x = 1; /* never closed")
    assert symbols('option a = "never closed')


def test_a_stray_closing_brace_is_no_crash() -> None:
    assert symbols("} message A { int32 x = 1; }")["message A.x"] == "int32 x = 1"


@given(st.text(alphabet="{};=/*\"'\\\n abcmessage1", max_size=80))
def test_any_text_is_scanned_and_equal_to_itself(text: str) -> None:
    assert breaking_changes(text, text) == ()


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
FIELDS = st.dictionaries(NAMES, st.integers(1, 9), max_size=5)


def message(fields: dict[str, int]) -> str:
    return f"message M {{ {' '.join(f'int32 {n} = {i};' for n, i in fields.items())} }}"


@given(FIELDS, FIELDS)
def test_an_edit_is_additive_exactly_if_every_old_field_stays(
    old: dict[str, int], new: dict[str, int]
) -> None:
    kept = all(new.get(name) == number for name, number in old.items())
    assert (not breaking_changes(message(old), message(new))) == kept


def test_messages_nested_without_an_end_are_refused_at_once() -> None:
    with pytest.raises(InputError, match="nested deeper than 32 levels"):
        breaking_changes("message A {" * 20_000, "")
