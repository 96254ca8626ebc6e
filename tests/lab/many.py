"""As many images as LocalAI publishes, pushed and with receipts, for tests of size."""

from collections.abc import Sequence

import anyio

from lab.legs import Scene
from localai_ci.registry.receipt import Receipt

_AT_ONCE = 8


def entries(images: int, with_two_legs: int = 0) -> list[tuple[str, ...]]:
    """The legs of each image; the first few have two."""
    return [
        tuple(
            f"bench-{number:03}/{arch}"
            for arch in (("amd64", "arm64") if number < with_two_legs else ("amd64",))
        )
        for number in range(images)
    ]


async def pushed(scene: Scene, images: Sequence[Sequence[str]]) -> list[Receipt]:
    """Push all legs to all registries, several at a time."""
    found: list[Receipt] = []
    places = anyio.CapacityLimiter(_AT_ONCE)

    async def one(entry: str, legs: Sequence[str]) -> None:
        async with places:
            found.append(await scene.leg(entry, legs))

    async with anyio.create_task_group() as group:
        for legs in images:
            for entry in legs:
                group.start_soon(one, entry, legs)
    return found
