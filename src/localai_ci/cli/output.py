"""Printing: tables for people, plain text for programs."""

import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

from localai_ci import text
from localai_ci.errors import InputError


class ExitCode(IntEnum):
    """What a command's exit code tells a script."""

    FINDINGS = 1
    """It ran, and the answer is no: findings of a check, differences, an image not merged."""
    INPUT = 2
    """A flag, a file or a tree cannot be used; nothing was done."""
    FAILED = 3
    """What was asked for could not be done: a registry, the network, a signature."""
    FAULT = 70
    """A fault of localai-ci itself, with its traceback."""
    INTERRUPTED = 130
    """Ctrl-C."""


class Format(StrEnum):
    """How a command prints."""

    table = "table"
    json = "json"


def line(words: str) -> None:
    """Text on standard output; what a terminal or a runner would act on comes out escaped."""
    sys.stdout.write(text.printable(words, lines=True) + "\n")


def note(words: str) -> None:
    """A remark for the person, on standard error, so that it never mixes with the output."""
    sys.stderr.write(text.printable(words, lines=True) + "\n")


def yaml(data: Any) -> None:
    """YAML as one writes it: block style, keys in their order."""
    import yaml as library

    dumper = getattr(library, "CSafeDumper", library.SafeDumper)
    library.dump(data, sys.stdout, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)


def write(path: Path, words: str) -> None:
    """A file, its folder included; names that are not UTF-8 come out escaped.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words, encoding="utf-8", errors="backslashreplace")
    except OSError as e:
        raise InputError(
            f"this cannot be written: {e.strerror}", where=str(path), remedy="Give another path."
        ) from None


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> None:
    """A table: folded to the terminal's width, or for pipes and logs as wide as it needs."""
    if not sys.stdout.isatty():
        line(text.table(columns, rows))
        if caption:
            line(caption)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    result = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        result.add_column(column, overflow="fold")
    for row in rows:
        result.add_row(*(Text(text.printable(cell, lines=True)) for cell in row))
    console = Console(highlight=False)
    console.print(result)
    if caption:
        console.print(Text(caption, style="dim"))
