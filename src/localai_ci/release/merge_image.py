"""The merge of one image.

Look at every registry; bring back legs that were collected; write the index by digest
everywhere; sign and verify; look at the tags; have on disk what moves; only then move them, most
specific first. Where a tag cannot be moved the others go back, so that all registries say the
same or nothing changed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import groupby
from typing import Protocol

import anyio

from localai_ci.errors import LocalaiCiError
from localai_ci.oci.concurrency import failures, run_all
from localai_ci.oci.copy import MovedError, patiently
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.manifests import Manifest
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport
from localai_ci.release import binding, provenance
from localai_ci.release.gc import Cleaner
from localai_ci.release.latest import LastWord
from localai_ci.release.merge_plan import (
    Image,
    MergePlan,
    RegistryState,
    TagUpdate,
    plan_merge,
)
from localai_ci.release.receipt import Receipt
from localai_ci.release.registry_state import RegistryReader
from localai_ci.release.restore import put_confirmed, restore_leg
from localai_ci.release.result import ImageRow, Status, TagRow, TagState
from localai_ci.release.rollback import restore_tag
from localai_ci.release.tag_lists import TagLists
from localai_ci.release.targets import Target

_INDEX_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
_LEG_UNKNOWN = {"MANIFEST_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"}


class Signer(Protocol):
    """Signs images, and proves that the signatures can be read back."""

    async def sign(self, images: Sequence[Reference]) -> None:
        """Sign images of one repository by digest, the index first, then its children.

        Raises:
            LocalaiCiError: one of them has no signature that can be verified.
        """


@dataclass(frozen=True)
class Options:
    """How to merge.

    Args:
        dry_run: Decide and tell, write nothing.
        force_latest: Let ``latest`` move to an older version.
        keep_anchors: Leave the anchors of merged legs where they are.
        provenance: Attach where the image comes from, beside it.
        at_once: Images under way at the same time.
    """

    dry_run: bool = False
    force_latest: bool = False
    keep_anchors: bool = False
    provenance: bool = False
    at_once: int = 16


@dataclass(frozen=True)
class ImageMerge:
    """What the merge of one image needs.

    Args:
        transport: The way out.
        targets: The registries it goes to.
        options: How to merge.
        signer: Signs before tags move, or None.
        lists: The repositories' tags, shared by all images.
        cleaner: Deletes anchors.
        promise: Has the planned tags of a row on disk when it returns; None keeps no record.
    """

    transport: Transport
    targets: Sequence[Target]
    options: Options
    signer: Signer | None
    lists: TagLists
    cleaner: Cleaner
    promise: Callable[[ImageRow], Awaitable[None]] | None = None

    async def run(self, image: Image, row: ImageRow, remembered: ImageRow | None = None) -> None:
        """Merge it, and keep ``row`` true at every moment.

        Args:
            image: The image.
            row: What the result says of it.
            remembered: What an earlier run recorded of it.

        Raises:
            LocalaiCiError: it is not merged; ``row`` says which tags are not as before.
        """
        row.legs = [f"{leg.entry} {leg.digest}" for leg in image.receipts]
        if image.index is None:
            row.status, row.error = Status.refused, image.refused
            return
        index, dry = image.index, self.options.dry_run
        row.digest, row.index = index.digest, index.raw.decode()
        reader = RegistryReader(self.transport, self.targets, self.lists, image, index)
        states = await reader.first(None if dry else remembered)
        if dry:
            await self._show(image, await reader.last(states), row)
            return
        # What release `latest` is counts when tags move; whether any moves is known without it.
        todo = plan_merge(image, states, force_latest=True)
        if todo:
            await self._demand_bound(image)
        wrote = await self._prepare(image, index, todo, row)
        moves = bool(todo.moves) and self._plan_tags(image, await reader.last(states), row)
        if moves:
            if self.promise:
                await self.promise(row)
            await self._move(image, index, row)
        changed = wrote or moves or todo.restore or todo.indexes
        row.status = Status.merged if changed else Status.unchanged

    async def finish(self, image: Image, row: ImageRow, old: Mapping[Repository, int]) -> None:
        """The last look at ``latest``, when all images of the run have moved; then the anchors go.

        Args:
            image: The image.
            row: What the result says of it.
            old: Lists of tags that are too old for this, by their number.

        Raises:
            LocalaiCiError: ``latest`` does not read as it was written; all tags are put back,
                unless another run wrote it.
        """
        if image.index is None:
            return
        reader = RegistryReader(self.transport, self.targets, self.lists, image, image.index)
        word = LastWord(reader, self.options.force_latest)
        places = {target.name: target for target in self.targets}
        latest = [tag for tag in row.tags if is_latest(tag, image)]

        async def one(tag: TagRow) -> str:
            target = places[tag.registry]
            return await word.say(target, tag, old.get(target.repository, 0))

        try:
            said = await run_all(partial(one, tag) for tag in latest)
        except LocalaiCiError as e:
            await self._put_back_unless_moved(row, e)
            raise
        row.notes += [note for note in said if note]
        if row.status is Status.merged and not self.options.keep_anchors:
            await self._drop_anchors(image.receipts, row)

    async def _demand_bound(self, image: Image) -> None:
        """Where nothing is written, nothing can be moved by a wrong receipt."""
        places = [target.repository for target in self.targets]
        await run_all(partial(binding.check, self.transport, leg, places) for leg in image.receipts)

    async def _show(self, image: Image, states: Sequence[RegistryState], row: ImageRow) -> None:
        """What would be done."""
        self._plan_tags(image, states, row)
        todo = plan_merge(image, states, force_latest=self.options.force_latest)
        if todo:
            await self._demand_bound(image)
        row.restored = [f"{leg.entry} in {target.name}" for target, leg in todo.restore]
        row.status = Status.planned if todo else Status.unchanged

    def _plan_tags(self, image: Image, states: Sequence[RegistryState], row: ImageRow) -> bool:
        """Write down which tags move; whether any does."""
        todo = plan_merge(image, states, force_latest=self.options.force_latest)
        row.notes = list(todo.notes)
        row.tags = [_planned(move, row.digest) for move in todo.moves]
        return bool(row.tags)

    async def _prepare(self, image: Image, index: Manifest, todo: MergePlan, row: ImageRow) -> bool:
        """All but the tags; whether provenance was written."""
        await run_all(
            partial(self._complete, target, image, todo, index, row) for target in self.targets
        )
        wrote = self.options.provenance and await self._attach(image, index, row)
        await self._sign(image, index, row)
        return wrote

    async def _attach(self, image: Image, index: Manifest, row: ImageRow) -> bool:
        about = provenance.statement(index, image.receipts)
        written = await run_all(
            partial(provenance.attach, self.transport, target.repository, index, about)
            for target in self.targets
        )
        row.provenance = provenance.artifact(index, about).digest
        return any(written)

    async def _complete(
        self, target: Target, image: Image, todo: MergePlan, index: Manifest, row: ImageRow
    ) -> None:
        """Legs and index of one registry, by digest."""
        for lacking, leg in todo.restore:
            if lacking == target:
                await self._restore(target, leg, row)
        if target in todo.indexes:
            await self._put_index(target, image, index, index.digest, None, row)

    async def _put_index(
        self, target: Target, image: Image, index: Manifest, name: str, before: str | None,
        row: ImageRow,
    ) -> None:  # fmt: skip
        """Write the index under a name; where it is refused, again after its legs.

        Quay says that it has the legs, and does not find them, for an index by digest or by tag;
        others find what was just written only a little later.
        """
        put = partial(put_confirmed, self.transport, target.repository, name, index, before)
        try:
            await put()
        except RegistryError as e:
            if not _lacks_a_leg(e):
                raise
            for leg in image.receipts:
                await self._restore(target, leg, row)
            await patiently(self.transport, put, _lacks_a_leg)

    async def _restore(self, target: Target, leg: Receipt, row: ImageRow) -> None:
        others = [other.repository for other in self.targets if other != target]
        how = await restore_leg(self.transport, leg, target.repository, others)
        row.restored.append(f"{leg.entry} in {target.name}: {how}")

    async def _sign(self, image: Image, index: Manifest, row: ImageRow) -> None:
        if self.signer is None:
            return
        digests = [index.digest, *(leg.digest for leg in image.receipts)]
        digests += [row.provenance] if row.provenance else []
        sign = self.signer.sign
        await run_all(
            partial(sign, [target.repository.at(digest) for digest in digests])
            for target in self.targets
        )
        row.signed = [target.name for target in self.targets]

    async def _move(self, image: Image, index: Manifest, row: ImageRow) -> None:
        """Move each tag in all registries at once; put all back if one cannot be moved."""
        try:
            for _, same in groupby(row.tags, key=lambda tag: Reference.parse(tag.image).tag):
                await run_all(partial(self._move_one, image, index, tag, row) for tag in list(same))
        except LocalaiCiError as e:
            await self._put_back_unless_moved(row, e)
            raise

    async def _move_one(self, image: Image, index: Manifest, tag: TagRow, row: ImageRow) -> None:
        name = Reference.parse(tag.image).tag
        target = next(target for target in self.targets if target.name == tag.registry)
        tag.state = TagState.moving
        await self._put_index(target, image, index, name, tag.previous, row)
        tag.state = TagState.moved

    async def _put_back_unless_moved(self, row: ImageRow, error: LocalaiCiError) -> None:
        """Where another run writes the same tags, putting ours back would fight with it."""
        if any(isinstance(failure, MovedError) for failure in failures(error)):
            return
        with anyio.CancelScope(shield=True):
            for tag in reversed(row.tags):
                await self._put_back(tag, row)

    async def _put_back(self, tag: TagRow, row: ImageRow) -> None:
        if tag.state in {TagState.planned, TagState.yielded}:
            return
        try:
            await restore_tag(self.transport, tag)
            tag.state = TagState.restored
        except LocalaiCiError as e:
            tag.state = TagState.left
            row.notes.append(f"{tag.image} could not be put back: {e.beside(tag.image)}")

    async def _drop_anchors(self, legs: Sequence[Receipt], row: ImageRow) -> None:
        """Best effort: an anchor that stays costs space, and `gc` finds it by its name."""
        said = {place.anchor for leg in legs for place in leg.publications}
        # By the naming rule alone: no receipt says what is deleted.
        named = [binding.anchor(target, leg) for leg in legs for target in self.targets]
        anchors = [Reference.parse(name) for name in named if name in said]

        async def drop(anchor: Reference) -> None:
            dropped = await self.cleaner.drop(anchor)
            row.anchors_deleted += dropped

        try:
            await run_all(partial(drop, anchor) for anchor in anchors)
        except LocalaiCiError as e:
            row.notes.append(f"anchors stay: {failures(e)[0].what}")


def _lacks_a_leg(refusal: RegistryError) -> bool:
    """Whether a registry may have refused an index because it does not find what it names."""
    return refusal.status in _INDEX_REFUSED or not _LEG_UNKNOWN.isdisjoint(refusal.codes)


def is_latest(tag: TagRow, image: Image) -> bool:
    """Whether a tag is the image's ``latest``, and was moved."""
    name = Reference.parse(tag.image).tag
    return bool(image.tags.latest) and name == image.tags.latest and tag.state is TagState.moved


def _planned(move: TagUpdate, digest: str) -> TagRow:
    return TagRow(
        registry=move.target.name,
        image=str(move.target.repository.at(move.tag)),
        previous=move.previous,
        digest=digest,
        state=TagState.planned,
        new=move.new,
    )
