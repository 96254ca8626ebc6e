"""Which planned entries are built already, by their input hashes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from localai_ci.backends.input_hash import Snapshot, inputs_of
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.names import input_tag
from localai_ci.plan.decide import Plan

AT_ONCE = 16
"""Questions to the registry at a time."""


class Finder(Protocol):
    """The part of a registry client that is needed here."""

    async def find(self, reference: str) -> str | None:
        """The digest of an image, or None if there is none under that reference."""


class BaseInputs(Protocol):
    """What builder bases are made of."""

    def images(self, variant: str) -> tuple[str, ...]:
        """The images that a base starts from."""

    def identity(self, variant: str, digests: tuple[str, ...]) -> str:
        """The input hash of a base, from the digests of its images."""


@dataclass(frozen=True)
class PublishedImages:
    """Where to look, and for what.

    Attributes:
        registry: Looks up images, and what they are built on.
        repository: The images' ``host/path``; they stand there under `names.input_tag`.
        bases: What builder bases are made of.
        refresh: DEPS_REFRESH of the images that are looked for.
    """

    registry: Finder
    repository: str
    bases: BaseInputs
    refresh: str


async def without_built(plan: Plan, tree: Snapshot, where: PublishedImages) -> Plan:
    """Drop the entries whose image exists already; they have to be tagged instead of built.

    An entry whose hash is not known stays, and the plan's notes say why, unless it is for a base
    image that was not found: the client tells what it could not reach.

    Args:
        plan: What would be built.
        tree: The tree of the plan's head.
        where: Where images are looked up.
    """
    notes: list[str] = []
    starts: dict[Entry, tuple[str, ...]] = {}
    for planned in plan.entries:
        try:
            starts[planned.entry] = _images(planned.entry, where.bases)
        except InputError as e:
            notes.append(f"counted as not built: {e}")
    asked = (name for names in starts.values() for name in names)
    digests = await _looked_up(where.registry, asked)
    images = {}
    for entry, names in starts.items():
        known = tuple(digests[name] or "" for name in names)
        try:
            if all(known):
                images[entry.id] = _image(entry, tree, where, known)
        except InputError as e:
            notes.append(f"counted as not built: {e}")
    there = await _looked_up(where.registry, images.values())
    built = {id_: image for id_, image in images.items() if there[image]}
    kept = tuple(p for p in plan.entries if p.entry.id not in built)
    change = replace(plan.change, notes=(*plan.change.notes, *notes))
    return replace(plan, entries=kept, built=plan.built | built, change=change)


def _image(entry: Entry, tree: Snapshot, where: PublishedImages, digests: tuple[str, ...]) -> str:
    """Where an image of exactly these inputs would stand."""
    inputs = inputs_of(entry, tree, _identity(entry, where.bases, digests), where.refresh)
    if inputs.submodules:
        raise InputError(
            f"{', '.join(inputs.submodules)} is a submodule that is not checked out",
            where=entry.id,
            remedy="git submodule update --init",
        )
    return f"{where.repository}:{input_tag(inputs.digest, entry.suffix, entry.arch)}"


def _images(entry: Entry, bases: BaseInputs) -> tuple[str, ...]:
    """What has to be looked up before the entry's base is known."""
    if entry.builder:
        return bases.images(entry.builder)
    return (entry.base_image,) if entry.base_image else ()


def _identity(entry: Entry, bases: BaseInputs, digests: tuple[str, ...]) -> str:
    if entry.builder:
        return bases.identity(entry.builder, digests)
    return digests[0] if digests else ""


async def _looked_up(registry: Finder, references: Iterable[str]) -> Mapping[str, str | None]:
    """The digest of each reference, asked for once, a few at a time."""
    from anyio import CapacityLimiter, create_task_group

    found: dict[str, str | None] = dict.fromkeys(references)
    limiter = CapacityLimiter(AT_ONCE)

    async def one(reference: str) -> None:
        async with limiter:
            found[reference] = await registry.find(reference)

    async with create_task_group() as group:
        for reference in found:
            group.start_soon(one, reference)
    return found
