"""How much of the engine's disk something takes: its file system is that of this container."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

PAUSE = 1.0
"""Seconds between two looks: what a step writes and removes within one is not seen."""


def free() -> int:
    """Bytes that are free where the engine keeps its layers."""
    there = os.statvfs("/")
    return there.f_bavail * there.f_frsize


@dataclass
class DiskUse:
    """Bytes that were taken at most, while it was watched; what others take counts too."""

    taken: int = 0


async def watch(
    act: Callable[[], Awaitable[None]],
    use: DiskUse,
    look: Callable[[], int] = free,
    pause: float = PAUSE,
) -> None:
    """Do something, and note how much less disk is free meanwhile.

    Args:
        act: What is done.
        use: Where it is noted, also when ``act`` fails.
        look: Tells what is free.
        pause: Seconds between two looks.
    """
    before = look()
    failure: Exception | None = None

    def note() -> None:
        use.taken = max(use.taken, before - look())

    async def watching() -> None:
        while True:
            await anyio.sleep(pause)
            note()

    async with anyio.create_task_group() as group:
        group.start_soon(watching)
        try:
            await act()
        except Exception as e:  # noqa: BLE001 - raised below, and not as one of a group
            failure = e
        note()
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
