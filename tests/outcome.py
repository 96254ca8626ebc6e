"""What a reader of outside input may end in: a value, or an error of ours that helps."""

import os
import resource
import time
from collections.abc import Callable
from typing import TypeVar

from localai_ci.errors import LocalaiCiError
from localai_ci.text import printable

T = TypeVar("T")

SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
"""That any input may take, of the sizes that the targets make; most take a millisecond."""
GROWTH = 256 << 20
"""Bytes by which an input may make the process larger than it has ever been."""


def outcome(read: Callable[[], T]) -> T | LocalaiCiError:
    """Its value, or its error: of ours, with what, where and a remedy, in bounded time and memory.

    Raises:
        AssertionError: an error without place or remedy, or too much time or memory.
        Exception: any other error than ours.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    result: T | LocalaiCiError
    try:
        result = read()
    except LocalaiCiError as error:
        result = error
    seconds = time.process_time() - began
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
    assert seconds < SECONDS, f"it took {seconds:.1f} s of CPU"
    assert growth < GROWTH, f"it took {growth >> 20} MiB"
    if isinstance(result, LocalaiCiError):
        text = str(result)
        assert result.what, "an error that says nothing"
        assert result.where or ":" in result.what, f"no place: {text}"
        assert result.remedy or ":" in result.what, f"no remedy: {text}"
        assert len(text) < 20_000, f"an error of {len(text)} characters"
        assert text == printable(text, lines=True), f"not printable: {text!r}"
    return result
