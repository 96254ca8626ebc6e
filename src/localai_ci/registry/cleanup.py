"""Anchors that no merge removed: found by their names, deleted by their names, never by digest."""

import datetime as dt
from collections.abc import Callable, Iterable
from functools import partial

from localai_ci.errors import LocalaiCiError
from localai_ci.names import anchor_day
from localai_ci.registry import manifests
from localai_ci.registry.reference import Reference, Repository
from localai_ci.registry.together import every
from localai_ci.registry.transport import Transport


def stale(tags: Iterable[str], before: dt.date) -> list[str]:
    """Anchors made before a day (UTC), sorted; tags that are no anchors are never among them."""
    limit = before.strftime("%Y%m%d")
    return sorted(tag for tag in tags if (day := anchor_day(tag)) and day < limit)


async def collect(
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

    async def drop(anchor: Reference) -> None:
        nonlocal well
        try:
            gone = await manifests.delete_tag(transport, anchor)
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
            await every(partial(drop, anchor) for anchor in anchors)
    return well
