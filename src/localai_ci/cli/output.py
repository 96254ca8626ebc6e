"""Printing: tables for people, plain text for programs."""

import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, TextIO, cast

from localai_ci import text
from localai_ci.errors import InputError, LocalaiCiError


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
    READER_GONE = 141
    """Who reads the output has seen enough, as in `| head`."""


class OutputError(LocalaiCiError):
    """Standard output cannot be written; ``gone`` where only its reader has left."""

    def __init__(self, error: OSError) -> None:
        """Say why, as the system says it."""
        super().__init__(
            f"standard output cannot be written: {error.strerror}",
            remedy="Make room there, or name another place with --output or `>`.",
        )
        self.gone = error.errno == errno.EPIPE


class _Stdout:
    """Standard output whose failures are ours: the libraries between take each for its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, words: str) -> int:
        try:
            return self._stream.write(words)
        except OSError as e:
            raise OutputError(e) from None

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as e:
            raise OutputError(e) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Standard output that is closed, full, without a reader or of few characters is no fault.

    Raises:
        OutputError: it cannot be written; at the end what is still in its buffer.
    """
    before = sys.stdout
    stream = before or Path(os.devnull).open("w")  # noqa: SIM115 - until the program ends
    for one in (stream, sys.stderr):
        if isinstance(one, io.TextIOWrapper):
            one.reconfigure(errors="backslashreplace")
    sys.stdout = cast("TextIO", _Stdout(stream))
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OutputError:
            # Else Python tries once more as it ends, and complains.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise
        finally:
            sys.stdout = before


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
    words = library.dump(data, Dumper=dumper, sort_keys=False, width=100)
    line(words.removesuffix("\n"))


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
