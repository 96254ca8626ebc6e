"""What changed: a list of paths or two revisions, and what the compared files said before."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localai_ci.errors import InputError
from localai_ci.matrix import limits
from localai_ci.matrix.entry import Matrix
from localai_ci.plan.event import Event
from localai_ci.text import quoted

if TYPE_CHECKING:
    from localai_ci.config.compile import CompileFile
    from localai_ci.config.inputs import InputsFile
    from localai_ci.matrix.tree_state import TreeState

LIST_LIMIT = {
    Event.pull_request: limits.PULL_REQUEST_FILES,
    Event.push: limits.PUSH_FILES,
    Event.merge_group: limits.PUSH_FILES,
}
"""Where GitHub's APIs cut a list of files (pull request files; compare) without saying so."""


@dataclass(frozen=True)
class Change:
    """What is known about a change.

    ``paths`` is None where it is not known, and then ``unknown`` says why. ``previous`` is the
    matrix before the change, ``proto`` backend.proto before and after it, ``rules`` inputs.yaml
    before it, ``compile`` compile.yaml before and after it, ``trees`` all files before and after
    it, None where not known; they matter only if the change touches what is compared. ``bases`` are
    builder variants that were rebuilt; ``forced`` globs of entries to build in any case.
    """

    event: Event
    paths: tuple[str, ...] | None
    unknown: str = ""
    previous: Matrix | None = None
    proto: tuple[str, str] | None = None
    rules: "InputsFile | None" = None
    compile: "tuple[CompileFile, CompileFile] | None" = None
    trees: "tuple[TreeState, TreeState] | None" = field(default=None, compare=False)
    bases: frozenset[str] = frozenset()
    forced: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)


def parse_list(data: bytes, where: str) -> tuple[str, ...]:
    r"""The paths of a list, one a line or each ended by a zero byte.

    Takes what ``git diff --name-only`` prints, with or without ``-z``: names that git put in
    quotes are unquoted, and names that are not UTF-8 keep their bytes (surrogate escapes).

    Also takes a JSON list of names, and lines of ``--name-status`` (a letter, a tab, the names).

    Raises:
        InputError: an absolute path, one that leaves the tree, or JSON of another form.
    """
    if data.lstrip()[:1] in (b"[", b"{") and b"\0" not in data:
        paths = _from_json(data, where)
    else:
        lines = data.split(b"\0") if b"\0" in data else [x.rstrip(b"\r") for x in data.split(b"\n")]
        raw = [part for line in lines for part in _without_status(line)]
        paths = [_path(item) for item in raw if item.strip()]
    for number, path in enumerate(paths, 1):
        if path.startswith("/") or ".." in path.split("/"):
            raise InputError(
                f"{quoted(path)} is not a path inside the tree",
                where=f"{where}:{number}",
                remedy="Give paths relative to the top of LocalAI's tree, as git prints them.",
            )
    return tuple(dict.fromkeys(paths))


def from_list(event: Event, paths: Iterable[str]) -> Change:
    """A change from a list; not known from an empty one, nor from one that GitHub cuts.

    A shell without ``pipefail`` makes an empty list of a ``git diff`` that failed.
    """
    listed = tuple(paths)
    if not listed:
        return Change(event, None, "the list of changed files is empty")
    if several := next((path for path in listed if _SEVERAL.search(path)), ""):
        return Change(
            event,
            None,
            f"{quoted(several)} in the list looks like several paths in one line;"
            " give one a line, or revisions of a clone",
        )
    limit = LIST_LIMIT.get(event)
    if limit is not None and len(listed) >= limit:
        return Change(
            event,
            None,
            f"the list has {len(listed)} files, and GitHub cuts lists at {limit}",
        )
    return Change(event, listed)


_SEVERAL = re.compile(r"\s[^\s/]*/")
_STATUS = re.compile(rb"(?:[ADMTUXB]|[RC]\d{0,3})\t(.+)", re.DOTALL)


def _without_status(line: bytes) -> list[bytes]:
    """The names of a line of ``git diff --name-status``; any other line as it is."""
    match = _STATUS.fullmatch(line)
    return match[1].split(b"\t") if match else [line]


def _from_json(data: bytes, where: str) -> list[str]:
    """A list of names as JSON, or nothing of a file whose name only looks like one."""
    try:
        names = json.loads(data)
    except (ValueError, RecursionError):
        names = None
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return [name.removeprefix("./") for name in names if name]
    if names is None and data.count(b"\n") and not data.lstrip().startswith((b"[\n", b"{", b'["')):
        return [_path(line.rstrip(b"\r")) for line in data.split(b"\n") if line.strip()]
    raise InputError(
        "the list of changed files is JSON, and not a list of names",
        where=where,
        remedy="Give one path a line, as `git diff --name-only` prints them.",
    )


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
