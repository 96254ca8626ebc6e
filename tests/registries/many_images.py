"""As many images as LocalAI has, pushed to two registries: for the load test and the benchmark."""

from collections.abc import Sequence

import anyio

from localai_ci.release.receipt import Receipt
from registries.legs import Scene


def entries(images: int, pairs: int) -> list[tuple[str, ...]]:
    """The legs of each image: the first ``pairs`` have two."""
    return [
        tuple(f"image-{n}/{arch}" for arch in (("amd64", "arm64") if n < pairs else ("amd64",)))
        for n in range(images)
    ]


async def push(scene: Scene, wanted: Sequence[tuple[str, ...]]) -> list[Receipt]:
    """Push every leg, eight at a time, and keep the receipts."""
    receipts: list[Receipt] = []
    places = anyio.CapacityLimiter(8)

    async def one(entry: str, legs: tuple[str, ...]) -> None:
        async with places:
            receipts.append(await scene.leg(entry, legs))

    async with anyio.create_task_group() as group:
        for legs in wanted:
            for entry in legs:
                group.start_soon(one, entry, legs)
    return receipts
