"""What `./daggerw` tells the user; standard output belongs to the command it runs."""

import sys


def say(line: str) -> None:
    """Say one line."""
    print(f"daggerw: {line}", file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Show a step's progress, piece by piece in one line."""
    print(text, end="", file=sys.stderr, flush=True)


def say_waiting() -> None:
    """Tell why nothing happens for a while."""
    say("another daggerw is setting up, starting or stopping the engine; waiting for it")
