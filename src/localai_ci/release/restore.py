"""Legs that a registry does not have, or lost, come back from their receipts."""

from http import HTTPStatus

from localai_ci.oci import manifests
from localai_ci.oci.copy import copy_blobs, settled
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.release.receipt import Receipt


async def restore_leg(transport: Transport, receipt: Receipt, target: Repository) -> str:
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
            await copy_blobs(transport, (receipt.config, *receipt.layers), sources, target)
            await manifests.put(transport, image, receipt.as_manifest)
        except RegistryError as cause:
            raise RegistryError(
                f"the leg {receipt.entry} of {receipt.run.day} is not here and cannot be brought "
                f"back: {cause.what}",
                where=str(image),
                remedy=f"Build it again (dagger call backend --entry {receipt.entry} … publish), "
                "then merge.",
                status=cause.status,
            ) from cause
    await settled(transport, image, receipt.digest)
    return how
