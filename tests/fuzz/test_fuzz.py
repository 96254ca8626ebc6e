"""A share of the fuzzing in the quick suite: about half a minute for all readers together."""

import random
import time

import pytest

from fuzz.mutation import mutated
from fuzz.targets import TARGETS, corpus

SECONDS = 30 / len(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once_stays_fixed(name: str) -> None:
    """The corpus: where the search begins, and the smallest inputs of faults that were found."""
    assert corpus(name) != [b""]
    for data in corpus(name):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_any_input_is_a_value_or_an_error_that_helps(name: str) -> None:
    seed = random.randrange(1 << 32)
    dice, seeds = random.Random(seed), corpus(name)
    end, tried = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        data = mutated(seeds, dice)
        tried += 1
        try:
            TARGETS[name](data)
        except Exception as error:
            kind = type(error).__name__
            raise AssertionError(
                f"input {tried} of seed {seed}: {kind} for {data!r:.2000}"
            ) from error
    assert tried > 10
