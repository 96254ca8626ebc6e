"""YAML files into pydantic models, with every fault located at its line.

Source of truth for how this project reads YAML: duplicate keys, unknown keys and wrong
types are errors that name ``file:line``, the place in the document and the remedy.
"""

import math
import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from yaml.constructor import SafeConstructor

from localai_ci.config import bounds
from localai_ci.config.data import data_dir
from localai_ci.errors import InputError
from localai_ci.files import read_file
from localai_ci.text import and_more, printable, quoted

Loc = tuple[int | str, ...]

# libyaml reads LocalAI's 6,500 lines ten times faster; wheels have it, some distributions do not.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Strict(BaseModel):
    """Base of all models that are read from a file: frozen, and no key is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)


M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """A parsed YAML document: plain data, and the line (from 1) of every place in it."""

    path: str
    data: Any
    lines: dict[Loc, int]

    def line(self, loc: Loc) -> int:
        """Line of ``loc``, or of the nearest place around it that the file really has."""
        while loc not in self.lines and loc:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def error(self, loc: Loc, what: str, remedy: str = "") -> InputError:
        """An error at ``loc``, for checks that go beyond the model's own."""
        return InputError(what, where=f"{self.path}:{self.line(loc)}", remedy=remedy)


def parse(path: Path, data: bytes | None = None) -> Document:
    """Read one YAML document.

    Args:
        path: The file; only its name where ``data`` is given.
        data: The content, of a file that is not on disk (an older revision).

    Raises:
        InputError: the file is missing, not UTF-8, not YAML, or says a key twice.
    """
    text = _text(path, data)
    try:
        _measure(path, text)
        node = yaml.compose(text, Loader=_LOADER)
        lines: dict[Loc, int] = {(): 1}
        content = None if node is None else _Reading(str(path), lines).data(node, ())
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise InputError(
            f"not valid YAML: {quoted_words(e.problem)}", where=where, remedy=_YAML
        ) from None
    except yaml.YAMLError as e:
        raise InputError(
            f"not valid YAML: {quoted_words(e)}", where=str(path), remedy=_YAML
        ) from None
    return Document(str(path), content, lines)


_YAML = "Correct it; an editor that knows YAML shows the place."


def _text(path: Path, data: bytes | None) -> str:
    if data is None:
        data = read_file(path, bounds.YAML_BYTES, "Check the name, and what this file is.")
    elif len(data) > bounds.YAML_BYTES:
        raise InputError(
            f"it has more than {bounds.YAML_BYTES} bytes",
            where=str(path),
            remedy="A file of this kind is far smaller; check what this one is.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise InputError(
            f"not UTF-8: {e.reason} at byte {e.start}",
            where=str(path),
            remedy="Save it as UTF-8.",
        ) from None


_DEEP = f"{{{bounds.YAML_DEPTH}}}"
_INDENTED = re.compile(rf"^ {_DEEP}|(?:[-?:]\s+){_DEEP}", re.MULTILINE)
_INDICATORS = (":", ",", "- ", "-\n", "[", "{", "?")


def _measure(path: Path, text: str) -> None:
    """Refuse what would be too much before it is built up.

    Every node costs an indicator, so that a count of these bounds them: what LocalAI has is never
    counted one by one.
    """
    nested = text.count("[") + text.count("{")
    many = sum(map(text.count, _INDICATORS)) > bounds.YAML_NODES
    if not many and nested <= bounds.YAML_DEPTH and not _INDENTED.search(text):
        return
    nodes = depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        starts = isinstance(event, yaml.CollectionStartEvent)
        depth += starts - isinstance(event, yaml.CollectionEndEvent)
        nodes += starts or isinstance(event, yaml.ScalarEvent)
        line = event.start_mark.line + 1 if event.start_mark else 1
        if depth > bounds.YAML_DEPTH:
            raise _too_much(path, line, f"nested deeper than {bounds.YAML_DEPTH} levels")
        if nodes > bounds.YAML_NODES:
            raise _too_much(path, line, f"more than {bounds.YAML_NODES} keys and values")


def _too_much(path: Path, line: int, what: str) -> InputError:
    return InputError(
        what, where=f"{path}:{line}", remedy="No file of this project is near; make it smaller."
    )


def load_table(
    name: str, model: type[M], path: Path | None = None, data: bytes | None = None
) -> tuple[M, Document]:
    """Read one of the files of ``matrix/``, by default the installed one.

    Args:
        name: What it is called there.
        model: What it must be.
        path: The file; only its name where ``data`` is given.
        data: The content, of a file that is not on disk.

    Raises:
        InputError: a fault in it, with file and line.
    """
    return load(path or data_dir() / name, model, data)


