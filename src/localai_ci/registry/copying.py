"""Whole images: wait until one is readable, retag it, copy it, bring it back from a receipt."""

from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import TypeVar

import anyio

from localai_ci.registry import blobs, manifests
from localai_ci.registry.errors import RegistryError
from localai_ci.registry.manifests import Manifest
from localai_ci.registry.receipt import Part, Receipt, parts
from localai_ci.registry.reference import Reference, Repository
from localai_ci.registry.transport import Transport

T = TypeVar("T")
_FIRST_PAUSE = 0.1  # s; doubles


class MovedError(RegistryError):
    """A tag has neither the value it had nor the one it was given: somebody else wrote it."""


async def exists(transport: Transport, image: Reference) -> str | None:
    """The digest of an image, or None (HEAD)."""
    return await manifests.find(transport, image)


async def settled(
    transport: Transport, image: Reference, digest: str, before: str | None = None
) -> None:
    """Wait until what was just written can be read: some registries are a little behind.

    Args:
        transport: The way out.
        image: What was written.
        digest: Its digest.
        before: What the tag had before, which may still be shown for a while.

    Raises:
        MovedError: a third value is there.
        RegistryError: it stayed as before for the policy's ``settle`` seconds.
    """

    async def look() -> str | None:
        found = await manifests.find(transport, image)
        if found not in {None, digest, before}:
            raise MovedError(
                f"{digest} was just written here, but it reads {found}: another run writes it too",
                where=str(image),
                remedy="See which run should win, and run its merge again.",
            )
        return found if found == digest else None

    if await _until(transport, look) is None:
        raise RegistryError(
            f"{digest} was written, but after {transport.policy.settle:g} s it still reads "
            f"{before or 'nothing'}",
            where=str(image),
            remedy="Run it again later: what is done stays done.",
        )


async def appears(transport: Transport, image: Reference) -> Manifest | None:
    """The manifest of what another program just pushed, or None if it does not appear."""

    async def look() -> Manifest | None:
        return await manifests.look(transport, image)

    return await _until(transport, look)


async def retag(transport: Transport, repository: Repository, image: str, tag: str) -> str:
    """Give an image of a repository a further tag; nothing is written if it has it already.

    Args:
        transport: The way out.
        repository: Where.
        image: A digest or a tag.
        tag: The new tag.

    Returns:
        The image's digest, read back under the new tag.
    """
    manifest = await manifests.get(transport, repository.at(image))
    target = repository.at(tag)
    before = await manifests.find(transport, target)
    if before != manifest.digest:
        await manifests.put(transport, target, manifest)
        await settled(transport, target, manifest.digest, before)
    return manifest.digest


async def copy(transport: Transport, source: Reference, target: Reference) -> str:
    """Copy one image (not an index) with its blobs, within a registry or between two.

    Args:
        transport: The way out.
        source: Which, by tag or digest.
        target: Where to, by tag; or a repository alone, then only its digest names it.

    Returns:
        Its digest, read back.

    Raises:
        RegistryError: the source is missing, or a write failed.
        ValueError: the source is no single image.
    """
    manifest = await manifests.get(transport, source)
    if not target.tag:
        target = target.pinned(manifest.digest)
    before = await manifests.find(transport, target)
    if before != manifest.digest:
        config, layers = parts(manifest)
        await _bring_blobs(transport, (config, *layers), [source.repository], target.repository)
        await manifests.put(transport, target, manifest)
        await settled(transport, target, manifest.digest, before)
    return manifest.digest


async def bring(transport: Transport, receipt: Receipt, target: Repository) -> str:
    """Put a leg into a repository that does not have it, or lost it, from its receipt.

    The manifest's bytes are in the receipt. Blobs outlive manifests for a while, so the bytes
    alone often do; else each blob is mounted from the leg's anchor in the same registry, or
    copied from an anchor in another one.

    Returns:
        How: ``manifest`` or ``manifest and blobs``.

    Raises:
        RegistryError: a blob is nowhere any more; names leg, digest, registry and what to do.
    """
    image = target.at(receipt.digest)
    how = "manifest"
    try:
        await manifests.put(transport, image, receipt.as_manifest)
    except RegistryError as e:
        if e.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
            raise
        how = "manifest and blobs"
        near = sorted(receipt.publications, key=lambda p: p.repository.registry != target.registry)
        sources = dict.fromkeys(publication.repository for publication in near)
        try:
            await _bring_blobs(transport, (receipt.config, *receipt.layers), sources, target)
            await manifests.put(transport, image, receipt.as_manifest)
        except RegistryError as cause:
            raise RegistryError(
                f"the leg {receipt.entry} of {receipt.run.day} is not here and cannot be brought "
                f"back: {cause.what}",
                where=str(image),
                remedy=f"Build it again (publish-backend --entry {receipt.entry}), then merge.",
                status=cause.status,
            ) from cause
    await settled(transport, image, receipt.digest)
    return how


async def _bring_blobs(
    transport: Transport, wanted: Iterable[Part], sources: Iterable[Repository], target: Repository
) -> None:
    async def one(part: Part) -> None:
        blob = blobs.Blob(part.digest, part.size)
        failure = RegistryError("no repository is known that has it", where=part.digest)
        for source in sources:
            try:
                await blobs.copy(transport, blob, source, target)
            except RegistryError as e:
                failure = e
            else:
                return
        raise failure

    for part in {part.digest: part for part in wanted}.values():
        await one(part)


async def _until(transport: Transport, look: Callable[[], Awaitable[T | None]]) -> T | None:
    """Look until there is something, with longer and longer pauses, as long as things settle."""
    pause, left = _FIRST_PAUSE, transport.policy.settle
    while (found := await look()) is None and left > 0:
        await anyio.sleep(min(pause, left))
        left -= pause
        pause *= 2
    return found
