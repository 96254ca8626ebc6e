"""The merge of one image.

Look at every registry; bring back legs that were collected; write the index by digest
everywhere; sign and verify; look again whether the tags are as they were; only then move them,
most specific first. Where a tag cannot be moved the others go back, so that all registries say
the same or nothing changed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Protocol

import anyio

from localai_ci.errors import LocalaiCiError
from localai_ci.oci import manifests
from localai_ci.oci.concurrency import failures, run_all
from localai_ci.oci.copy import MovedError, settled
from localai_ci.oci.manifests import Manifest
from localai_ci.oci.reference import Reference
from localai_ci.oci.transport import Transport
from localai_ci.release import binding, provenance
from localai_ci.release import tags as naming
from localai_ci.release.gc import Cleaner
from localai_ci.release.index import version_of
from localai_ci.release.merge_plan import Image, MergePlan, RegistryState, TagUpdate, plan_merge
from localai_ci.release.receipt import Receipt
from localai_ci.release.restore import restore_leg
from localai_ci.release.result import ImageRow, Status, TagRow, TagState
from localai_ci.release.rollback import restore_tag
from localai_ci.release.targets import Target

_LOOKS = 4  # of an image whose tags are not as they were seen before


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
        newest: The newest release of a suffix by its tags in a registry.
        cleaner: Deletes anchors.
    """

    transport: Transport
    targets: Sequence[Target]
    options: Options
    signer: Signer | None
    newest: Callable[[Target, str], Awaitable[str]]
    cleaner: Cleaner

    async def run(self, image: Image, row: ImageRow) -> None:
        """Merge it, and keep ``row`` true at every moment.

        Raises:
            LocalaiCiError: it is not merged; ``row`` says which tags are not as before.
        """
        row.legs = [f"{leg.entry} {leg.digest}" for leg in image.receipts]
        if image.index is None:
            row.status, row.error = Status.refused, image.refused
            return
        row.digest, row.index = image.index.digest, image.index.raw.decode()
        todo = await self._plan(image, image.index, row)
        if todo:
            await self._demand_bound(image)
        if self.options.dry_run:
            row.healed = [f"{leg.entry} in {target.name}" for target, leg in todo.restore]
            row.status = Status.planned if todo else Status.unchanged
            return
        wrote = bool(todo)
        for _ in range(_LOOKS):
            wrote |= await self._prepare(image, image.index, todo, row)
            if await self._still(row):
                break
            todo = await self._plan(image, image.index, row)
            wrote |= bool(todo)
        else:
            raise LocalaiCiError(
                f"its tags were different at each of {_LOOKS} looks, so none was moved",
                where=image.suffix,
                remedy="See which other run writes them, and run this merge again.",
            )
        await self._move(image.index, row)
        row.status = Status.merged if wrote else Status.unchanged
        if wrote and not self.options.keep_anchors:
            await self._drop_anchors(image.receipts, row)

    async def _demand_bound(self, image: Image) -> None:
        """Where nothing is written, nothing can be moved by a wrong receipt."""
        places = [target.repository for target in self.targets]
        await run_all(partial(binding.check, self.transport, leg, places) for leg in image.receipts)

    async def _plan(self, image: Image, index: Manifest, row: ImageRow) -> MergePlan:
        seen = await self._look(image, index)
        todo = plan_merge(image, seen, force_latest=self.options.force_latest)
        row.notes = list(todo.notes)
        row.tags = [_planned(move, row.digest) for move in todo.moves]
        return todo

    async def _prepare(self, image: Image, index: Manifest, todo: MergePlan, row: ImageRow) -> bool:
        """All but the tags; whether provenance was written."""
        await run_all(partial(self._complete, target, todo, index, row) for target in self.targets)
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

    async def _look(self, image: Image, index: Manifest) -> list[RegistryState]:
        seen = await run_all(
            partial(self._look_at, target, image, index) for target in self.targets
        )
        latest = image.tags.latest
        versions: dict[str | None, str] = {None: "", index.digest: ""}
        for one in seen if latest and not self.options.force_latest else ():
            found = one.tags[latest]
            if found not in versions:
                versions[found] = await self._version(one.target, image.suffix, found)
        return [replace(one, latest=versions.get(one.tags.get(latest), "")) for one in seen]

    async def _look_at(self, target: Target, image: Image, index: Manifest) -> RegistryState:
        names = image.tags.names
        digests = [leg.digest for leg in image.receipts]
        # Where no tag has the index it is written, there or not: asking first costs as much.
        asked = [*names, *digests] if names else [*digests, index.digest]
        answers = await run_all(
            partial(manifests.find, self.transport, target.repository.at(name)) for name in asked
        )
        found = dict(zip(asked, answers, strict=True))
        return RegistryState(
            target=target,
            children=frozenset(digest for digest in digests if found[digest]),
            index=index.digest in found.values(),
            tags={name: found[name] for name in names},
        )

    async def _version(self, target: Target, suffix: str, digest: str | None) -> str:
        """What a present ``latest`` is: by its own word, else by the newest release's tag."""
        there = await manifests.get(self.transport, target.repository.at(digest or ""))
        said = version_of(there) if there else ""
        return said if naming.version(said) else await self.newest(target, suffix)

    async def _complete(
        self, target: Target, todo: MergePlan, index: Manifest, row: ImageRow
    ) -> None:
        """Legs and index of one registry, by digest."""
        for lacking, leg in todo.restore:
            if lacking == target:
                how = await restore_leg(self.transport, leg, target.repository)
                row.healed.append(f"{leg.entry} in {target.name}: {how}")
        if target in todo.indexes:
            image = target.repository.at(index.digest)
            await manifests.put(self.transport, image, index)
            await settled(self.transport, image, index.digest)

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

    async def _still(self, row: ImageRow) -> bool:
        """Whether every tag to move is as it was seen.

        Signing takes time, and others write too. A tag that was not there is asked for in
        another way: one wrong 404 would let `latest` go back, and let undoing delete a release.
        """

        async def same(tag: TagRow) -> bool:
            image = Reference.parse(tag.image)
            if tag.previous is not None:
                return await manifests.find(self.transport, image) == tag.previous
            tag.new = await manifests.get(self.transport, image) is None
            return tag.new

        return all(await run_all(partial(same, tag) for tag in row.tags))

    async def _move(self, index: Manifest, row: ImageRow) -> None:
        """Move each tag in all registries at once; put all back if one cannot be moved."""
        try:
            for _, same in groupby(row.tags, key=lambda tag: Reference.parse(tag.image).tag):
                await run_all(partial(self._move_one, index, tag) for tag in list(same))
        except LocalaiCiError as e:
            if not any(isinstance(failure, MovedError) for failure in failures(e)):
                with anyio.CancelScope(shield=True):
                    await self._put_back(row)
            raise

    async def _move_one(self, index: Manifest, tag: TagRow) -> None:
        image = Reference.parse(tag.image)
        tag.state = TagState.moving
        await manifests.put(self.transport, image, index)
        await settled(self.transport, image, index.digest, tag.previous)
        tag.state = TagState.moved

    async def _put_back(self, row: ImageRow) -> None:
        for tag in reversed(row.tags):
            if tag.state is TagState.planned:
                continue
            try:
                await restore_tag(self.transport, tag)
                tag.state = TagState.restored
            except LocalaiCiError as e:
                tag.state = TagState.left
                row.notes.append(f"{tag.image} could not be put back: {e}")

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


def _planned(move: TagUpdate, digest: str) -> TagRow:
    return TagRow(
        registry=move.target.name,
        image=str(move.target.repository.at(move.tag)),
        previous=move.previous,
        digest=digest,
        state=TagState.planned,
    )
