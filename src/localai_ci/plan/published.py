"""The newest commit whose images a registry has.

A push is compared with it, so that an earlier push's run that was cancelled is made up for.

An image of a commit is there if it stands under the name of its inputs, or if it was published of
another commit with the same inputs. Two things say the latter: tags that name a commit
(``sha-1234567-cpu-whisper``), and the receipts kept beside the names of inputs.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol

from localai_ci.backends.input_hash import Snapshot, inputs_of, refresh_of
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.names import input_tag, is_input_tag, kept_receipt_tag
from localai_ci.plan.built import BaseInputs, Finder
from localai_ci.plan.by_inputs import whole

FAR = 200
"""Commits that are looked through; older ones are as good as none."""

WEEKS = 8
"""Weeks of builds that are tried: an image of a pinned week keeps its name until the next."""


class PublishedRegistry(Finder, Protocol):
    """What a registry is asked."""

    async def tags(self, repository: str) -> frozenset[str] | None:
        """All tags, None where it tells no list."""

    async def revision(self, receipt: str) -> str:
        """The commit that a kept receipt is of; empty where it says none."""


@dataclass(frozen=True)
class CommitTree:
    """A commit: its id, when it was made, its tree as hashes need it, its entries."""

    commit: str
    made: datetime
    tree: Snapshot
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class LastPublished:
    """What was found.

    Attributes:
        commit: The newest commit all of whose images are there; empty if none is.
        missing: Of the newest commit that was looked at, entries that are not there.
        untagged: Images that stand only under the names of their inputs, by entry id: a run that
            ended before its merge left them, and the next merge has to tag them.
        looked: How many commits were looked at.
    """

    commit: str
    missing: tuple[str, ...] = ()
    untagged: Mapping[str, str] = field(default_factory=dict)
    looked: int = 0


@dataclass(frozen=True)
class Publications:
    """A registry's images, as far as names tell of them.

    Attributes:
        registry: Answers.
        repository: Of the images, ``host/path``.
        bases: What builder bases are made of.
        refresh: DEPS_REFRESH of the builds; absent, the weeks since a commit was made.
        trees: The tree of a commit by the beginning of its id, None where the clone lacks it.
        now: The time, for weeks.
    """

    registry: PublishedRegistry
    repository: str
    bases: BaseInputs
    refresh: str
    trees: Callable[[str], CommitTree | None]
    now: datetime

    async def newest(self, commits: Iterable[CommitTree]) -> LastPublished:
        """The first of some commits, newest first, all of whose images are there.

        Images for Darwin count for none: they are not built from containers, nor found by names.
        """
        tags = await self.registry.tags(self.repository)
        first: tuple[str, ...] = ()
        looked = 0
        for at in commits:
            looked += 1
            missing, untagged = await self._missing(at, tags)
            first = first or missing
            if not missing:
                return LastPublished(at.commit, first, untagged, looked)
            if looked == FAR:
                break
        return LastPublished("", first, {}, looked)

    async def _missing(
        self, at: CommitTree, tags: frozenset[str] | None
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """The first entry of a commit that is not there, if any, and those without a tag."""
        untagged: dict[str, str] = {}
        for entry in at.entries:
            if entry.os != "linux":
                continue
            merged = tags is not None and await self._merged(entry, at, tags)
            if merged:
                continue
            named = await self._named(entry, at, tags)
            if not named:
                return (entry.id,), {}
            if tags is not None:
                untagged[entry.id] = named
        return (), untagged

    async def _merged(self, entry: Entry, at: CommitTree, tags: frozenset[str]) -> bool:
        """Whether a tag names a commit with the same inputs."""
        for short in self._commits_by_suffix(tags).get(entry.suffix, ()):
            if self._same(entry, at, short):
                return True
        return False

    async def _named(self, entry: Entry, at: CommitTree, tags: frozenset[str] | None) -> str:
        """Where an image of these inputs stands by their name, or by a receipt beside one."""
        digests = [await self._digest(name) for name in self._images(entry)]
        if all(digests):
            identity = self._identity(entry, tuple(d or "" for d in digests))
            for refresh in self._weeks(at):
                inputs = inputs_of(entry, at.tree, identity, refresh)
                tag = input_tag(inputs.digest, entry.suffix, entry.arch)
                reference = f"{self.repository}:{tag}"
                there = tag in tags if tags is not None else await self.registry.find(reference)
                if there:
                    return reference
        async for tag, revision in self._receipts(entry, tags or frozenset()):
            if self._same(entry, at, revision):
                return f"{self.repository}:{tag}"
        return ""

    async def _receipts(self, entry: Entry, tags: frozenset[str]) -> AsyncIterator[tuple[str, str]]:
        """The names of an entry's inputs, each with the commit that its receipt is of."""
        for tag in self._inputs_by_end(tags).get(f"{entry.suffix}-{entry.arch}", ()):
            beside = kept_receipt_tag(tag)
            if beside in tags and is_input_tag(tag, entry.id):
                if beside not in self._told:
                    reference = f"{self.repository}:{beside}"
                    self._told[beside] = await self.registry.revision(reference)
                if self._told[beside]:
                    yield tag, self._told[beside]

    def _same(self, entry: Entry, at: CommitTree, revision: str) -> bool:
        """Whether an entry had the same inputs at another commit."""
        if at.commit.startswith(revision):
            return True
        if revision not in self._trees:
            self._trees[revision] = self.trees(revision)
        other = self._trees[revision]
        then = {e.id: e for e in other.entries}.get(entry.id) if other else None
        if other is None or then is None:
            return False
        try:
            return whole(then, other.tree) == whole(entry, at.tree)
        except InputError:
            return False

    def _weeks(self, at: CommitTree) -> list[str]:
        if self.refresh:
            return [self.refresh]
        moments = [self.now - timedelta(weeks=n) for n in range(WEEKS)]
        weeks = [refresh_of(m) for m in moments if m + timedelta(weeks=1) > at.made]
        return weeks or [refresh_of(self.now)]

    def _images(self, entry: Entry) -> tuple[str, ...]:
        if entry.builder:
            return self.bases.images(entry.builder)
        return (entry.base_image,) if entry.base_image else ()

    def _identity(self, entry: Entry, digests: tuple[str, ...]) -> str:
        if entry.builder:
            return self.bases.identity(entry.builder, digests)
        return digests[0] if digests else ""

    async def _digest(self, name: str) -> str | None:
        if name not in self._digests:
            self._digests[name] = await self.registry.find(name)
        return self._digests[name]

    @cached_property
    def _digests(self) -> dict[str, str | None]:
        return {}

    @cached_property
    def _told(self) -> dict[str, str]:
        return {}

    @cached_property
    def _trees(self) -> dict[str, CommitTree | None]:
        return {}

    def _commits_by_suffix(self, tags: frozenset[str]) -> dict[str, list[str]]:
        """By suffix the commits (seven digits) that tags name."""
        if "merged" not in self._indexes:
            found: dict[str, list[str]] = {}
            for tag in tags:
                if tag.startswith("sha-") and _is_hex(tag[4:11]) and tag[11:12] in {"", "-"}:
                    found.setdefault(tag[11:], []).append(tag[4:11])
            self._indexes["merged"] = found
        return self._indexes["merged"]

    def _inputs_by_end(self, tags: frozenset[str]) -> dict[str, list[str]]:
        """The names of inputs by what follows the hash."""
        if "inputs" not in self._indexes:
            found: dict[str, list[str]] = {}
            for tag in sorted(tags):
                if is_input_tag(tag):
                    found.setdefault(tag[15:], []).append(tag)
            self._indexes["inputs"] = found
        return self._indexes["inputs"]

    @cached_property
    def _indexes(self) -> dict[str, dict[str, list[str]]]:
        return {}


def _is_hex(text: str) -> bool:
    return len(text) == 7 and set(text) <= set("0123456789abcdef")  # noqa: PLR2004 - digits of one
