"""Several requests at once, all to their end: one failure does not break off the others."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

from localai_ci.errors import LocalaiCiError

T = TypeVar("T")


class SeveralError(LocalaiCiError):
    """More than one thing went wrong."""

    def __init__(self, failures: tuple[LocalaiCiError, ...]) -> None:
        """One line each."""
        super().__init__("; ".join(dict.fromkeys(str(failure) for failure in failures)))
        self.failures = failures


def failures(error: LocalaiCiError) -> tuple[LocalaiCiError, ...]:
    """What went wrong, one by one."""
    return error.failures if isinstance(error, SeveralError) else (error,)


async def run_all(calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run all calls at once; results in the order of the calls.

    Raises:
        LocalaiCiError: after all have ended: the one failure, or `SeveralError`.
    """
    started = list(calls)
    done: dict[int, T] = {}
    failed: dict[int, LocalaiCiError] = {}

    async def one(number: int, call: Callable[[], Awaitable[T]]) -> None:
        try:
            done[number] = await call()
        except LocalaiCiError as e:
            failed[number] = e

    if len(started) == 1:
        return [await started[0]()]
    async with anyio.create_task_group() as group:
        for number, call in enumerate(started[1:], 1):
            group.start_soon(one, number, call)
        if started:  # the first needs no task of its own: most groups are of two
            await one(0, started[0])
    match [failed[number] for number in sorted(failed)]:
        case []:
            return [done[number] for number in range(len(started))]
        case [failure]:
            raise failure
        case several:
            raise SeveralError(tuple(several))
