"""The first receipt of a leg, kept beside it under the name of its inputs.

So that a later run, which finds the leg built, says truly where it comes from. It stands under a
tag of its own (`names.kept_receipt_tag`): some registries collect what has no tag.
"""

import datetime as dt
from collections.abc import Iterable

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.names import kept_receipt_tag
from localai_ci.oci import blobs, manifests
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.reference import Reference
from localai_ci.oci.transport import Transport
from localai_ci.release import artifacts, binding
from localai_ci.release.receipt import Receipt, Run

KIND = "application/vnd.localai.ci.receipt.v1+json"
CREATED = "org.opencontainers.image.created"
"""The annotation with the day of the run, which `gc` reads."""

UNKNOWN = Run(id="", day=dt.date(1970, 1, 1))
"""The run of a leg whose first receipt nobody kept: nothing is recorded of it."""


async def keep(transport: Transport, leg: Reference, receipt: Receipt) -> bool:
    """Keep a receipt beside its leg, unless there is one already: the first is the original.

    Args:
        transport: The way out.
        leg: The leg, by the tag that names its inputs.
        receipt: Its receipt.

    Returns:
        Whether it was written.

    Raises:
        RegistryError: the registry refused, or the retries ended.
    """
    place = leg.repository.at(kept_receipt_tag(leg.tag))
    if await find(transport, leg, receipt):
        return False
    document = receipt.model_dump_json().encode()
    await artifacts.push_blobs(transport, leg.repository, document)
    day = {CREATED: f"{receipt.origin.day.isoformat()}T00:00:00Z"}
    await manifests.put(transport, place, artifacts.manifest(KIND, document, day))
    return True


async def find(transport: Transport, leg: Reference, same: Receipt) -> Receipt | None:
    """The receipt that is kept beside a leg, None where there is none of this very leg.

    Args:
        transport: The way out.
        leg: The leg, by the tag that names its inputs.
        same: The leg's receipt as it was just made: digest and entry must be the same.

    Raises:
        RegistryError: the registry refused, or the retries ended.
    """
    there = await manifests.get(transport, leg.repository.at(kept_receipt_tag(leg.tag)))
    if there is None:
        return None
    try:
        _, (layer,) = manifests.parts(there)
        receipt = Receipt.model_validate(json_text.read(await _document(transport, leg, layer)))
    except ValueError:
        return None
    agrees = (receipt.kind, receipt.entry, receipt.digest) == (same.kind, same.entry, same.digest)
    return receipt if agrees else None


async def with_origin(
    transport: Transport, places: Iterable[Reference], receipt: Receipt
) -> Receipt:
    """A receipt of a leg that was found built, with what is known of the run that built it.

    Args:
        transport: The way out.
        places: Where the leg stands under the name of its inputs.
        receipt: What was just proven of it.
    """
    for place in places:
        if first := await find(transport, place, receipt):
            origin = {
                "built": first.origin,
                "built_by": first.built_by,
                "input_hash": receipt.input_hash or first.input_hash,
            }
            return receipt.model_copy(update=origin)
    revision = binding.revision_of(receipt)
    return receipt.model_copy(update={"built": UNKNOWN.model_copy(update={"revision": revision})})


async def revision_of(transport: Transport, receipt: Reference) -> str:
    """The commit that a kept receipt's leg was built of, or nothing.

    Raises:
        RegistryError: the registry refused, or the retries ended.
    """
    there = await manifests.get(transport, receipt)
    if there is None:
        return ""
    try:
        _, (layer,) = manifests.parts(there)
        document = json_text.read(await _document(transport, receipt, layer))
        return Receipt.model_validate(document).origin.revision
    except ValueError:
        return ""


async def day_of(transport: Transport, receipt: Reference) -> str:
    """The day (``YYYYMMDD``) that a kept receipt says its leg was built on, or nothing."""
    there = await manifests.get(transport, receipt)
    try:
        said = str(json_text.read(there.raw)["annotations"][CREATED]) if there else ""
    except (ValueError, KeyError, TypeError):
        return ""
    day = said.partition("T")[0].replace("-", "")
    return day if len(day) == 8 and day.isascii() and day.isdecimal() else ""  # noqa: PLR2004 - YYYYMMDD


async def _document(transport: Transport, leg: Reference, layer: Descriptor) -> bytes:
    if layer.media_type != KIND or layer.size > bounds.RECEIPT_BYTES:
        raise ValueError("not a receipt")
    try:
        pieces = blobs.pull(transport, leg.repository, layer)
        return b"".join([piece async for piece in pieces])
    except RegistryError as e:
        raise ValueError(str(e)) from e
