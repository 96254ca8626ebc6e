"""An image that another workflow pushed becomes a leg of this run: Darwin's are built on Macs.

It is copied under the run's own anchors, so that nothing of what its builder says is believed: a
merge then binds and proves it like any other leg.
"""

import datetime as dt
from collections.abc import Sequence

from localai_ci import names
from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError
from localai_ci.oci import copy, manifests
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.reference import Reference, is_tag
from localai_ci.oci.transport import Transport
from localai_ci.release.proof import prove_and_receipt
from localai_ci.release.receipt import Receipt, Run
from localai_ci.release.targets import Target


def anchors(
    targets: Sequence[Target], day: dt.date, run_id: str, entry: str
) -> dict[str, Reference]:
    """Where the legs of a run wait, by the registry's name. Pure.

    Raises:
        InputError: the entry or the run has no name that a tag can have.
    """
    tag = names.anchor_tag(day.strftime("%Y%m%d"), run_id, entry)
    if not names.is_entry_id(entry) or not is_tag(tag):
        raise InputError(
            f"{entry!r} of the run {run_id!r} makes no name of a tag",
            remedy="Write an entry as a plan does, metal-darwin-arm64-whisper/darwin-arm64, and a"
            " run as letters, digits, dots and dashes.",
        )
    return {target.name: target.anchors.at(tag) for target in targets}


async def adopt(
    transport: Transport, image: Reference, targets: Sequence[Target], entry: str, run: Run
) -> Receipt:
    """Copy an image under the run's anchors in every registry, and read it back there.

    Args:
        transport: The way out.
        image: What was pushed, in any registry that can be read.
        targets: Where it goes.
        entry: Which leg it is.
        run: The run that it shall be of.

    Raises:
        InputError: it is an index, or a name cannot be used.
        RegistryError: it is not there, not for the entry's platform, or a registry refused.
    """
    places = anchors(targets, run.day, run.id, entry)
    try:
        manifests.parts(await manifests.get_existing(transport, image))
    except ValueError:
        raise InputError(
            "it is an index of several images, not one image",
            where=str(image),
            remedy="Name what the build pushed, by its digest if need be: HOST/PATH@sha256:…",
        ) from None
    except RegistryError as e:
        raise RegistryError(
            f"the image of {entry} cannot be read: {e.what}",
            where=str(image),
            remedy=f"Push it there first; this run's merge demands {entry}.",
            status=e.status,
        ) from None
    for place in places.values():
        await copy.copy(transport, image, place)
    return await prove_and_receipt(
        transport, entry=entry, anchors=places, run=run, legs=(entry,), kind=ImageKind.backends
    )
