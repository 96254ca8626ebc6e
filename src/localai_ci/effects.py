"""The decorator of every function that writes to the world or asks it."""

import sys
from collections.abc import Callable
from typing import TypeVar

from dagger import function

F = TypeVar("F", bound=Callable[..., object])

# A function's result is kept for a week unless it says otherwise: a second publish would not run.
# The typed overloads of `function` do not know its own argument.
never_cached: Callable[[F], F] = function(cache="never")  # type: ignore[call-overload]


def say(line: str) -> None:
    """Tell the user something beside the result: it stands in the function's own log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
