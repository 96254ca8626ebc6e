"""The decorator of every function that writes to the world or asks it."""

from collections.abc import Callable
from typing import TypeVar

from dagger import function

F = TypeVar("F", bound=Callable[..., object])

# A function's result is kept for a week unless it says otherwise: a second publish would not run.
# The typed overloads of `function` do not know its own argument.
never_cached: Callable[[F], F] = function(cache="never")  # type: ignore[call-overload]
