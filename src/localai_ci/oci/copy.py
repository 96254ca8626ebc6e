"""Whole images: wait until one is readable, retag it, copy it."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

from localai_ci.oci import blobs, manifests
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.manifests import Manifest, parts
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport

T = TypeVar("T")
_FIRST_PAUSE = 0.1  # s; doubles


class MovedError(RegistryError):
    """A tag has neither the value it had nor the one it was given: somebody else wrote it."""


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

    async def read() -> str | None:
        found = await manifests.find(transport, image)
        if found is None:
            # HEAD and PUT disagree: GET decides, and is asked from then on if it knows better.
            found = await manifests.head_confirmed(transport, image, missing=True)
        if found not in {None, digest, before}:
            raise MovedError(
                f"{digest} was just written here, but it reads {found}: another run writes it too",
                where=str(image),
                remedy="See which run should win, and run its merge again.",
            )
        return found if found == digest else None

    if await _until_found(transport, read) is None:
        raise RegistryError(
            f"{digest} was written, but after {transport.policy.settle:g} s it still reads "
            f"{before or 'nothing'}",
            where=str(image),
            remedy="Run it again later: what is done stays done.",
        )


async def gone(transport: Transport, image: Reference) -> None:
    """Wait until a deleted tag is not there any more: some registries say yes and do it later.

    Raises:
        RegistryError: it stays for the policy's ``settle`` seconds.
    """

    async def read() -> bool | None:
        return None if await manifests.find(transport, image) else True

    if await _until_found(transport, read) is None:
        raise RegistryError(
            f"its deletion was accepted, but after {transport.policy.settle:g} s it is still there",
            where=str(image),
            remedy="Run it again later, or delete it in the registry's own way, by its name.",
        )


async def patiently(
    transport: Transport, act: Callable[[], Awaitable[T]], again: Callable[[RegistryError], bool]
) -> T:
    """Try what a registry refuses only as long as it has not seen yet what was just written.

    Args:
        transport: How long things take to settle.
        act: What to do.
        again: Whether a refusal may be one of these; the last one is raised as it is.
    """
    refusals: list[RegistryError] = []

    async def read() -> list[T] | None:
        try:
            return [await act()]
        except RegistryError as e:
            if not again(e):
                raise
            refusals.append(e)
            return None

    if (done := await _until_found(transport, read)) is None:
        raise refusals[-1]
    return done[0]


async def appears(transport: Transport, image: Reference) -> Manifest | None:
    """The manifest of what another program just pushed, or None if it does not appear."""

    async def read() -> Manifest | None:
        return await manifests.get(transport, image)

    return await _until_found(transport, read)


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
    manifest = await manifests.get_existing(transport, repository.at(image))
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
        ValueError: the source is not a single image.
    """
    manifest = await manifests.get_existing(transport, source)
    if not target.tag:
        target = target.pinned(manifest.digest)
    before = await manifests.find(transport, target)
    if before != manifest.digest:
        config, layers = parts(manifest)
        await copy_blobs(transport, (config, *layers), [source.repository], target.repository)
        await manifests.put(transport, target, manifest)
        await settled(transport, target, manifest.digest, before)
    return manifest.digest


async def copy_blobs(
    transport: Transport,
    needed: Iterable[Descriptor],
    sources: Iterable[Repository],
    target: Repository,
) -> None:
    """Bring each blob from the first of the sources that has it.

    Raises:
        RegistryError: none has it.
    """

    async def one(blob: Descriptor) -> None:
        failure = RegistryError("no repository is known that has it", where=blob.digest)
        for source in sources:
            try:
                await blobs.copy(transport, blob, source, target)
            except RegistryError as e:
                failure = e
            else:
                return
        raise failure

    for blob in {blob.digest: blob for blob in needed}.values():
        await one(blob)


async def _until_found(transport: Transport, read: Callable[[], Awaitable[T | None]]) -> T | None:
    """Read until there is something, with longer and longer pauses, as long as things settle."""
    pause, left = _FIRST_PAUSE, transport.policy.settle
    while (found := await read()) is None and left > 0:
        await anyio.sleep(min(pause, left))
        left -= pause
        pause *= 2
    return found
