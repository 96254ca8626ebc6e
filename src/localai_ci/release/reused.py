"""Legs that a plan left out, as their inputs were built before: they are tagged all the same."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from localai_ci.errors import LocalaiCiError
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.reference import Reference
from localai_ci.oci.transport import Transport
from localai_ci.release.proof import prove_and_receipt
from localai_ci.release.receipt import Receipt, Run
from localai_ci.release.targets import Target


async def receipts(
    transport: Transport,
    targets: Sequence[Target],
    built: Mapping[str, str],
    tell: Callable[[str], None],
) -> tuple[Receipt, ...]:
    """Receipts for images of an earlier run, read back from every registry.

    They stand there under the name of their inputs, which no merge deletes. One that is not the
    same everywhere gets no receipt, so its image is refused and named as any other missing leg.

    Args:
        transport: The way out; only read from.
        targets: The registries of the backends' images.
        built: The plan's: by entry id, where the image is.
        tell: Told of what cannot be used, and why.
    """
    run = Run(id="earlier", day=dt.datetime.now(dt.UTC).date())

    async def one(entry: str, image: str) -> Receipt | None:
        tag = Reference.parse(image).tag
        places = {target.name: target.repository.at(tag) for target in targets}
        try:
            return await prove_and_receipt(transport, entry=entry, anchors=places, run=run)
        except LocalaiCiError as e:
            tell(f"{entry} was built before and cannot be used: {e}")
            return None

    found = await run_all(partial(one, entry, image) for entry, image in built.items())
    return tuple(receipt for receipt in found if receipt)
