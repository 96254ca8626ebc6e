"""A list of changed files, in whichever form a tool printed it. Pure.

Read are paths one a line or ended by zero bytes, git's quoting, lines of ``--name-status`` and
``--raw``, JSON lists of names, and the objects that GitHub's API answers. What is in another form
is an error or, where a line could be a path all the same, a doubt: never a list of no effect.
"""

import codecs
import posixpath
import re
from typing import Any

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.text import quoted

LIST_REMEDY = "Give one path a line, as `git diff --name-only` prints them."


class PathList(tuple[str, ...]):  # noqa: SLOT001 - it has an attribute
    """Paths of a list; ``doubt`` says why it may not be one path a line, or nothing."""

    doubt: str = ""


def parse_list(data: bytes, where: str) -> PathList:
    r"""The paths of a list, one a line or each ended by a zero byte.

    Takes what ``git diff --name-only`` prints, with or without ``-z``: names that git put in
    quotes are unquoted, and names that are not UTF-8 keep their bytes (surrogate escapes).

    Raises:
        InputError: a path outside of the tree, or a list in a form that is not read.
    """
    if len(data) > bounds.LIST_BYTES:
        raise _form(f"longer than {bounds.LIST_BYTES} bytes", where)
    data = _as_utf8(data, where)
    doubt = ""
    if data.lstrip()[:1] in (b"[", b"{") and b"\0" not in data:
        paths = _from_json(data, where)
    else:
        lines = data.split(b"\0") if b"\0" in data else _lines(data)
        raw = [part for line in lines for part in _without_status(line) if part.strip()]
        paths = [_path(item) for item in raw]
        if b"\0" not in data:  # what is quoted or ended by a zero byte is one name for sure
            bare = (p for item, p in zip(raw, paths, strict=True) if not item.startswith(b'"'))
            doubt = next(filter(None, map(odd, bare)), "")
    exact = b"\0" in data  # as git has them
    found = PathList(
        dict.fromkeys(_inside(path, f"{where}:{n}", exact) for n, path in enumerate(paths, 1))
    )
    found.doubt = doubt
    return found


def _as_utf8(data: bytes, where: str) -> bytes:
    """Without a byte order mark; UTF-16 as Windows' shells write it becomes UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16").encode("utf-8", "surrogateescape")
        except UnicodeError:
            raise _form("UTF-16 with faults", where) from None
    data = data.removeprefix(codecs.BOM_UTF8)
    pieces = [piece for piece in data.split(b"\0") if piece]
    if b"/" in pieces and all(len(piece) == 1 for piece in pieces):
        raise _form("UTF-16 without a byte order mark, or no list at all", where)
    return data


def _form(what: str, where: str) -> InputError:
    return InputError(f"the list of changed files is {what}", where=where, remedy=LIST_REMEDY)


def _lines(data: bytes) -> list[bytes]:
    return [line.rstrip(b"\r") for line in data.split(b"\n")]


def _inside(path: str, where: str, exact: bool) -> str:
    """The path from the top of the tree; without detours, if a person may have written it."""
    if len(path) > bounds.PATH_LENGTH:
        raise InputError(
            f"{quoted(path)} has more than {bounds.PATH_LENGTH} characters",
            where=where,
            remedy=LIST_REMEDY,
        )
    straight = path
    if exact:
        straight = ".." if ".." in path.split("/") else path
    elif "//" in path or "/." in path or path.endswith("/") or path.startswith("."):
        straight = posixpath.normpath(path)
    if path.startswith("/") or straight.split("/")[0] == ".." or (straight == "." and not exact):
        raise InputError(
            f"{quoted(path)} is not a path inside the tree",
            where=where,
            remedy="Give paths relative to the top of LocalAI's tree, as git prints them.",
        )
    return straight


_STATUS = re.compile(rb"(?:[ADMTUXB]|[RC]\d{0,3})\t(.+)", re.DOTALL)
_RAW = re.compile(rb"(?::\d{6})+ \d{6} [0-9a-f. ]+[A-Z]\d{0,3}\t(.+)", re.DOTALL)


def _without_status(line: bytes) -> list[bytes]:
    """The names of a line of ``git diff --name-status`` or ``--raw``; any other line as it is."""
    match = _STATUS.fullmatch(line) or _RAW.fullmatch(line)
    return match[1].split(b"\t") if match else [line]


def _from_json(data: bytes, where: str) -> list[str]:
    """Names of a JSON document or of one a line; or of lines that only look like JSON."""
    documents = _documents(data)
    if documents is None:
        lines = [line for line in _lines(data) if line.strip()]
        looks = data.lstrip().startswith((b"[\n", b"[\r", b"{", b'["'))
        if looks or len(lines) <= 1:
            raise _form("JSON, and not a list of names: it cannot be read", where)
        return [_path(part) for line in lines for part in _without_status(line)]
    found = [name for document in documents for name in _names(document)]
    if None in found:
        raise _form("JSON, and not a list of names nor of files as GitHub's API has them", where)
    return [str(name).removeprefix("./") for name in found if name]


def _documents(data: bytes) -> list[Any] | None:
    try:
        return [json_text.read(data)]
    except ValueError:
        pass
    try:  # one a line, as `gh api --jq '.[]'` and `--paginate` print them
        return [json_text.read(line) for line in _lines(data) if line.strip()]
    except ValueError:
        return None


def _names(value: Any) -> list[str | None]:
    """The names in what GitHub answers; None for what is not understood."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [name for item in value for name in _names(item)]
    if isinstance(value, dict):
        if isinstance(value.get("files"), list) and value["files"]:
            return _names(value["files"])
        named = [value.get(key) for key in ("filename", "path", "previous_filename")]
        told = [name for name in named if isinstance(name, str)]
        if told:
            return [*told]
    return [None]


