"""Edits of a YAML file in place: what is not edited stays as it is, byte for byte.

Only the lines of the edited key change: comments, order, blank lines and alignment stay. The places
come from the parser's own marks, so that no way of writing YAML is guessed at.
"""

import json
import re
import textwrap
from collections import Counter
from collections.abc import Sequence

import yaml

from localai_ci.config.reader import Loc
from localai_ci.errors import InputError

WIDTH = 98
"""Columns that a line of ours may have."""

_INDICATORS = frozenset("#&*!|>%@`?-:")
_UNPLAIN = re.compile(r"[,\[\]{}#'\"\n]|:\s|:$|^\s|\s$")
"""What a plain word neither starts with nor holds: plain in a flow collection too."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlText:
    """The text of one file, edited step by step.

    Attributes:
        text: What it says now.
    """

    def __init__(self, text: str) -> None:
        """Start from the text as it is; its lines end in a line feed alone."""
        self.text = text if text.endswith("\n") else f"{text}\n"

    def has(self, loc: Loc) -> bool:
        """Whether the file says anything there."""
        try:
            self._node(loc)
        except LookupError:
            return False
        return True

    def set_scalar(self, loc: Loc, value: str | bool) -> None:
        """Give a scalar another value; its quotes stay if it had any."""
        node = self._node(loc)
        self._replace(node.start_mark.index, _end(node), scalar(value, quote=_quote(node)))

    def set_list(self, loc: Loc, items: Sequence[str]) -> None:
        """Give a list of words other items; items that stay keep their comments."""
        node = self._list(loc)
        if [item.value for item in node.value] == list(items):
            return
        inner = self.text[node.start_mark.index : _end(node)]
        if not node.flow_style or "#" in inner:
            self._set_items(loc, items)
            return
        start = self._line_start(node.start_mark.index)
        before = self.text[start : node.start_mark.index]
        after = self.text[_end(node) : self._line_end(_end(node))]
        flow = f"[{', '.join(map(scalar, items))}]"
        if before.strip() and len(before + flow + after) <= WIDTH:
            self._replace(node.start_mark.index, _end(node), flow)
        elif before.strip() and "{" not in before:
            indent = len(before) - len(before.lstrip()) + 2
            self._replace(start + len(before.rstrip()), _end(node), "\n" + _wrapped(flow, indent))
        elif not before.strip():
            key = self.text[:start].rstrip("\n").rpartition("\n")[2]
            gap = self._gap(self._mapping(loc[:-1]), key)
            if len(key) + gap + len(flow + after) <= WIDTH:  # it fits behind its key again
                self._replace(start - 1, _end(node), f"{' ' * gap}{flow}")
            else:
                self._replace(start, _end(node), _wrapped(flow, len(before)))
        else:
            self._replace(node.start_mark.index, _end(node), flow)

    def add_key(self, loc: Loc, key: str, value: str, *, after: str | None = None) -> None:
        """Add a key to a mapping.

        Args:
            loc: The mapping.
            key: The new key.
            value: Its value as YAML; several lines are an indented block below the key.
            after: The key to stand behind; behind the last one if absent, first if empty.
        """
        node = self._mapping(loc)
        keys = [k.value for k, _ in node.value]
        place = len(keys) - 1 if after is None else keys.index(after) if after else -1
        if node.flow_style:
            at = _end(node.value[place][1]) if place >= 0 else node.start_mark.index + 1
            said = f"{scalar(key)}: {value}"
            comma = f", {said}" if place >= 0 else f"{said}, " if keys else said
            self._replace(at, at, comma)
            return
        column = node.value[0][0].start_mark.column
        head = f"{' ' * column}{scalar(key)}:"
        if "\n" in value:
            text = f"{head}\n{textwrap.indent(value, ' ' * (column + 2))}"
        else:
            text = f"{head}{' ' * self._gap(node, head)}{value}"
        at = self._after(node.value[place][1]) if place >= 0 else self._line_start(
            node.value[0][0].start_mark.index
        )  # fmt: skip
        self._replace(at, at, text.rstrip("\n") + "\n")

    def remove_key(self, loc: Loc) -> None:
        """Remove a key and its value; comments above it stay."""
        node = self._mapping(loc[:-1])
        index = [k.value for k, _ in node.value].index(str(loc[-1]))
        key, value = node.value[index]
        if not node.flow_style:
            self._replace(self._line_start(key.start_mark.index), self._after(value), "")
        else:
            self._cut(node.value, index, key.start_mark.index, _end(value))

    def add_item(self, loc: Loc, block: str, *, at: int | None = None) -> None:
        """Add a mapping to a list of mappings: behind item ``at``, or as the last one."""
        node = self._list(loc)
        if not node.value:  # `exceptions: []`
            column = node.start_mark.column if not node.flow_style else 2
            start = len(self.text[: node.start_mark.index].rstrip(" "))
            self._replace(start, _end(node), "\n" + _item(block, column).rstrip("\n"))
            return
        place = self._after(node.value[len(node.value) - 1 if at is None else at])
        column = self.text[self._line_start(node.value[0].start_mark.index) :].index("-")
        self._replace(place, place, _item(block, column))

    def remove_item(self, loc: Loc) -> None:
        """Remove an item of a list; of the last one an empty list stays."""
        node = self._list(loc[:-1])
        item = node.value[loc[-1]]
        if node.flow_style:
            self._cut(node.value, int(loc[-1]), item.start_mark.index, _end(item))
        elif len(node.value) == 1:
            start = self._line_start(item.start_mark.index)
            self._replace(start, self._after(item), "")
            behind = len(self.text[:start].rstrip())
            while self.text[self._line_start(behind) :].lstrip().startswith("#"):
                behind = len(self.text[: self._line_start(behind)].rstrip())
            self._replace(behind, behind, " []")
        else:
            self._replace(self._line_start(item.start_mark.index), self._after(item), "")

    def _set_items(self, loc: Loc, items: Sequence[str]) -> None:
        """Item by item: what stands beside those that stay is not touched."""
        for index in reversed(range(len(self._items(loc)))):
            if self._items(loc)[index].value not in items and len(self._items(loc)) > 1:
                self.remove_item((*loc, index))
        for item in items:
            node = self._list(loc)
            if item in [found.value for found in node.value]:
                continue
            last = node.value[-1]
            if node.flow_style:
                self._replace(_end(last), _end(last), f", {scalar(item)}")
            else:
                column = last.start_mark.column - 2
                place = self._after(last)
                self._replace(place, place, f"{' ' * column}- {scalar(item)}\n")
        for index, found in reversed(list(enumerate(self._items(loc)))):
            if found.value not in items:  # the only one that was there
                self.remove_item((*loc, index))

    def _items(self, loc: Loc) -> list[yaml.Node]:
        return list(self._list(loc).value)

    def _list(self, loc: Loc) -> yaml.SequenceNode:
        node = self._node(loc)
        if not isinstance(node, yaml.SequenceNode):
            raise _another(loc, "a list")
        return node

    def _mapping(self, loc: Loc) -> yaml.MappingNode:
        node = self._node(loc)
        if not isinstance(node, yaml.MappingNode):
            raise _another(loc, "a mapping")
        return node

    def _node(self, loc: Loc) -> yaml.Node:
        """The node of a place; LookupError where there is none."""
        node = yaml.compose(self.text, Loader=_LOADER)
        for part in loc:
            if isinstance(node, yaml.SequenceNode):
                node = node.value[int(part)]
            elif isinstance(node, yaml.MappingNode):
                node = {key.value: value for key, value in node.value}[str(part)]
        if node is None:
            raise LookupError(loc)
        return node

    def _gap(self, node: yaml.MappingNode, head: str) -> int:
        """Blanks behind the colon, so that a value stands where most of its siblings' do."""
        beside = [
            (value.start_mark.column, value.start_mark.column - key.end_mark.column - 1)
            for key, value in node.value
            if value.start_mark.line == key.start_mark.line
        ]
        aligned = any(blanks > 1 for _, blanks in beside)
        column = Counter(c for c, _ in beside).most_common(1)[0][0] if aligned else 0
        return max(1, column - len(head))

    def _cut(self, members: Sequence[object], index: int, start: int, end: int) -> None:
        """Out of a flow collection, with the comma on one side of it."""
        behind = re.match(r"\s*,\s*", self.text[end:])
        if behind and index < len(members) - 1:
            end += behind.end()
        elif before := re.search(r",\s*$", self.text[:start]):
            start = before.start()
        self._replace(start, end, "")

    def _after(self, node: yaml.Node) -> int:
        """The start of the line behind a node's last line."""
        return self._line_end(self._last(node)) + 1

    def _last(self, node: yaml.Node) -> int:
        """Where the last character of any node is: a block ends where its last member does."""
        if isinstance(node, yaml.MappingNode) and not node.flow_style:
            return self._last(node.value[-1][1])
        if isinstance(node, yaml.SequenceNode) and not node.flow_style:
            return self._last(node.value[-1])
        if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
            return len(self.text[: _end(node)].rstrip())
        return _end(node)

    def _line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        return self.text.index("\n", index)

    def _replace(self, start: int, end: int, text: str) -> None:
        self.text = self.text[:start] + text + self.text[end:]


