"""Text for terminals and logs."""

import re
import sys
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as plain text, as wide as it needs to be: logs have no terminal width."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(*head, box=box.SIMPLE_HEAD, pad_edge=False, safe_box=True)
    for row in rows:
        grid.add_row(*(Text(printable(cell, lines=True)) for cell in row))
    console = Console(width=10_000, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(grid)
    return "\n".join(line.rstrip() for line in capture.get().splitlines() if line.strip())


def plural(number: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def hours(minutes: float) -> str:
    """``2 h 05 min``; below an hour only minutes."""
    whole = round(minutes)
    return f"{whole // 60} h {whole % 60:02} min" if whole >= 60 else f"{whole} min"  # noqa: PLR2004


SHOWN = 3
"""How many of many names a sentence has."""


def listed(names: Sequence[str], shown: int = SHOWN) -> str:
    """``a, b, c and 4 more``."""
    return " ".join(filter(None, (", ".join(names[:shown]), and_more(names, shown))))


def and_more(items: Sequence[object], shown: int) -> str:
    """``and 4 more``, or nothing where all are shown."""
    more = len(items) - shown
    return f"and {more} more" if more > 0 else ""


def say(line: str) -> None:
    """Tell the user something beside the result: it stands in the function's own log."""
    sys.stderr.write(f"{printable(line, lines=True)}\n")
    sys.stderr.flush()


# Control and format characters (direction, joiners, tags), line separators, halves of surrogate
# pairs, fillers and selectors: what a screen acts on or does not show.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# What a runner of GitHub takes for a command, anywhere in a line: `::set-output …::`, `##[group]`.
_COMMAND = re.compile(r"::(?=[A-Za-z])|##\[")


def printable(text: str, *, lines: bool = False) -> str:
    r"""Text from somewhere else, as it may leave for a terminal, a log or a file of words.

    Control characters, escape sequences, what changes the direction of writing, what is not shown
    at all and bytes that are not UTF-8 become ``\x1b``, ``\u202e`` or ``\U000e0041``; a workflow
    command of GitHub is taken apart. What is printable stays as it is.

    Args:
        text: Any text.
        lines: Whether line breaks and tabs are the caller's own, and stay.
    """

    def escaped(match: re.Match[str]) -> str:
        char = match[0]
        if lines and char in "\n\t":
            return char
        short = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(char)
        if short:
            return short
        code = ord(char)
        if code > 0xFFFF:  # noqa: PLR2004
            return rf"\U{code:08x}"
        return rf"\x{code:02x}" if code <= 0xFF else rf"\u{code:04x}"  # noqa: PLR2004

    seen = _UNSEEN.sub(escaped, text)
    return _COMMAND.sub(lambda found: "\\".join(found[0]), seen)


def printable_json(text: str) -> str:
    r"""The same for JSON of ASCII alone, such as `json.dumps` makes: it means what it meant.

    Outside of its strings nothing of the kind stands; inside, ``\u003a`` is a colon.
    """
    text = text.replace("\x7f", r"\u007f")
    return _COMMAND.sub(lambda found: {"::": r":\u003a", "##[": r"#\u0023["}[found[0]], text)


def cut(text: str, longest: int, *, lines: bool = False) -> str:
    """What somebody else wrote, printable and short: its beginning, and ``…`` for the rest."""
    whole = printable(text[: longest + 1], lines=lines)
    return whole if len(whole) <= longest else f"{whole[:longest]}…"


def shortened(text: str, longest: int, *, lines: bool = False) -> str:
    """The same, without its middle: what a program says last is often why it ended."""
    if len(text) > longest:
        text = f"{text[: longest // 3 * 2]} … {text[-(longest // 4) :]}"
    return cut(text, longest, lines=lines)


def quoted(value: object, shown: int = 60) -> str:
    """A faulty value for an error: in quotes, printable, and cut."""
    return cut(repr(value[: shown + 1]) if isinstance(value, str) else str(value), shown)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is, in a cell of a table too; GitHub makes no link of it."""
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"([\\`*_\[\]|~#!@])", r"\\\1", plain)
    return re.sub(
        r"(?i)(?<=:)//|(?<=www)\.", lambda found: "".join(rf"\{c}" for c in found[0]), escaped
    )


def markdown_code(text: str) -> str:
    """Text as code in Markdown; the fence is longer than any backticks inside."""
    plain = printable(text)
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{plain}{space}{fence}"
