"""What `./daggerw` tells the user; standard output belongs to the command it runs."""

import shutil
import sys
import time

CLEAR = "\r\x1b[K"


def say(line: str) -> None:
    """Say one line."""
    print(f"daggerw: {line}", file=sys.stderr, flush=True)


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
        print(f"{CLEAR if self.watched else ''}  {line}", file=sys.stderr, flush=True)
        self.last = time.monotonic()

    def running(self, line: str) -> None:
        """What runs now."""
        if self.watched:
            width = shutil.get_terminal_size().columns - 3
            print(f"{CLEAR}  {line[:width]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.last >= self.every:
            self.finished(f"… {line}")


def say_waiting() -> None:
    """Tell why nothing happens for a while."""
    say("another daggerw is setting up, starting or stopping the engine; waiting for it")
