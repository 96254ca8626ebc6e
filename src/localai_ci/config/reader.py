"""YAML files into pydantic models, with every fault located at its line.

Source of truth for how this project reads YAML: duplicate keys, unknown keys and wrong
types are errors that name ``file:line``, the place in the document and the remedy.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from yaml.constructor import SafeConstructor

from localai_ci.errors import InputError

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
    try:
        text = (path.read_bytes() if data is None else data).decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path)) from None
    except UnicodeDecodeError as e:
        raise InputError(f"not UTF-8: {e.reason} at byte {e.start}", where=str(path)) from None
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise InputError(f"not valid YAML: {e.problem}", where=where) from None
    except yaml.YAMLError as e:
        raise InputError(f"not valid YAML: {e}", where=str(path)) from None
    lines: dict[Loc, int] = {(): 1}
    try:
        content = None if node is None else _data(str(path), node, (), lines)
    except RecursionError:
        raise InputError(
            "an anchor contains itself",
            where=str(path),
            remedy="Write the repeated part out.",
        ) from None
    return Document(str(path), content, lines)


def load(path: Path, model: type[M], data: bytes | None = None) -> tuple[M, Document]:
    """Read ``path`` (or ``data`` under that name) and validate it.

    Returns:
        The model, and the document, so that later checks can name lines too.

    Raises:
        InputError: all faults of the file, one a line, each ``file:line: place: fault``.
    """
    document = parse(path, data)
    try:
        return model.model_validate(document.data), document
    except ValidationError as e:
        raise InputError(_report(document, e)) from None


def _data(path: str, node: yaml.Node, loc: Loc, lines: dict[Loc, int]) -> Any:
    """Turn a node into plain data, noting where each place stands."""
    lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_data(path, item, (*loc, i), lines) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        result: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node)
            line = key_node.start_mark.line + 1
            if key in result:
                raise InputError(
                    f"the key {key!r} stands here twice",
                    where=f"{path}:{line}",
                    remedy="Keep one of them.",
                )
            lines[(*loc, key)] = line
            result[key] = _data(path, value_node, (*loc, key), lines)
        return result
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    return SafeConstructor().construct_object(node)


def _report(document: Document, error: ValidationError) -> str:
    rows = []
    for fault in error.errors():
        loc: Loc = tuple(part for part in fault["loc"] if part != "[key]")
        place = ".".join(map(str, loc))
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "unknown key; check its spelling and indentation"
        elif fault["type"] == "missing":
            message = "this key is missing"
        elif fault["type"] != "value_error":
            message += f", got {fault['input']!r}"
        rows.append(
            f"{document.path}:{document.line(loc)}: {place + ': ' if place else ''}{message}"
        )
    return "\n".join(rows)
