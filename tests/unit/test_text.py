"""Text from somewhere else, as it may leave for a terminal, a log or a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.text import listed, plural, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, and ä", "plain, and ä"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x7f\x9b", r"\x7f\x9b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udce9.go", r"\udce9.go"),
        ("::set-output x", r":\:set-output x"),
        ("a ##[group]", r"a #\#\[group]"),
    ],
)
def test_what_a_terminal_or_a_runner_would_act_on_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_callers_own_lines_stay() -> None:
    assert printable("a\n\tb\r\x1b", lines=True) == "a\n\tb\\r\\x1b"


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_unseen_is_left_in_any_text(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in shown)
    shown.encode()  # no lone surrogate is left


def test_many_names_become_the_first_and_a_number() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert (plural(1, "job"), plural(2, "job")) == ("1 job", "2 jobs")
