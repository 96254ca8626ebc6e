"""Anchors are deleted by their names, never by digest: after a merge, and where none came."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from localai_ci.errors import LocalaiCiError
from localai_ci.names import anchor_day
from localai_ci.oci import manifests
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.manifests import NoTagDeleteError
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport


@dataclass
class Cleaner:
    """Deletes anchors; a registry that cannot is asked no more than a few times."""

    transport: Transport
    _cannot: dict[str, LocalaiCiError] = field(default_factory=dict)

    async def drop(self, anchor: Reference) -> bool:
        """Delete one anchor by its name; nothing that is not named as an anchor.

        Returns:
            Whether there was one.

        Raises:
            RegistryError: the registry cannot, or refused.
        """
        if not anchor_day(anchor.tag):
            return False
        if refusal := self._cannot.get(anchor.repository.registry):
            raise refusal
        try:
            tag = Reference(anchor.repository, anchor.tag)
            return await manifests.delete_tag(self.transport, tag)
        except NoTagDeleteError as e:
            self._cannot[anchor.repository.registry] = e
            raise


def stale(tags: Iterable[str], before: dt.date) -> list[str]:
    """Anchors made before a day (UTC), sorted; tags that are no anchors are never among them."""
    limit = before.strftime("%Y%m%d")
    return sorted(tag for tag in tags if (day := anchor_day(tag)) and day < limit)


async def collect_garbage(
    transport: Transport,
    repositories: Iterable[Repository],
    before: dt.date,
    report: Callable[[Reference, str], None],
    *,
    dry_run: bool = True,
) -> bool:
    """Delete the anchors that are older than a day.

    Args:
        transport: The way out.
        repositories: Where anchors stand.
        before: Anchors of this day and later stay.
        report: Told of every anchor, and what became of it.
        dry_run: Only tell.

    Returns:
        Whether all could be deleted.
    """
    well = True
    cleaner = Cleaner(transport)

    async def drop(anchor: Reference) -> None:
        nonlocal well
        try:
            gone = await cleaner.drop(anchor)
            report(anchor, "deleted" if gone else "was gone already")
        except LocalaiCiError as e:
            well = False
            report(anchor, e.what)

    for repository in dict.fromkeys(repositories):
        found = stale(await manifests.list_tags(transport, repository), before)
        anchors = [repository.at(tag) for tag in found]
        if dry_run:
            for anchor in anchors:
                report(anchor, "would be deleted")
        else:
            await run_all(partial(drop, anchor) for anchor in anchors)
    return well
