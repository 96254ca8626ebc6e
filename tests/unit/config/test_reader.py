"""YAML input: every fault names file, line and remedy."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.config.model import Strict
from localai_ci.config.reader import load, parse
from localai_ci.errors import InputError


class Box(Strict):
    name: str
    sizes: tuple[int, ...] = ()


class Shelf(Strict):
    boxes: list[Box]


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "shelf.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_sound_file_becomes_its_model(tmp_path: Path) -> None:
    shelf, document = load(write(tmp_path, "boxes:\n  - name: a\n    sizes: [1, 2]\n"), Shelf)
    assert shelf.boxes[0].sizes == (1, 2)
    assert document.line(("boxes", 0, "sizes")) == 3


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    shelf, _ = load(write(tmp_path, b"\xef\xbb\xbfboxes:\r\n  - name: a\r\n"), Shelf)
    assert shelf.boxes[0].name == "a"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("boxes:\n  - name: a\n    size: [1]\n", 3, "unknown key"),
        ("boxes:\n  - sizes: [1]\n", 2, "this key is missing"),
        ("boxes:\n  - name: a\n    sizes:\n      - one\n", 4, "valid integer"),
        ("boxes:\n  - name: a\n    name: b\n", 3, "twice"),
        ("boxes:\n\t- name: a\n", 2, "not valid YAML"),
        ("boxes: [1\n", 2, "not valid YAML"),
        ("", 1, "keys with values are expected here, not nothing"),
        (b"boxes: \xff\n", None, "not UTF-8"),
    ],
)
def test_a_fault_names_file_line_and_reason(
    tmp_path: Path, text: str | bytes, line: int | None, words: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=words) as caught:
        load(path, Shelf)
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "boxes:\n  - name: 1\n  - sizes: x\n")
    with pytest.raises(InputError) as caught:
        load(path, Shelf)
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        parse(tmp_path / "none.yaml")


def test_an_anchor_inside_itself_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="an alias repeats a part"):
        parse(write(tmp_path, "boxes: &a\n  - *a\n"))


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000 + "x",
        "? " * 50_000 + "x",
        "".join(" " * i + "a:\n" for i in range(600)),
        "boxes:\n" + "  - {name: a}\n" * 200_000,
        "a" * (5 << 20),
        "boxes: 2024-99-99\n",
        'boxes: !!int ""\n',
        "boxes: !!python/object:os.system {}\n",
        "boxes: !!binary x\n",
        "? [a]\n: b\n",
        "boxes: " + "9" * 5000,
        "boxes: !!float x\n",
        "boxes: !!timestamp x\n",
        "boxes: \x00\n",
        "boxes: 190:20:99999999999:9.9e\n",
    ],
    ids=range(18),
)
def test_what_would_hurt_is_refused_soon_and_with_its_place(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        load(path, Shelf)
    assert time.process_time() - began < 5
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < len(str(path)) + 400


@given(st.text("ab:-[]{}&*!?|>'\"#%@,\n 0.\x1b~", max_size=60))
def test_any_text_is_a_shelf_or_an_error_in_words(text: str) -> None:
    try:
        load(Path("shelf.yaml"), Shelf, text.encode())
    except InputError as e:
        told = str(e)
    else:
        told = "shelf.yaml"
    assert told.startswith("shelf.yaml")
    assert "\x1b" not in told


def test_a_file_that_is_something_else_is_not_told(tmp_path: Path) -> None:
    netrc = "machine registry.example login robot password hunter2-hunter2\n"
    with pytest.raises(InputError) as caught:
        load(write(tmp_path, netrc), Shelf)
    assert "hunter2" not in str(caught.value)
    assert "robot" not in str(caught.value)
