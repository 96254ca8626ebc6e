"""From a folder of receipts, a plan and an event to the images that a merge makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import Registries
from localai_ci.names import split_entry_id
from localai_ci.oci.transport import Transport
from localai_ci.release import binding, reused
from localai_ci.release.binding import Bounds
from localai_ci.release.inbox import Unusable, read_folder
from localai_ci.release.merge_plan import Image, images
from localai_ci.release.promise import Promise, read_promise
from localai_ci.release.receipt import Receipt
from localai_ci.release.tags import GitEvent, TagSet, tags
from localai_ci.release.targets import targets


@dataclass(frozen=True)
class Collected:
    """What there is to merge.

    Attributes:
        images: Each with its index and its tags, or why it is refused.
        unusable: Files that are not receipts.
    """

    images: tuple[Image, ...]
    unusable: tuple[str, ...] = ()


async def collect(
    transport: Transport,
    folder: Path,
    plan: Path | None,
    file: Registries,
    event: GitEvent,
    tell: Callable[[str], None],
    *,
    run_id: str = "",
) -> Collected:
    """The images of a run; what is wrong with a receipt concerns its image alone.

    Args:
        transport: Reads what the plan says was built before.
        folder: That of all receipts.
        plan: What ``localai-ci plan --format json`` wrote: all it promised is demanded.
        file: Where images go, and which kinds of tags each family of images gets.
        event: What happened.
        tell: Told of what cannot be used.
        run_id: The run that built the legs; empty takes those of any.

    Raises:
        InputError: no receipt or the plan cannot be read.
    """
    promise = read_promise(plan) if plan else None
    built = promise.built if promise else {}
    bounds = Bounds({kind: targets(file, kind) for kind in ImageKind}, event.sha, run_id)
    arrived = read_folder(folder, empty=bool(built))
    for one in arrived.unusable:
        tell(str(one))
    old = await reused.receipts(transport, bounds.targets[ImageKind.backends], built, tell)
    promised = promise.by_kind if promise else None
    faulty = _faulty(arrived.receipts, bounds)
    for key, why in _belongs(arrived.unusable, arrived.receipts, promise).items():
        faulty.setdefault(key, []).extend(why)
    made = images(
        [*arrived.receipts, *old], promised, partial(named, file, event), event.sha, faulty
    )
    return Collected(made, tuple(str(one) for one in arrived.unusable))


def named(file: Registries, event: GitEvent, kind: ImageKind, suffix: str) -> TagSet:
    """The tags of one image, of the kinds that registries.yaml gives its family."""
    return tags(event, file.tags.get(kind, ()), suffix)


def _faulty(receipts: Sequence[Receipt], bounds: Bounds) -> dict[tuple[ImageKind, str], list[str]]:
    found: dict[tuple[ImageKind, str], list[str]] = {}
    for receipt in receipts:
        if wrong := binding.faults(receipt, bounds):
            said = str(binding.refusal(receipt.entry, wrong))
            found.setdefault((receipt.kind, receipt.suffix), []).append(said)
    return found


def _belongs(
    unusable: Sequence[Unusable], receipts: Sequence[Receipt], promise: Promise | None
) -> dict[tuple[ImageKind, str], list[str]]:
    """The images that a bad file is of by its name: of any family that has such an image."""
    known = {(receipt.kind, receipt.suffix) for receipt in receipts}
    for kind, entries in (promise.by_kind if promise else {}).items():
        known |= {(kind, split_entry_id(entry)[0]) for entry in entries}
    found: dict[tuple[ImageKind, str], list[str]] = {}
    for one in unusable:
        if not one.entry:
            continue
        suffix = split_entry_id(one.entry)[0]
        kinds = [kind for kind in ImageKind if (kind, suffix) in known] or [ImageKind.backends]
        for kind in kinds:
            found.setdefault((kind, suffix), []).append(str(one))
    return found
