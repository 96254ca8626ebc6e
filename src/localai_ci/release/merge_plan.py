"""What a merge will do, decided before anything is written: pure functions only.

`images` groups receipts and refuses what is incomplete; `plan_merge` compares one image with what
the registries were seen to have. A dry run prints both and stops there.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from localai_ci.config.kind import ImageKind
from localai_ci.errors import LocalaiCiError
from localai_ci.names import split_entry_id
from localai_ci.oci.manifests import Manifest
from localai_ci.release import tags as naming
from localai_ci.release.index import REVISION, VERSION, canonical
from localai_ci.release.receipt import Receipt
from localai_ci.release.tags import TagSet
from localai_ci.release.targets import Target


class UnknownLatestError(LocalaiCiError):
    """What ``latest`` is cannot be known, and unknown is not a permission to move it."""


@dataclass(frozen=True)
class Image:
    """One image to merge: its legs, the exact index, the tags it gets.

    Args:
        kind: The family.
        suffix: With its dash; empty for the plain server image.
        receipts: Its legs.
        index: Exactly what is written in every registry; None where ``refused``.
        tags: The tags it gets.
        refused: Why it is not merged, with the remedy; else empty.
    """

    kind: ImageKind
    suffix: str
    receipts: tuple[Receipt, ...]
    tags: TagSet
    index: Manifest | None = None
    refused: str = ""


@dataclass(frozen=True)
class RegistryState:
    """What one registry was seen to have of one image.

    Args:
        target: The registry.
        children: Digests of the legs that are there.
        index: Whether one of the tags has the index (or, of an image without tags, it is there).
        tags: The digest of each tag of the image, None where there is no such tag; one that was
            not asked for yet is absent.
        latest: The version that the present ``latest`` is; empty where that is not known.
        newest: The newest release of this image by its tags' names, or nothing.
        new: Tags of which two answers said that there are none.
        listed: The number of the list of tags that this rests on.
    """

    target: Target
    children: frozenset[str]
    index: bool
    tags: Mapping[str, str | None]
    latest: str = ""
    newest: str = ""
    new: frozenset[str] = frozenset()
    listed: int = 0


@dataclass(frozen=True)
class TagUpdate:
    """One tag to write: where, which, what it had before, and whether it surely was not there."""

    target: Target
    tag: str
    previous: str | None
    new: bool = False


@dataclass(frozen=True)
class MergePlan:
    """What is left to do for one image, in this order.

    Args:
        restore: Legs to bring back, each with the registry that lacks it.
        indexes: Registries that get the index.
        moves: Tags to write, in the order of writing.
        notes: What is not done, and why.
    """

    restore: tuple[tuple[Target, Receipt], ...] = ()
    indexes: tuple[Target, ...] = ()
    moves: tuple[TagUpdate, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        """Whether anything is written."""
        return bool(self.restore or self.indexes or self.moves)


Promised = Mapping[ImageKind, Collection[str]]
"""Entry ids that a plan promised, by family; of a family that is absent none is."""
Faults = Mapping[tuple[ImageKind, str], Sequence[str]]
"""Why receipts of an image cannot be used, by family and suffix."""


def images(
    receipts: Sequence[Receipt],
    promised: Promised | None,
    name: Callable[[ImageKind, str], TagSet],
    revision: str,
    faulty: Faults | None = None,
) -> tuple[Image, ...]:
    """Group receipts to images, refuse incomplete ones, and make every index.

    Args:
        receipts: All legs that arrived.
        promised: What the plan promised, and nothing else is merged; None takes what the receipts
            say themselves.
        name: The tags of an image, from family and suffix.
        revision: The commit, for the index's annotations.
        faulty: What is wrong with receipts; their images are refused.

    Returns:
        One for each suffix that arrived, was promised or is faulty, sorted.
    """
    groups: dict[tuple[ImageKind, str], list[Receipt]] = {key: [] for key in faulty or {}}
    for receipt in receipts:
        groups.setdefault((receipt.kind, receipt.suffix), []).append(receipt)
    for kind, entries in (promised or {}).items():
        for entry in entries:
            groups.setdefault((kind, split_entry_id(entry)[0]), [])
    made = []
    for (kind, suffix), legs in sorted(groups.items()):
        bare = Image(kind, suffix, tuple(sorted(legs, key=lambda leg: leg.entry)), TagSet(()))
        if promised is None:
            expected = {leg for receipt in legs for leg in receipt.legs}
        else:
            all_of_kind = promised.get(kind, ())
            expected = {entry for entry in all_of_kind if split_entry_id(entry)[0] == suffix}
        if wrong := (faulty or {}).get((kind, suffix)):
            made.append(replace(bare, refused="; ".join(wrong)))
            continue
        try:
            made.append(_indexed(replace(bare, tags=name(kind, suffix)), expected, revision))
        except LocalaiCiError as e:
            made.append(replace(bare, refused=str(e)))
    return tuple(made)


def plan_merge(
    image: Image, seen: Sequence[RegistryState], *, force_latest: bool = False
) -> MergePlan:
    """What is left to do for an image, given what the registries have.

    Args:
        image: The image; not a refused one.
        seen: One for each registry.
        force_latest: Move ``latest`` even if it is a newer version, or of an unknown one.

    Raises:
        UnknownLatestError: what ``latest`` is now is not known, so nothing allows to move it.
    """
    if image.index is None:
        return MergePlan(notes=(image.refused,))
    digest = image.index.digest
    notes = _backwards(image, seen) if not force_latest else ()
    order = [tag for tag in image.tags.write_order if not notes or tag != image.tags.latest]
    return MergePlan(
        restore=tuple(
            (one.target, receipt)
            for one in seen
            for receipt in image.receipts
            if receipt.digest not in one.children
        ),
        indexes=tuple(one.target for one in seen if not one.index),
        moves=tuple(
            TagUpdate(one.target, tag, one.tags[tag], tag in one.new)
            for tag in order
            for one in seen
            if one.tags.get(tag, digest) != digest
        ),
        notes=notes,
    )


def _indexed(image: Image, expected: Collection[str], revision: str) -> Image:
    """The image with its index.

    Raises:
        LocalaiCiError: legs are missing, too many, or for one platform.
    """
    found = {receipt.entry for receipt in image.receipts}
    if missing := sorted(set(expected) - found):
        raise LocalaiCiError(
            f"no receipt for {', '.join(missing)}",
            remedy="Build it, then merge again; what was built stays valid.",
        )
    if extra := sorted(found - set(expected)):
        raise LocalaiCiError(
            f"the plan promised no {', '.join(extra)}",
            remedy="Merge with the plan of the run that built these receipts.",
        )
    about = {VERSION: image.tags.version, REVISION: revision}
    annotations = {key: value for key, value in about.items() if value}
    return replace(image, index=canonical(image.receipts, annotations))


def _backwards(image: Image, seen: Sequence[RegistryState]) -> tuple[str, ...]:
    """Why ``latest`` stays, where a registry has a newer release, under it or beside it."""
    ours, latest = naming.version(image.tags.version), image.tags.latest
    if not latest or ours is None or image.index is None:
        return ()
    notes = []
    for one in seen:
        known = [text for text in (one.latest, one.newest) if naming.version(text)]
        newest = max(known, key=lambda text: naming.version(text) or ours, default="")
        if newest and (naming.version(newest) or ours) > ours:
            stays = f"stays at {newest}" if newest == one.latest else f"stays: {newest} is"
            notes.append(
                f"{latest} {stays} in {one.target.name}, which is newer than "
                f"{image.tags.version} (--force-latest moves it)"
            )
    if notes:
        return tuple(notes)
    for one in seen:
        if one.tags.get(latest) not in {None, image.index.digest} and not one.latest:
            raise UnknownLatestError(
                f"which release {latest} is cannot be known: it says no version, and no release's "
                "tag has its digest",
                where=str(one.target.repository),
                remedy=f"No tag was moved. If {image.tags.version} is newer, run it again with"
                " --force-latest.",
            )
    return ()