def load(path: Path, model: type[M], data: bytes | None = None) -> tuple[M, Document]:
    """Read ``path`` (or ``data`` under that name) and validate it.

    Returns:
        The model, and the document, so that later checks can name lines too.

    Raises:
        InputError: all faults of the file, one a line, each ``file:line: place: fault``.
    """
    document = parse(path, data)
    return validate(document, model), document


def validate(document: Document, model: type[M]) -> M:
    """The model of a document that is parsed already.

    Raises:
        InputError: as `load`.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as e:
        raise InputError(_report(document, e)) from None


class _Reading:
    """Turns nodes into plain data, noting where each place stands."""

    def __init__(self, path: str, lines: dict[Loc, int]) -> None:
        self._path = path
        self._lines = lines
        self._seen: set[int] = set()
        self._scalars = SafeConstructor()

    def data(self, node: yaml.Node, loc: Loc) -> Any:
        """The content of a node.

        Raises:
            InputError: an alias, a key twice, an impossible key, a value of an unknown kind.
        """
        line = node.start_mark.line + 1
        if id(node) in self._seen:
            raise self._fault(line, "an alias repeats a part", "Write the repeated part out.")
        self._seen.add(id(node))
        if len(loc) > bounds.YAML_DEPTH:
            raise _too_much(
                Path(self._path), line, f"nested deeper than {bounds.YAML_DEPTH} levels"
            )
        self._lines.setdefault(loc, line)
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTIONS:
            raise self._fault(line, f"the tag {quoted(node.tag)} means nothing here", "Drop it.")
        if isinstance(node, yaml.SequenceNode):
            return [self.data(item, (*loc, i)) for i, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return self._scalar(node)
        result: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._fault(line, "a key is a list or a map", "Keys are words.")
            key = self._scalar(key_node)
            if key in result:
                raise self._fault(
                    line, f"the key {quoted(key)} stands here twice", "Keep one of them."
                )
            self._lines[(*loc, key)] = line
            result[key] = self.data(value_node, (*loc, key))
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self._scalars.construct_object(node)
        except _FAULTS:
            value = _UNREADABLE
        endless = isinstance(value, float) and not math.isfinite(value)
        if value is _UNREADABLE or endless or not isinstance(value, _PLAIN):
            raise self._fault(
                node.start_mark.line + 1,
                f"the value {quoted(str(node.value))} is not one of its kind",
                "Put it in quotes if it is text.",
            )
        return value

    def _fault(self, line: int, what: str, remedy: str) -> InputError:
        return InputError(what, where=f"{self._path}:{line}", remedy=remedy)


_UNREADABLE = object()
_COLLECTIONS = {"tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}
_FAULTS = (
    *(ValueError, LookupError, ArithmeticError, AttributeError, TypeError),
    yaml.YAMLError,
)
"""What the library raises over scalars that are not of the kind they are tagged as."""
_PLAIN = (str, int, float, bool, type(None), date)


def _report(document: Document, error: ValidationError) -> str:
    rows = []
    faults = error.errors()
    for fault in faults[:FAULTS_SHOWN]:
        loc: Loc = tuple(part for part in fault["loc"] if part != "[key]")
        place = printable(".".join(str(part)[:SHOWN] for part in loc))
        message = printable(fault["msg"].removeprefix("Value error, "))
        if fault["type"] == "extra_forbidden":
            message = "unknown key; check its spelling and indentation"
        elif fault["type"] == "missing":
            message = "this key is missing"
        elif fault["type"] in {"model_type", "dict_type"}:
            empty = fault["input"] is None
            message = f"keys with values are expected here{', not nothing' if empty else ''}"
            message += "" if empty else _shown(fault["input"])
        elif fault["type"] != "value_error":
            message += _shown(fault["input"])
        rows.append(
            f"{document.path}:{document.line(loc)}: {place + ': ' if place else ''}{message}"
        )
    more = and_more(faults, FAULTS_SHOWN)
    return "\n".join([*rows, *([f"… {more}"] if more else [])])


FAULTS_SHOWN = 20
"""Faults of a file that an error lists."""
SHOWN = 60
"""Characters that an error shows of a value or a key."""


def _shown(value: object) -> str:
    """The faulty value, if it is one word: a file that is no YAML of ours is not told."""
    if isinstance(value, (list, dict)):
        return f", got a {type(value).__name__}"
    if isinstance(value, str) and (len(value) > SHOWN or len(value.split()) > 1):
        return f", got text of {len(value)} characters"
    return f", got {quoted(value, SHOWN)}"


def quoted_words(problem: object) -> str:
    """What the parser says is wrong, printable and cut."""
    return printable(str(problem))[:200]
