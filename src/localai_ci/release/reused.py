"""Legs that a plan left out, as their inputs were built before: they are tagged all the same."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.names import is_input_tag
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.reference import Reference
from localai_ci.oci.transport import Transport
from localai_ci.release import binding, kept
from localai_ci.release.proof import prove_and_receipt
from localai_ci.release.receipt import Receipt
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

    async def one(entry: str, image: str) -> Receipt | None:
        try:
            return await _receipt(transport, targets, entry, image)
        except LocalaiCiError as e:
            tell(f"{entry} was built before and cannot be used: {e}")
            return None

    found = await run_all(partial(one, entry, image) for entry, image in built.items())
    return tuple(receipt for receipt in found if receipt)


async def _receipt(
    transport: Transport, targets: Sequence[Target], entry: str, image: str
) -> Receipt:
    reference = Reference.parse(image)
    ours = reference.repository in {target.repository for target in targets}
    if not ours or reference.digest or not is_input_tag(reference.tag, entry):
        raise InputError(
            "the plan says that it stands here, which is not where images of its inputs stand",
            where=image,
            remedy="Plan again with --built, and merge with that plan.",
        )
    places = {target.name: target.repository.at(reference.tag) for target in targets}
    found = await prove_and_receipt(transport, entry=entry, anchors=places, run=kept.UNKNOWN)
    complete = await kept.with_origin(transport, places.values(), found)
    if wrong := binding.faults_of_reused(complete, targets):
        raise binding.refusal(entry, wrong)
    return complete
