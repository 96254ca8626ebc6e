"""The merge: all images of a run, at once, each by itself."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from localai_ci.config.kind import ImageKind
from localai_ci.errors import LocalaiCiError
from localai_ci.oci.concurrency import failures
from localai_ci.oci.transport import Transport
from localai_ci.release.binding import UnboundError
from localai_ci.release.gc import Cleaner
from localai_ci.release.merge_image import ImageMerge, Options, Signer
from localai_ci.release.merge_plan import Image
from localai_ci.release.result import ImageRow, MergeResult, Status
from localai_ci.release.tag_lists import TagLists
from localai_ci.release.targets import Target

Act = Callable[[Image, ImageRow], Awaitable[None]]


@dataclass
class Merge:
    """One merge under way; ``result`` is true at every moment, also after an interruption.

    Args:
        transport: The way out; read-only for a dry run.
        targets: The registries of each family of images.
        options: How to merge.
        signer: Signs before tags move; None leaves images unsigned.
        report: Told of every image that is done.
        promise: Has the planned tags of an image on disk when it returns, before any is written.
        remembered: What an earlier run recorded, by family and suffix.
    """

    transport: Transport
    targets: Mapping[ImageKind, tuple[Target, ...]]
    options: Options = field(default_factory=Options)
    signer: Signer | None = None
    report: Callable[[ImageRow], None] = lambda _: None
    promise: Callable[[ImageRow], Awaitable[None]] | None = None
    remembered: Mapping[tuple[ImageKind, str], ImageRow] = field(default_factory=dict)
    result: MergeResult = field(default_factory=MergeResult)
    _cleaner: Cleaner = field(init=False)
    _lists: TagLists = field(init=False)

    def __post_init__(self) -> None:
        """One memory of which registries cannot delete tags, and of what they list."""
        self._cleaner = Cleaner(self.transport)
        self._lists = TagLists(self.transport)

    async def run(self, images: Sequence[Image]) -> MergeResult:
        """Merge them all. An image that fails is a row with its error, never an exception."""
        started = time.monotonic()
        rows = [ImageRow(kind=image.kind, suffix=image.suffix) for image in images]
        self.result.dry_run, self.result.images = self.options.dry_run, rows
        todo = list(zip(images, rows, strict=True))
        try:
            await self._all(self._merge, todo)
            if not self.options.dry_run:
                await self._finish(todo)
        finally:
            self.result.requests = dict(sorted(self.transport.requests.items()))
            self.result.writes = self.transport.writes
            self.result.seconds = round(time.monotonic() - started, 3)
        self.result.ok = not self.result.unusable and not any(True for _ in self.result.bad)
        return self.result

    async def _all(self, act: Act, todo: Sequence[tuple[Image, ImageRow]]) -> None:
        """Do something with each image, a few at a time, whatever becomes of the others."""
        places = anyio.CapacityLimiter(self.options.at_once)

        async def one(image: Image, row: ImageRow) -> None:
            async with places:
                began = time.monotonic()
                try:
                    await act(image, row)
                except LocalaiCiError as e:
                    unbound = all(isinstance(failure, UnboundError) for failure in failures(e))
                    row.status = Status.refused if unbound else Status.failed
                    row.error = str(e)
                except Exception as e:  # noqa: BLE001 - whatever it is, the other images go on
                    row.status = Status.failed
                    row.error = f"a fault of localai-ci itself: {_first(e)!r}"
                row.seconds = round(row.seconds + time.monotonic() - began, 3)
                if act == self._merge or row.error:
                    self.report(row)

        async with anyio.create_task_group() as group:
            for image, row in todo:
                group.start_soon(one, image, row)

    async def _merge(self, image: Image, row: ImageRow) -> None:
        remembered = self.remembered.get((image.kind, image.suffix))
        await self._work(image).run(image, row, remembered)

    async def _finish(self, todo: Sequence[tuple[Image, ImageRow]]) -> None:
        """What is done once all images have moved, from lists that are newer than that."""
        done = [(image, row) for image, row in todo if row.status is Status.merged]
        old = self._lists.numbers()

        async def one(image: Image, row: ImageRow) -> None:
            await self._work(image).finish(image, row, old)

        await self._all(one, done)

    def _work(self, image: Image) -> ImageMerge:
        return ImageMerge(
            self.transport,
            self.targets[image.kind],
            self.options,
            self.signer,
            self._lists,
            self._cleaner,
            self.promise,
        )


def _first(error: Exception) -> Exception:
    """What is at the bottom of an error of several tasks."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
