"""Printing: tables for people, plain text for programs."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any


def line(text: str) -> None:
    """One piece of text on standard output; names that are not UTF-8 come out escaped."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


def note(text: str) -> None:
    """A remark for the person, on standard error, so that it never mixes with the output."""
    sys.stderr.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


def yaml(data: Any) -> None:
    """YAML as one writes it: block style, keys in their order."""
    import yaml as library

    dumper = getattr(library, "CSafeDumper", library.SafeDumper)
    library.dump(data, sys.stdout, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> None:
    """A table, as wide as the terminal; piped output is not cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=False, highlight=False)
    if not console.is_terminal:
        console.width = 200
    result = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        result.add_column(column, overflow="fold")
    for row in rows:
        result.add_row(*(Text(cell) for cell in row))
    console.print(result)
    if caption:
        console.print(Text(caption, style="dim"))
