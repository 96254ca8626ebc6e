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
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff]"
)
# What a runner of GitHub takes for a command, anywhere in a line: `::set-output …::`, `##[group]`.
_COMMAND = re.compile(r"::(?=[A-Za-z])|##\[")


def printable(text: str, *, lines: bool = False) -> str:
    r"""Text from somewhere else, as it may leave for a terminal, a log or a file of words.

    Control characters, escape sequences, what changes the direction of writing and bytes that are
    not UTF-8 become ``\x1b`` or ``\u202e``; a workflow command of GitHub is taken apart.

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
        return rf"\x{code:02x}" if code <= 0xFF else rf"\u{code:04x}"  # noqa: PLR2004

    seen = _UNSEEN.sub(escaped, text)
    return _COMMAND.sub(lambda found: "\\".join(found[0]), seen)


def quoted(value: object, shown: int = 60) -> str:
    """A faulty value for an error: in quotes, printable, and cut."""
    text = repr(value) if isinstance(value, str) else str(value)
    text = printable(text)
    return text if len(text) <= shown else f"{text[:shown]}…"


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is, in a cell of a table too."""
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#!@])", r"\\\1", plain)


def markdown_code(text: str) -> str:
    """Text as code in Markdown; the fence is longer than any backticks inside."""
    plain = printable(text)
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{plain}{space}{fence}"
