"""The last look at ``latest``, after all images of a merge moved: an older one never stays.

Two releases that are merged at once write ``latest`` in any order. The version's own tag is
written before it, so whoever looks last sees both releases, and gives the tag to the newer one.
"""

from dataclasses import dataclass

from localai_ci.oci import manifests
from localai_ci.oci.copy import MovedError, settled
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.manifests import Manifest
from localai_ci.oci.reference import Reference
from localai_ci.release import tags as naming
from localai_ci.release.registry_state import RegistryReader
from localai_ci.release.result import TagRow, TagState
from localai_ci.release.targets import Target


@dataclass(frozen=True)
class LastWord:
    """Reads one image's ``latest`` in one registry.

    Args:
        reader: Of the image.
        forced: Whether the user wants it to be this image in any case.
    """

    reader: RegistryReader
    forced: bool

    async def say(self, target: Target, tag: TagRow, after: int) -> str:
        """See to it that the tag is not older than the newest release.

        Args:
            target: The registry.
            tag: What was written; its state is brought up to date.
            after: The number of a list that is too old.

        Returns:
            What was found and done, for people; empty where the tag is as it was written.

        Raises:
            MovedError: somebody gave it to an image of which no version is known.
            RegistryError: it does not become readable, or a write failed.
        """
        ours = self.reader.image.tags.version
        image = Reference.parse(tag.image)
        newest = "" if self.forced else await self._newer(target, ours, after)
        now = await self._now(image, tag)
        if newest:
            return await self._give(target, image, tag, newest, now)
        if now == tag.digest:
            return ""
        theirs = await self.reader.version(target, now) if now else ""
        found, own = naming.version(theirs), naming.version(ours)
        if found and own and found > own and not self.forced:
            tag.state = TagState.yielded
            return f"{image.tag} is {theirs} in {target.name}: another run moved it on meanwhile"
        if not found or not own:
            raise MovedError(
                f"{tag.digest} was just written here, but it reads {now}: another run writes it"
                " too",
                where=tag.image,
                remedy="See which run should win, and run its merge again.",
            )
        index = self.reader.index
        await self._put(image, index, now)
        return (
            f"{image.tag} in {target.name} was put back to {ours}: another run had moved it to"
            f" {theirs}, which is older"
        )

    async def _newer(self, target: Target, ours: str, after: int) -> str:
        """The newest release beside ours, if it is newer."""
        listed = await self.reader.lists.of(target.repository, after=after)
        newest = listed.newest_release(self.reader.image.suffix)
        found, own = naming.version(newest), naming.version(ours)
        return newest if found and own and found > own else ""

    async def _now(self, image: Reference, tag: TagRow) -> str | None:
        """What the tag has, once what was written has had the time to become readable.

        Raises:
            RegistryError: it reads nothing.
        """
        try:
            await settled(self.reader.transport, image, tag.digest, tag.previous)
        except RegistryError:
            now = await manifests.head_confirmed(self.reader.transport, image)
            if now is None:
                raise
            return now
        return tag.digest

    async def _put(self, image: Reference, manifest: Manifest, now: str | None) -> None:
        """Write once more, and this time see it: what did not show before is not believed twice."""
        await manifests.put(self.reader.transport, image, manifest)
        await settled(self.reader.transport, image, manifest.digest, now)

    async def _give(
        self, target: Target, image: Reference, tag: TagRow, newest: str, now: str | None
    ) -> str:
        """Give the tag to a newer release that came meanwhile."""
        release = target.repository.at(f"{newest}{self.reader.image.suffix}")
        there: Manifest | None = await manifests.get(self.reader.transport, release)
        if there is None:
            raise MovedError(f"it was listed, and is gone: {release}", where=tag.image)
        if now != there.digest:
            await self._put(image, there, now)
        tag.state = TagState.yielded
        return (
            f"{image.tag} in {target.name} is left to {newest}, which was released meanwhile and"
            f" is newer than {self.reader.image.tags.version}"
        )
