"""Options of a plain call of `plan`, read without the program that knows all commands.

Only what is certain is taken here: an option that is not known, one without its value, help or a
value that is not of its kind goes to the program, which says what is wrong with it.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from localai_ci.cli.planning import PlanOptions
from localai_ci.plan.ci_run import Ci
from localai_ci.plan.form import PlanFormat

NAMED_OTHERWISE = {
    "format_": ("--format",),
    "out": ("--output", "-o"),
    "registries_file": ("--registries",),
}
"""The options that are not called as their parameter is."""

READERS: dict[str, Callable[[str], Any]] = {
    "source": Path,
    "matrix": Path,
    "previous_matrix": Path,
    "registries_file": Path,
    "out": Path,
    "against": Path,
    "budget": float,
    "runners": lambda text: _at_least(int(text), 1),
    "shard_size": int,
    "blocks": int,
    "format_": PlanFormat,
    "ci": Ci,
}
"""What makes a value of a word, where it is not the word itself."""

FLAGS = {"pack", "by_inputs"}
MANY = {"force", "rebuilt_base", "write"}


def _at_least(number: int, least: int) -> int:
    if number < least:
        raise ValueError(number)
    return number


def names_of(field: str) -> tuple[str, ...]:
    """How an option is written, from its parameter's name."""
    return NAMED_OTHERWISE.get(field) or (f"--{field.replace('_', '-')}",)


def plain_plan(words: Sequence[str]) -> PlanOptions | None:
    """The options, or None where the program has to look."""
    if any(name.endswith("_COMPLETE") and name.startswith("_LOCALAI") for name in os.environ):
        return None
    known = {name: field.name for field in fields(PlanOptions) for name in names_of(field.name)}
    values: dict[str, Any] = {}
    left = list(reversed(words))
    while left:
        word, equals, value = left.pop().partition("=")
        field = known.get(word)
        if field is None or (equals and not word.startswith("--")):
            return None
        if field in FLAGS:
            if equals:
                return None
            values[field] = True
            continue
        if not equals:
            if not left or (left[-1].startswith("-") and left[-1] != "-"):
                return None
            value = left.pop()
        try:
            read = READERS.get(field, str)(value)
        except ValueError:
            return None
        values[field] = [*values.get(field, []), read] if field in MANY else read
    return PlanOptions(**values)
