"""What `./daggerw` tells the user; standard output belongs to the command it runs."""

import re
import shutil
import sys
import time
from pathlib import Path

CLEAR = "\r\x1b[K"
TAIL = 1 << 20
"""Bytes of the end of a log that are looked at."""
_COMMAND = re.compile(r"::(?=[A-Za-z])|##\[")


def plain(text: str) -> str:
    """Words of a log or a file, without what a terminal or a runner would act on.

    As `localai_ci.text.printable`, which is not there yet when this runs.
    """
    shown = (char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text)
    return _COMMAND.sub(lambda found: "\\".join(found[0]), "".join(shown))


def end_of(log: Path) -> str:
    """The end of a log."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - TAIL, 0))
        return file.read(TAIL).decode(errors="replace")


def say(line: str) -> None:
    """Say one line."""
    print(f"daggerw: {plain(line)}", file=sys.stderr, flush=True)


class Progress:
    """A set-up on standard error: a line that changes at a terminal, now and then one in a log."""

    every = 30.0
    """Seconds between two lines of a log."""

    def __init__(self) -> None:
        """Look whether a person is watching."""
        self.watched = sys.stderr.isatty()
        self.last = time.monotonic()

    def finished(self, line: str) -> None:
        """A step is finished."""
        print(f"{CLEAR if self.watched else ''}  {plain(line)}", file=sys.stderr, flush=True)
        self.last = time.monotonic()

    def running(self, line: str) -> None:
        """What runs now."""
        if self.watched:
            width = shutil.get_terminal_size().columns - 3
            print(f"{CLEAR}  {plain(line)[:width]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.last >= self.every:
            self.finished(f"… {line}")


def say_waiting() -> None:
    """Tell why nothing happens for a while."""
    say("another daggerw is setting up, starting or stopping the engine; waiting for it")
