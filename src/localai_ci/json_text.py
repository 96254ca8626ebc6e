"""JSON from somewhere else, within bounds; and JSON that may leave for a terminal or a log.

Python's own reader takes the last of two equal keys, NaN, UTF-16, and any depth: what somebody
else's reader makes of such a text may be something else, so it is refused.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from localai_ci.text import cut, printable_json, quoted

LONGEST = 16 << 20
"""Bytes of any JSON; most readers ask for less."""
DEPTH = 64
"""How deep it is nested."""
NODES = 1_000_000
"""Commas and brackets, which is what its size in memory hangs on."""
DIGITS = 20
"""Of a whole number."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def read(data: bytes | str, longest: int = LONGEST) -> Any:
    """The value of a JSON text; bytes are UTF-8.

    Args:
        data: The text.
        longest: Bytes (of a text, characters) that it may have.

    Raises:
        ValueError: it is no JSON, or beyond a bound; printable and short.
    """
    if len(data) > longest:
        raise ValueError(f"it has more than {longest} bytes")
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as e:
        raise ValueError(f"it is not UTF-8 (byte {e.start})") from None
    nodes = text.count(",") + text.count("[") + text.count("{")
    if nodes > NODES:
        raise ValueError(f"it has more than {NODES} values")
    if text.count("[") + text.count("{") > DEPTH and _depth(text) > DEPTH:
        raise ValueError(f"it is nested deeper than {DEPTH}")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole,
            parse_float=_fraction,
        )  # fmt: skip
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as e:
        raise ValueError(f"no JSON: {e.msg} in line {e.lineno}, column {e.colno}") from None
    except UnicodeEncodeError:
        raise ValueError("it has half of a character") from None
    return value


def write(value: Mapping[str, Any] | Sequence[Any], *, indent: int | None = None) -> str:
    """JSON of ASCII alone in which nothing is a terminal's or a runner's command.

    Args:
        value: Data; numbers are finite.
        indent: Spaces a level; absent, one line without blanks.
    """
    separators = None if indent is not None else (",", ":")
    return printable_json(json.dumps(value, indent=indent, separators=separators, allow_nan=False))


def _depth(text: str) -> int:
    deepest = depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {quoted(twice)} stands twice")
    return found


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number has more than {DIGITS} digits")
    return int(text)


def _fraction(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{cut(text, DIGITS)} is no number that fits")
    return value


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number")
