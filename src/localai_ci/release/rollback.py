"""Putting tags back to what they were, from what a merge recorded."""

from collections.abc import Callable

from localai_ci.errors import LocalaiCiError
from localai_ci.oci import manifests
from localai_ci.oci.copy import gone, settled
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.reference import Reference
from localai_ci.oci.transport import Transport
from localai_ci.release.result import WRITTEN, MergeResult, TagRow, TagState


async def restore_tag(transport: Transport, tag: TagRow, *, dry_run: bool = False) -> str:
    """Give a tag its previous digest again.

    Returns:
        What was done, or would be: for people.

    Raises:
        RegistryError: somebody moved it since, the previous image is gone, it is not certain
            that there was none, or the registry cannot delete tags, or did not.
    """
    image = Reference.parse(tag.image)
    now = await manifests.head_confirmed(transport, image)
    if now == tag.previous:
        return "is as it was"
    if now != tag.digest:
        raise RegistryError(
            f"left alone: somebody moved it to {now}",
            where=tag.image,
            remedy="If that is not wanted, merge the release you want again.",
        )
    if tag.previous is None and not tag.new:
        raise RegistryError(
            "not deleted: that there was no such tag before rests on one answer alone",
            where=tag.image,
            remedy="If it was really new, delete it in the registry's own way, by its name.",
        )
    if dry_run:
        return f"would go back to {tag.previous or 'nothing'}"
    if tag.previous is None:
        await manifests.delete_tag(transport, image)
        await gone(transport, image)
        return "deleted: it was new"
    before = await manifests.get(transport, image.pinned(tag.previous))
    if before is None:
        raise RegistryError(
            f"its previous image {tag.previous} is gone",
            where=tag.image,
            remedy="Merge the release you want again from its receipts.",
        )
    await manifests.put(transport, image, before)
    await settled(transport, image, tag.previous, tag.digest)
    return f"back at {tag.previous}"


async def rollback(
    transport: Transport,
    result: MergeResult,
    report: Callable[[TagRow, str], None],
    *,
    dry_run: bool = False,
) -> bool:
    """Undo every move that a merge recorded, the last first.

    Args:
        transport: The way out.
        result: What the merge recorded; the states of its tags are brought up to date.
        report: Told of every tag, and what was done.
        dry_run: Only tell.

    Returns:
        Whether every tag could be restored.
    """
    well = True
    for row in reversed(result.images):
        for tag in reversed(row.tags):
            if tag.state not in WRITTEN:
                continue
            try:
                done = await restore_tag(transport, tag, dry_run=dry_run)
                if not dry_run:
                    tag.state = TagState.restored
            except LocalaiCiError as e:
                done, well = e.beside(tag.image), False
            report(tag, done)
    return well
