"""Anchors: the tags that keep pushed legs alive until their merge.

They are deleted by name, never by digest. A merge deletes those of its own legs; those of runs
that failed are found by the day in their names, without asking for a single manifest.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from localai_ci.errors import LocalaiCiError
from localai_ci.names import anchor_day
from localai_ci.registry import manifests
from localai_ci.registry.manifests import NoTagDeleteError
from localai_ci.registry.reference import Reference, Repository
from localai_ci.registry.together import every
from localai_ci.registry.transport import Transport


@dataclass(frozen=True)
class Swept:
    """What became of one old anchor, or of a repository that could not be listed.

    Args:
        image: The anchor, ``host/path:tag``, or the repository.
        done: ``would be deleted``, ``deleted``, ``was gone``; empty with an error.
        error: Why not.
    """

    image: str
    done: str = ""
    error: str = ""


@dataclass
class Cleaner:
    """Deletes anchors; a registry that cannot is asked no more than a few times."""

    transport: Transport
    _cannot: dict[str, LocalaiCiError] = field(default_factory=dict)

    async def drop(self, anchor: Reference) -> bool:
        """Delete one anchor by its name; nothing that is not named as an anchor.

        Returns:
            Whether there was one.
        """
        if not anchor_day(anchor.tag) or await manifests.find(self.transport, anchor) is None:
            return False
        if refusal := self._cannot.get(anchor.repository.registry):
            raise refusal
        try:
            tag = Reference(anchor.repository, anchor.tag)
            return await manifests.delete_tag(self.transport, tag)
        except NoTagDeleteError as e:
            self._cannot[anchor.repository.registry] = e
            raise


def stale(tags: Iterable[str], today: dt.date, days: int) -> list[str]:
    """The anchors among these tags that were made more than ``days`` days ago, oldest first."""
    last = f"{today - dt.timedelta(days=days):%Y%m%d}"
    return sorted(tag for tag in tags if (day := anchor_day(tag)) and day < last)


async def sweep(
    transport: Transport,
    repositories: Sequence[Repository],
    *,
    older_than: int,
    today: dt.date,
    delete: bool,
    report: Callable[[Swept], None] = lambda _: None,
) -> list[Swept]:
    """Find old anchors, and delete them if asked; one that fails does not stop the others.

    Args:
        transport: The way out.
        repositories: Where anchors are.
        older_than: Days; a run is never that long.
        today: UTC.
        delete: Delete them; else only tell.
        report: Told of each.
    """
    cleaner = Cleaner(transport)

    async def one(repository: Repository, tag: str) -> Swept:
        image = repository.at(tag)
        try:
            if not delete:
                found = Swept(str(image), "would be deleted")
            else:
                there = await cleaner.drop(image)
                found = Swept(str(image), "deleted" if there else "was gone")
        except LocalaiCiError as e:
            found = Swept(str(image), error=str(e))
        report(found)
        return found

    async def whole(repository: Repository) -> list[Swept]:
        try:
            tags = await manifests.list_tags(transport, repository)
        except LocalaiCiError as e:
            return [Swept(str(repository), error=str(e))]
        return await every(partial(one, repository, tag) for tag in stale(tags, today, older_than))

    lists = await every(partial(whole, repository) for repository in dict.fromkeys(repositories))
    return [swept for found in lists for swept in found]
