"""The merge: all images of a run, at once, each by itself."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from localai_ci.config.kind import ImageKind
from localai_ci.errors import LocalaiCiError
from localai_ci.oci import manifests
from localai_ci.oci.concurrency import failures
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.release.binding import UnboundError
from localai_ci.release.gc import Cleaner
from localai_ci.release.merge_image import ImageMerge, Options, Signer
from localai_ci.release.merge_plan import Image
from localai_ci.release.result import ImageRow, MergeResult, Status
from localai_ci.release.tags import newest_release
from localai_ci.release.targets import Target


@dataclass
class Merge:
    """One merge under way; ``result`` is true at every moment, also after an interruption.

    Args:
        transport: The way out; read-only for a dry run.
        targets: The registries of each family of images.
        options: How to merge.
        signer: Signs before tags move; None leaves images unsigned.
        report: Told of every image that is done.
    """

    transport: Transport
    targets: Mapping[ImageKind, tuple[Target, ...]]
    options: Options = field(default_factory=Options)
    signer: Signer | None = None
    report: Callable[[ImageRow], None] = lambda _: None
    result: MergeResult = field(default_factory=MergeResult)
    _cleaner: Cleaner = field(init=False)
    _listed: dict[Repository, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """One memory of which registries cannot delete tags."""
        self._cleaner = Cleaner(self.transport)

    async def run(self, images: Sequence[Image]) -> MergeResult:
        """Merge them all. An image that fails is a row with its error, never an exception."""
        started = time.monotonic()
        places = anyio.CapacityLimiter(self.options.at_once)
        rows = [ImageRow(kind=image.kind, suffix=image.suffix) for image in images]
        self.result.dry_run, self.result.images = self.options.dry_run, rows

        async def place(image: Image, row: ImageRow) -> None:
            async with places:
                await self._one(image, row)

        try:
            async with anyio.create_task_group() as group:
                for image, row in zip(images, self.result.images, strict=True):
                    group.start_soon(place, image, row)
        finally:
            self.result.requests = dict(sorted(self.transport.requests.items()))
            self.result.writes = self.transport.writes
            self.result.seconds = round(time.monotonic() - started, 3)
        self.result.ok = not self.result.unusable and not any(True for _ in self.result.bad)
        return self.result

    async def _one(self, image: Image, row: ImageRow) -> None:
        started = time.monotonic()
        where = self.targets[image.kind]
        work = ImageMerge(
            self.transport, where, self.options, self.signer, self._newest, self._cleaner
        )
        try:
            await work.run(image, row)
        except LocalaiCiError as e:
            unbound = all(isinstance(one, UnboundError) for one in failures(e))
            row.status = Status.refused if unbound else Status.failed
            row.error = str(e)
        except Exception as e:  # noqa: BLE001 - whatever it is, the other images go on
            row.status, row.error = Status.failed, f"a fault of localai-ci itself: {_first(e)!r}"
        row.seconds = round(time.monotonic() - started, 3)
        self.report(row)

    async def _newest(self, target: Target, suffix: str) -> str:
        """The newest release of a suffix by its tags' names; each repository is listed once."""
        async with self.transport.alone(f"tags of {target.repository}"):
            if target.repository not in self._listed:
                found = await manifests.list_tags(self.transport, target.repository)
                if not found:
                    raise RegistryError(
                        f"it has latest{suffix}, but lists no tags: what release that is cannot "
                        "be known",
                        where=str(target.repository),
                        remedy="Run it again. Where it never lists tags: --force-latest.",
                    )
                self._listed[target.repository] = found
        return newest_release(self._listed[target.repository], suffix)


def _first(error: Exception) -> Exception:
    """What is at the bottom of an error of several tasks."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
