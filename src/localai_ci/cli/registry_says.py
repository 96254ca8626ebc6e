"""`plan --since-published` and `--built`: what a registry says of images, asked for a plan."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from localai_ci.cli import output
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.text import listed, plural

if TYPE_CHECKING:
    from localai_ci.config.registries import Registries
    from localai_ci.matrix.tables import Installed, Tables
    from localai_ci.oci.transport import Transport
    from localai_ci.plan.decide import Plan
    from localai_ci.plan.git import Checkout
    from localai_ci.plan.published import CommitTree, LastPublished, Publications
    from localai_ci.plan.sources import PlanRequest


@dataclass(frozen=True)
class Asked:
    """Which registry is asked, and by which weekly arguments its images were built."""

    registry: str
    flag: str
    file: "Registries"
    refresh: str
    epoch: str
    apt_snapshot: str

    @property
    def images(self) -> str:
        """Where its backends' images are, ``host/path``.

        Raises:
            InputError: there is no such registry.
        """
        named = self.file.registries.get(self.registry)
        if not named and "/" not in self.registry:
            raise InputError(
                f"{self.registry!r} is not a registry of registries.yaml",
                where=self.flag,
                remedy=f"Give one of {', '.join(self.file.registries)}, or HOST/PATH.",
            )
        return named.backends if named else self.registry


def without_built(decided: "Plan", request: "PlanRequest", known: "Tables", asked: Asked) -> "Plan":
    """The plan without what the registry has been built from the same inputs."""
    import anyio

    from localai_ci.backends.input_hash import this_week
    from localai_ci.bases.mirrors import Mirrors
    from localai_ci.bases.recipe import CurrentBases
    from localai_ci.oci.lookup import Lookup
    from localai_ci.plan import built
    from localai_ci.plan.sources import snapshot

    tree, images = snapshot(request, known), asked.images
    bases = CurrentBases(Mirrors(epoch=asked.epoch, apt_snapshot=asked.apt_snapshot))

    async def ask() -> "Plan":
        async with _transport(asked) as transport:
            lookup = Lookup(transport)
            where = built.PublishedImages(lookup, images, bases, asked.refresh or this_week())
            left = await built.without_built(decided, tree, where)
            for failure in lookup.failures.values():
                output.note(f"note: counted as not built: {failure}")
            return left

    return anyio.run(ask)


def since_published(request: "PlanRequest", asked: Asked) -> "tuple[PlanRequest, LastPublished]":
    """The request with the newest commit as its base whose images a registry has.

    Raises:
        InputError: the request names no clone, or the registry is not known.
    """
    import anyio

    from localai_ci.plan.git import Checkout

    if request.source is None:
        raise InputError(
            "which commit's images are there is only known with its tree",
            where="--since-published",
            remedy="Name a clone of LocalAI: --source TREE",
        )
    images = asked.images
    trees = _CommitTrees(Checkout(request.source), request.head)

    async def ask() -> "LastPublished":
        async with _transport(asked) as transport:
            registry = _Registry(transport)
            found = await _publications(registry, images, trees, asked).newest(trees.newest_first())
            for failure in registry.failures:
                output.note(f"note: counted as not published: {failure}")
            return found

    base = anyio.run(ask)
    if not base.commit:
        why = (
            f"of the last {plural(base.looked, 'commit')} none has all its images in {images}"
            f" ({listed(base.missing) or 'nothing was looked at'} is not there)"
        )
        return replace(request, base="", no_base=why), base
    if request.base:
        output.note(f"note: compared with {base.commit[:12]}, whose images {images} has")
    return replace(request, base=base.commit), base


def with_untagged(decided: "Plan", base: "LastPublished") -> "Plan":
    """The plan with the images that an earlier run built and did not come to tag."""
    there = {id_ for id_ in decided.matrix.by_id() if id_ not in decided.by_id}
    more = {id_: image for id_, image in base.untagged.items() if id_ in there}
    return replace(decided, built=decided.built | more)


def _transport(asked: Asked) -> "Transport":
    from localai_ci.cli.options import transport_to
    from localai_ci.oci.lookup import PATIENCE

    return transport_to(asked.file, dry_run=True, policy=PATIENCE)


def _publications(
    registry: "_Registry", images: str, trees: "_CommitTrees", asked: Asked
) -> "Publications":
    from localai_ci.bases.mirrors import Mirrors
    from localai_ci.bases.recipe import CurrentBases
    from localai_ci.plan.published import Publications

    bases = CurrentBases(Mirrors(epoch=asked.epoch, apt_snapshot=asked.apt_snapshot))
    now = dt.datetime.now(dt.UTC)
    return Publications(registry, images, bases, asked.refresh, trees.named, now)


class _Registry:
    """A registry, of which what cannot be reached counts as not there."""

    def __init__(self, transport: "Transport") -> None:
        from localai_ci.oci.lookup import Lookup

        self._transport = transport
        self._lookup = Lookup(transport)
        self._failures: list[str] = []

    @property
    def failures(self) -> list[str]:
        return [*self._lookup.failures.values(), *self._failures]

    async def find(self, reference: str) -> str | None:
        return await self._lookup.find(reference)

    async def tags(self, repository: str) -> frozenset[str] | None:
        from localai_ci.oci import manifests
        from localai_ci.oci.reference import Repository

        try:
            place = Repository.parse(repository)
            return frozenset(await manifests.list_tags(self._transport, place))
        except LocalaiCiError as e:
            self._failures.append(str(e))
            return None

    async def revision(self, receipt: str) -> str:
        from localai_ci.oci.reference import Reference
        from localai_ci.release import kept

        try:
            return await kept.revision_of(self._transport, Reference.parse(receipt))
        except LocalaiCiError as e:
            self._failures.append(str(e))
            return ""


class _CommitTrees:
    """Commits of a clone as trees, each read once."""

    def __init__(self, checkout: "Checkout", head: str) -> None:
        self._checkout = checkout
        self._head = head
        self._known: dict[str, CommitTree] = {}

    @cached_property
    def _installed(self) -> "Installed":
        from localai_ci.matrix.tables import Installed

        return Installed()

    def newest_first(self) -> "Iterator[CommitTree]":
        """The head and its first parents; a commit whose files are not sound ends it."""
        from localai_ci.plan.published import FAR

        for commit, made in self._checkout.first_parents(self._head, FAR):
            try:
                tree = self._tree(commit, made)
            except InputError as e:
                output.note(f"note: no commit from {commit[:12]} on is looked at: {e}")
                return
            yield tree

    def named(self, short: str) -> "CommitTree | None":
        """The commit that begins with this."""
        commit = self._checkout.resolve(short)
        try:
            return self._tree(commit, dt.datetime.now(dt.UTC)) if commit else None
        except InputError:
            return None

    def _tree(self, commit: str, made: dt.datetime) -> "CommitTree":
        from localai_ci.plan.published import CommitTree
        from localai_ci.plan.sources import snapshot_of, state_of

        if commit not in self._known:
            state = state_of(self._checkout, commit, self._installed)
            tree = snapshot_of(state, state.tables)
            self._known[commit] = CommitTree(commit, made, tree, state.tables.matrix.entries)
        return self._known[commit]
