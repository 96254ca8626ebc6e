"""Legs that a registry does not have, or lost, come back from their receipts."""

from collections.abc import Iterable
from functools import partial

from localai_ci.oci import blobs, manifests
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.copy import copy_blobs, settled
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.manifests import Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.release.receipt import Receipt


async def restore_leg(
    transport: Transport, receipt: Receipt, target: Repository, others: Iterable[Repository] = ()
) -> str:
    """Put a leg into a repository that does not have it, or lost it, from its receipt.

    The manifest's bytes are in the receipt. Blobs outlive manifests for a while, so each is asked
    for: what is missing is mounted from the leg's anchor in the same registry, or copied from
    another repository. Not every registry minds missing blobs, so it is not left to the registry.

    Args:
        transport: The way out.
        receipt: The leg.
        target: Where it is missing.
        others: Repositories besides its anchors' that may have its blobs.

    Returns:
        How: ``manifest`` or ``manifest and blobs``.

    Raises:
        RegistryError: a blob is nowhere any more; names leg, digest, registry and what to do.
    """
    image = target.at(receipt.digest)
    places = [*(one.repository for one in receipt.publications), *others]
    near = sorted(places, key=lambda place: place.registry != target.registry)
    sources = [place for place in dict.fromkeys(near) if place != target]
    try:
        missing = await _missing(transport, receipt, target)
        await copy_blobs(transport, missing, sources, target)
        if missing:
            _demand_none(await _missing(transport, receipt, target), target)
        await _put_and_read(transport, target, receipt.as_manifest)
    except RegistryError as cause:
        raise RegistryError(
            f"the leg {receipt.entry} of {receipt.run.day} is not here and cannot be brought "
            f"back: {cause.what}",
            where=str(image),
            remedy=f"Build it again (dagger call backend --entry {receipt.entry} … publish), "
            "then merge.",
            status=cause.status,
        ) from cause
    return "manifest and blobs" if missing else "manifest"


async def put_confirmed(
    transport: Transport, target: Repository, name: str, manifest: Manifest, before: str | None
) -> None:
    """Write a manifest; read it back where the registry's answer does not name its digest.

    Args:
        transport: The way out.
        target: Where to.
        name: A tag, or its digest.
        manifest: What.
        before: What the tag had before, which may be shown for a while.

    Raises:
        RegistryError: refused, or it does not become readable.
    """
    image = target.at(name)
    answer = await manifests.put(transport, image, manifest)
    reported = answer.headers.get("Docker-Content-Digest")
    if not (answer.ok and reported == manifest.digest):
        await settled(transport, image, manifest.digest, before)


async def _put_and_read(transport: Transport, target: Repository, manifest: Manifest) -> None:
    await manifests.put(transport, target.at(manifest.digest), manifest)
    await settled(transport, target.at(manifest.digest), manifest.digest)
    # By reading: some answer HEAD of what they do not give.
    await manifests.get_existing(transport, target.at(manifest.digest))


async def _missing(transport: Transport, receipt: Receipt, target: Repository) -> list[Descriptor]:
    """The blobs of a leg that a repository does not give; that it says so is not enough."""
    needed = {blob.digest: blob for blob in (receipt.config, *receipt.layers)}
    there = await run_all(partial(blobs.readable, transport, target, digest) for digest in needed)
    return [blob for blob, found in zip(needed.values(), there, strict=True) if not found]


def _demand_none(missing: list[Descriptor], target: Repository) -> None:
    if missing:
        raise RegistryError(f"it does not keep {missing[0].digest}", where=str(target))