def _another(loc: Loc, what: str) -> InputError:
    return InputError(
        f"{'.'.join(map(str, loc)) or 'the file'} is not {what}",
        remedy="Nothing was written. Write it as it was, or make the edit by hand.",
    )


def scalar(value: str | bool, *, quote: str = "") -> str:
    """A scalar as YAML: plain where it can be, else in the quotes asked for or double ones."""
    if isinstance(value, bool):
        return str(value).lower()
    if quote == "'":
        return "'" + value.replace("'", "''") + "'"
    if quote or not _plain(value):
        return json.dumps(value, ensure_ascii=False)
    return value


def _plain(value: str) -> bool:
    """Whether a word says the same without quotes, in a flow collection too."""
    if not value or value[0] in _INDICATORS or _UNPLAIN.search(value):
        return False
    node = yaml.compose(value, Loader=_LOADER)
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"


def _quote(node: yaml.Node) -> str:
    style = getattr(node, "style", None)
    return style if style in {"'", '"'} else ""


def _end(node: yaml.Node) -> int:
    """Where a scalar or a flow collection ends."""
    return int(node.end_mark.index)


def _wrapped(flow: str, indent: int) -> str:
    return textwrap.fill(
        flow, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 1),
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def _item(block: str, column: int) -> str:
    lines = block.rstrip("\n").split("\n")
    return "".join(
        f"{' ' * column}{'- ' if number == 0 else '  '}{line}".rstrip() + "\n"
        for number, line in enumerate(lines)
    )