_ESCAPES = {
    b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92
}  # fmt: skip


def _path(item: bytes) -> str:
    if len(item) > 1 and item.startswith(b'"') and item.endswith(b'"'):
        item = _unquote(item[1:-1])
    return item.decode("utf-8", "surrogateescape").removeprefix("./")


def _unquote(text: bytes) -> bytes:
    """Undo git's quoting: C escapes, and three octal digits for any other byte."""

    def byte(match: re.Match[bytes]) -> bytes:
        found = match[1]
        return bytes([_ESCAPES[found] if found in _ESCAPES else int(found, 8)])

    return re.sub(rb'\\([0-3][0-7]{2}|[abtnvfr"\\])', byte, text)


_ODD = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"\s[^\s/]*/", "looks like several paths in one line"),
        (r"[,;:|][^\s/,;:|]*/", "looks like several paths in one line"),
        (r"\\", "has backslashes"),
        (r"^(diff --|--- |\+\+\+ |@@ |index [0-9a-f]+\.\.|Binary files |commit [0-9a-f]{7})",
         "is a line of a whole diff"),
        (r" \| +(\d+|Bin)( |$)|^\s*\d+ files? changed", "is a line of --stat"),
        (r"^(\d+|-)\t(\d+|-)\t", "is a line of --numstat"),
        (r"^([ MADRCTU?!]{2} |[*+-] |[MADRCT] +)\S", "begins with a mark"),
        (r" (->|=>) ", "names what was renamed"),
        (r"^\s|\s$", "begins or ends with a blank"),
        (r"^['`(<\[].*['`)>\]],?$", "is in quotes or brackets"),
        (r"[\t\v\f\x1b]", "has a tab or a control character"),
        (r"^[A-Za-z][A-Za-z0-9+.-]*://", "is an address"),
        (r"^(fatal|error|warning|usage|remote): ", "is what a program said"),
    )
)  # fmt: skip


def odd(path: str) -> str:
    """Why a line is hardly a path; nothing if it may be one."""
    for pattern, what in _ODD:
        if pattern.search(path):
            return f"{quoted(path)} {what}"
    return ""
