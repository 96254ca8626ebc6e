"""What registries have of an image: once at the start, and of its tags once more before they move.

A tag that names one commit or release is new if two lists lack it. One that moves from release to
release is always asked for itself, right before it is moved. That there is no such tag is never
taken from one answer: a list and a question, or two kinds of question, must say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from localai_ci.names import anchor_tag, input_tag
from localai_ci.oci import manifests
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.manifests import Manifest
from localai_ci.oci.transport import Transport
from localai_ci.release import tags as naming
from localai_ci.release.index import version_of
from localai_ci.release.merge_plan import Image, RegistryState
from localai_ci.release.receipt import Receipt
from localai_ci.release.result import ImageRow, Status
from localai_ci.release.tag_lists import TagList, TagLists
from localai_ci.release.targets import Target

_OLDER = 5  # releases that are compared with a `latest` that names no version, the newest first
Answer = tuple[str | None, bool]
"""The digest of a tag, and whether that there is none was said twice."""


@dataclass(frozen=True)
class RegistryReader:
    """Reads all registries of one image.

    Args:
        transport: The way out.
        targets: The registries.
        lists: Shared by all images.
        image: The image; not a refused one.
        index: Its index.
    """

    transport: Transport
    targets: Sequence[Target]
    lists: TagLists
    image: Image
    index: Manifest

    async def first(self, remembered: ImageRow | None = None) -> list[RegistryState]:
        """Which legs are there; and of a registry that lists all the tags, which image they have.

        Args:
            remembered: What the record of an earlier run says of this very image.
        """
        return await run_all(partial(self._first, target, remembered) for target in self.targets)

    async def last(self, before: Sequence[RegistryState]) -> list[RegistryState]:
        """All tags as they are right before they move, and what release ``latest`` is."""
        manifest_of: dict[str, Manifest] = {}
        states = await run_all(
            partial(self._last, one, manifest_of, whole=number == 0)
            for number, one in enumerate(before)
        )
        return await self._with_versions(states, manifest_of)

    async def _first(self, target: Target, remembered: ImageRow | None) -> RegistryState:
        names, digest = self.image.tags.names, self.index.digest
        legs = frozenset(leg.digest for leg in self.image.receipts)
        listed = await self.lists.of(target.repository)
        if remembered and await self._as_remembered(target, listed, remembered):
            tags: Mapping[str, str | None] = dict.fromkeys(names, digest)
            return RegistryState(target, legs, index=True, tags=tags, listed=listed.number)
        absent = [name for name in names if listed.has(name) is False]
        asked = [*legs, *(() if absent else names or [digest])]
        answers = await run_all(
            partial(manifests.find, self.transport, target.repository.at(name)) for name in asked
        )
        found = dict(zip(asked, answers, strict=True))
        return RegistryState(
            target=target,
            children=frozenset(leg for leg in legs if found[leg]),
            index=digest in found.values(),
            tags=dict.fromkeys(absent) if absent else {name: found[name] for name in names},
            listed=listed.number,
        )

    async def _as_remembered(self, target: Target, listed: TagList, row: ImageRow) -> bool:
        """Whether a list and one question say that all is as an earlier run left it.

        That run proved each leg and wrote each tag. Here every tag is still listed, a tag keeps
        each leg, and the tag that was written last still has the index.
        """
        order = self.image.tags.write_order
        if row.status not in {Status.merged, Status.unchanged} or not order:
            return False
        kept = all(
            any(listed.has(tag) for tag in _tags_of(leg, target)) for leg in self.image.receipts
        )
        if row.digest != self.index.digest or not kept or not all(map(listed.has, order)):
            return False
        last = target.repository.at(order[-1])
        return await manifests.find(self.transport, last) == self.index.digest

    async def _last(
        self, before: RegistryState, manifest_of: dict[str, Manifest], *, whole: bool
    ) -> RegistryState:
        names, target = self.image.tags.names, before.target
        if all(before.tags.get(name) == self.index.digest for name in names):
            return before
        listed = await self.lists.of(target.repository, after=before.listed)
        latest = self.image.tags.latest

        async def one(name: str) -> Answer:
            if name == latest and whole:
                return await self._read(target, name, listed.has(name), manifest_of)
            twice = before.tags.get(name, "") is None and listed.has(name) is False
            if twice and name not in self.image.tags.moving:
                return None, True
            return await self._ask(target, name, listed=listed.has(name))

        answers = dict(zip(names, await run_all(partial(one, n) for n in names), strict=True))
        if any(digest and listed.has(name) is False for name, (digest, _) in answers.items()):
            self.lists.distrust(target.repository)
        newest = listed.newest_release(self.image.suffix)
        return replace(
            before,
            tags={name: digest for name, (digest, _) in answers.items()},
            new=frozenset(name for name, (_, twice) in answers.items() if twice),
            newest=newest if latest else "",
            listed=listed.number,
        )

    async def _ask(self, target: Target, name: str, *, listed: bool | None) -> Answer:
        image = target.repository.at(name)
        if listed is False:
            found = await manifests.find(self.transport, image)
        else:
            found = await manifests.head_confirmed(self.transport, image)
        return found, found is None

    async def _read(
        self, target: Target, name: str, listed: bool | None, manifest_of: dict[str, Manifest]
    ) -> Answer:
        """As `_ask`, with the image's own words in the same answer."""
        there = await manifests.get(self.transport, target.repository.at(name))
        if there is None:
            return (None, True) if listed is False else await self._ask(target, name, listed=False)
        manifest_of[there.digest] = there
        return there.digest, False

    async def _with_versions(
        self, states: Sequence[RegistryState], manifest_of: dict[str, Manifest]
    ) -> list[RegistryState]:
        latest = self.image.tags.latest
        versions: dict[str | None, str] = {None: "", self.index.digest: ""}
        found = []
        for one in states:
            digest = one.tags.get(latest) if latest else None
            if digest and digest not in versions:
                versions[digest] = await self.version(one.target, digest, manifest_of.get(digest))
            found.append(replace(one, latest=versions[digest]))
        return found

    async def version(self, target: Target, digest: str, there: Manifest | None = None) -> str:
        """The release that an image is: by its own word, else by a release's tag; or nothing."""
        if there is None:
            there = await manifests.get(self.transport, target.repository.at(digest))
        said = version_of(there) if there else ""
        if naming.version(said):
            return said
        listed = await self.lists.of(target.repository)
        suffix = self.image.suffix
        for release in listed.releases.get(suffix, ())[:_OLDER]:
            image = target.repository.at(f"{release}{suffix}")
            if await manifests.find(self.transport, image) == digest:
                return release
        return ""


def _tags_of(leg: Receipt, target: Target) -> list[str]:
    """The tags that keep a leg in the images' own repository."""
    arch = leg.entry.rpartition("/")[2]
    found = [input_tag(leg.input_hash, leg.suffix, arch)] if leg.input_hash else []
    if target.anchors == target.repository:
        found.append(anchor_tag(leg.run.day.strftime("%Y%m%d"), leg.run.id, leg.entry))
    return found
