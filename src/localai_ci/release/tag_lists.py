"""The tags of each repository, listed once for all images of a merge, and again where that counts.

One list tells of thousands of tags what a question each would. What is decided by a list is
decided by two: the second begins after the first has ended.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import anyio

from localai_ci.oci import manifests
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.release import tags as naming

_FRESH = 30.0  # s; an older list does not count as a second look


@dataclass(frozen=True)
class TagList:
    """One list.

    Attributes:
        number: Counts the lists of a repository from 1.
        names: Its tags; None where the registry tells no list that can be believed.
        at: When it was asked for, on the lists' clock.
    """

    number: int
    names: frozenset[str] | None
    at: float

    @cached_property
    def releases(self) -> Mapping[str, Sequence[str]]:
        """The releases of each suffix, the newest first."""
        return naming.releases(self.names or ())

    def newest_release(self, suffix: str) -> str:
        """The newest release of one suffix, or nothing."""
        return next(iter(self.releases.get(suffix, ())), "")

    def has(self, tag: str) -> bool | None:
        """Whether a tag is there; None where that is not known."""
        return None if self.names is None else tag in self.names


class TagLists:
    """Lists repositories, each once at a time for all who ask.

    Args:
        transport: The way out.
        now: Monotonic clock, seconds.
    """

    def __init__(self, transport: Transport, now: Callable[[], float] = anyio.current_time) -> None:
        """Start with nothing known."""
        self._transport = transport
        self._now = now
        self._first: dict[Repository, TagList] = {}
        self._known: dict[Repository, TagList] = {}
        self._false: set[Repository] = set()

    async def of(self, repository: Repository, after: int = 0) -> TagList:
        """A list of a repository's tags.

        Args:
            repository: Which.
            after: Not the list of this number nor an earlier one, and a fresh one; 0 takes the
                first, so that a later list serves all images as a second look.
        """
        known = self._serving(repository, after)
        if known is None:
            async with self._transport.alone(f"tags of {repository}"):
                known = self._serving(repository, after)
                if known is None:  # nobody else has asked meanwhile
                    latest = self._known.get(repository)
                    known = await self._ask(repository, latest.number + 1 if latest else 1)
                    self._known[repository] = known
                    self._first.setdefault(repository, known)
        if repository in self._false:
            return TagList(known.number, None, known.at)
        return known

    def numbers(self) -> dict[Repository, int]:
        """The number of each repository's latest list: those after it began later than now."""
        return {repository: known.number for repository, known in self._known.items()}

    def distrust(self, repository: Repository) -> None:
        """Believe no list of this repository any more: it lacked a tag that is there."""
        self._false.add(repository)

    def _serving(self, repository: Repository, after: int) -> TagList | None:
        """The list that serves, if there is one."""
        if not after:
            return self._first.get(repository)
        known = self._known.get(repository)
        fresh = known and known.number > after and self._now() - known.at <= _FRESH
        return known if fresh else None

    async def _ask(self, repository: Repository, number: int) -> TagList:
        at = self._now()
        try:
            names = frozenset(await manifests.list_tags(self._transport, repository))
        except RegistryError:  # it may not be allowed; each tag is asked for by itself then
            return TagList(number, None, at)
        return TagList(number, names, at)
