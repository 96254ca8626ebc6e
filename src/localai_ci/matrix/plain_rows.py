"""LocalAI's matrix file as it is written in fact: two lists of rows of plain words. Pure.

The file has thousands of lines, and reading them as YAML takes longer than all that a plan does
with them. So the one layout that it has is read line by line; whatever is written in another way
is left to the YAML reader, which also tells what is wrong with it.
"""

import re
from dataclasses import dataclass

from localai_ci.config import bounds

LISTS = ("include", "includeDarwin")

# A word that YAML takes for text: in quotes without escapes, or bare, with none of YAML's own.
_LINE = re.compile(
    r"(  - |    )([a-z][a-z0-9-]*):(?: (?:"
    r'"([ !#-\[\]-~]*)"|'
    r"'([ -&(-~]*)'|"
    r"([a-zA-Z./][a-zA-Z0-9._/+@-]*(?::[a-zA-Z0-9._/+@-]+)*)"
    r"))"
)
_NO_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "."}
_NUMBER = re.compile(r"[-+]?\.?[0-9]|\.(?:inf|nan)\b", re.IGNORECASE)


@dataclass(frozen=True)
class PlainRow:
    """A row, and the line (from 1) where it begins."""

    values: dict[str, str]
    line: int


def plain_rows(data: bytes) -> tuple[list[PlainRow], list[PlainRow]] | None:
    """The rows of the two lists; None where anything is written in another way."""
    if len(data) > bounds.YAML_BYTES:
        return None
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        return _of_text(data)
    return _rows(lines)


def _of_text(data: bytes) -> tuple[list[PlainRow], list[PlainRow]] | None:
    """Comments may be in any language; all else is ASCII, or `_LINE` does not match it."""
    try:
        return _rows(data.decode("utf-8").split("\n"))
    except UnicodeDecodeError:
        return None


def _rows(lines: list[str]) -> tuple[list[PlainRow], list[PlainRow]] | None:
    found: dict[str, list[PlainRow]] = {}
    rows: list[PlainRow] | None = None
    values: dict[str, str] | None = None
    read = _LINE.fullmatch
    for number, line in enumerate(lines, 1):
        match = read(line)
        if match is None:
            bare = line.strip(" ")
            start = number == 1 and line == "---"
            if start or not bare or (bare[0] == "#" and bare.isprintable()):
                continue
            name = line.removesuffix(":")
            if name not in LISTS or name in found or name == line:
                return None
            rows, values = found.setdefault(name, []), None
            continue
        item, key, double, single, bare = match.groups()
        if item == "  - ":
            if rows is None:
                return None
            values = {}
            rows.append(PlainRow(values, number))
        if values is None or key in values or key in _NO_TEXT:
            return None
        text = double if double is not None else single if single is not None else bare
        if bare is not None and (bare.lower() in _NO_TEXT or _NUMBER.match(bare)):
            return None
        values[key] = text
    # A list without rows is null in YAML.
    if "include" not in found or not all(found.values()):
        return None
    return found["include"], found.get("includeDarwin", [])
