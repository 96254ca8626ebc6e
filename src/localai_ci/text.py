"""Text for terminals and logs."""

import sys
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as plain text, as wide as it needs to be: logs have no terminal width."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(*head, box=box.SIMPLE_HEAD, pad_edge=False, safe_box=True)
    for row in rows:
        grid.add_row(*row)
    console = Console(width=10_000, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(grid)
    return "\n".join(line.rstrip() for line in capture.get().splitlines() if line.strip())


def plural(number: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
