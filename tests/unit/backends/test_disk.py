"""What a build takes of the engine's disk."""

from collections.abc import Iterator

import anyio
import pytest

from localai_ci.backends.disk import DiskUse, free, watch


def figures(*bytes_free: int) -> Iterator[int]:
    yield from bytes_free
    while True:
        yield bytes_free[-1]


def test_the_most_that_was_taken_counts_not_what_was_left_in_the_end() -> None:
    use, free_then = DiskUse(), figures(100, 80, 30, 90)

    async def build() -> None:
        await anyio.sleep(0.1)

    anyio.run(watch, build, use, lambda: next(free_then), 0.01)
    assert use.taken == 70


def test_what_others_freed_meanwhile_is_not_less_than_nothing() -> None:
    use, free_then = DiskUse(), figures(100, 150)

    async def build() -> None:
        await anyio.sleep(0.02)

    anyio.run(watch, build, use, lambda: next(free_then), 0.01)
    assert use.taken == 0


def test_an_error_comes_out_as_itself_and_the_disk_is_known_all_the_same() -> None:
    use, free_then = DiskUse(), figures(100, 40)

    async def build() -> None:
        raise ValueError("the compiler is missing")

    with pytest.raises(ValueError, match="the compiler is missing"):
        anyio.run(watch, build, use, lambda: next(free_then), 0.01)
    assert use.taken == 60


def test_this_machines_own_disk_has_room() -> None:
    assert free() > 0
