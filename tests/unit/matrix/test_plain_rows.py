"""LocalAI's matrix read line by line says what it says as YAML, or is left to YAML."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.errors import InputError
from localai_ci.matrix import localai
from localai_ci.matrix.loading import known_builds, load_matrix
from localai_ci.matrix.plain_rows import plain_rows

ROW = "  - backend: x\n    tag-suffix: '-x'\n"
PLAIN = f"---\n# a comment\ninclude:\n{ROW}\n    lang: 'go'\nincludeDarwin:\n{ROW}"


def as_yaml(text: str) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)


def as_plain(text: str) -> Any:
    found = plain_rows(text.encode())
    if found is None:
        return None
    linux, darwin = ([row.values for row in rows] for rows in found)
    return {"include": linux} | ({"includeDarwin": darwin} if darwin else {})


VALUES = (
    *("yes", "12", "1.10", "a b", "'it''s'", '"a\\n"', "a # c", "null", "a:b", "a:", "~", "[a]"),
    *(".5", "é", "*a", "&a b", ".inf", ".", "'é'", "'#'", "a/b:c@d", "-x", "On", "./a", ".."),
)
PIECES = st.lists(
    st.sampled_from(
        [
            *("include:\n", "includeDarwin:\n", "other:\n", "---\n", "\n", "# c\n", "  # c\n"),
            *("  - a: b\n", "    a: c\n", "    b: 'c'\n", '    c: "d"\n', "    d: ''\n"),
            *("  - e:\n", "   r: a\n", "     s: a\n", "\ta: b\n", "    # é\n"),
            *(f"    k{n}: {value}\n" for n, value in enumerate(VALUES)),
        ]
    ),
    max_size=9,
)


@given(PIECES)
def test_what_is_read_plainly_is_what_yaml_reads(pieces: list[str]) -> None:
    text = "include:\n" + "".join(pieces)
    plain = as_plain(text)
    if plain is not None:
        assert plain == as_yaml(text)


def test_the_layout_of_localais_file_is_read_plainly() -> None:
    assert as_plain(PLAIN) == as_yaml(PLAIN)
    numbers = [row.line for rows in plain_rows(PLAIN.encode()) or () for row in rows]
    assert numbers == [4, 9]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "include: []\n",
        "include:\n",
        f"include:\n{ROW}{ROW}include:\n{ROW}",
        f"include:\n{ROW}    lang: go\n    lang: go\n",
        f"include:\n{ROW}\n    x: y\r\n",
        f"other:\n{ROW}",
        f"include:\n{ROW}    'y': z\n",
    ],
)
def test_anything_else_is_left_to_yaml(text: str) -> None:
    assert plain_rows(text.encode()) is None


def test_both_ways_make_the_same_entries(tmp_path: Path) -> None:
    rows = localai.document(load_matrix().entries)
    lines = []
    for name, listed in rows.items():
        lines.append(f"{name}:")
        for row in listed:
            first, *rest = [f"{key}: '{value}'" for key, value in row.items()]
            lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    plain = "\n".join(lines) + "\n"
    quoted = re.sub(r": '([^']*)'", r': "\1" # c', plain)
    assert plain_rows(plain.encode())
    assert plain_rows(quoted.encode()) is None
    path, builds = tmp_path / "matrix.yml", known_builds()
    one, two = (localai.read(path, builds, text.encode()) for text in (plain, quoted))
    assert one[0] == two[0]
    assert list(one[1]) == list(two[1])


def test_a_row_without_what_it_needs_is_told_by_its_line() -> None:
    with pytest.raises(InputError, match=r"x.yml:2: include.0.dockerfile: this key is missing"):
        localai.read(Path("x.yml"), {}, f"include:\n{ROW}".encode())
