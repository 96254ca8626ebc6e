"""The input hash of an entry: exactly the files, arguments and base that enter its image.

Two commits with the same hash make the same image, so one that is built need not be built again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from localai_ci.matrix.entry import Entry
from localai_ci.names import input_tag
from localai_ci.plan.decide import Plan
from localai_ci.plan.rules import Inputs

ARGUMENTS = ("backend", "build", "arch", "build_type", "cuda", "ubuntu", "skip_drivers",
             "amdgpu_targets")  # fmt: skip
"""The fields of a row that enter the build. The base enters by its digest, not by its name."""


@dataclass(frozen=True)
class InputSet:
    """Everything that enters one image: paths with their blob ids, arguments, base digest."""

    files: tuple[tuple[str, str], ...]
    arguments: tuple[tuple[str, str], ...]
    base: str

    @property
    def digest(self) -> str:
        """SHA-256 in hex over all of it."""
        text = json.dumps([1, self.files, self.arguments, self.base], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def inputs_of(
    entry: Entry,
    listing: Mapping[str, str],
    inputs: Inputs,
    base: str,
    arguments: Mapping[str, str] | None = None,
) -> InputSet:
    """What enters an entry's image.

    Args:
        entry: The entry.
        listing: Every path of the tree with an id of its content and mode, such as git's blob id.
        inputs: The rules; those that `enter` name shared files.
        base: Digest of the image it is built on; with a builder base, that base's, which
            then stands for the scripts that made it. Empty on Darwin.
        arguments: What else the build is given, such as the week of a dependency refresh.
    """
    files = [
        (path, blob)
        for path, blob in listing.items()
        if enters(entry, path, inputs, on_base=bool(base))
    ]
    own = {name: str(getattr(entry, name)) for name in ARGUMENTS}
    given = own | dict(entry.extra) | dict(arguments or {})
    return InputSet(tuple(sorted(files)), tuple(sorted(given.items())), base)


def enters(entry: Entry, path: str, inputs: Inputs, *, on_base: bool) -> bool:
    """Whether a file enters an entry's image; on a base, what made the base does not."""
    if path in {entry.dockerfile, *entry.folders}:
        return True
    if path.startswith(tuple(f"{folder}/" for folder in entry.folders)):
        return True
    rule = inputs.rule(path)
    return bool(rule and rule.enters and not (rule.base and on_base) and rule.select.takes(entry))


class Finder(Protocol):
    """The part of a registry client that is needed here."""

    async def find(self, reference: str) -> str | None:
        """The digest of an image, or None if there is none under that reference."""


async def without_built(
    plan: Plan,
    listing: Mapping[str, str],
    registry: Finder,
    repository: str,
    base_repository: str,
) -> Plan:
    """Drop the entries whose image exists already; they have to be tagged instead of built.

    Args:
        plan: What would be built.
        listing: The tree of the plan's head, see `inputs_of`.
        registry: Where images and bases are looked up.
        repository: The images' ``host/path``; they stand there under `names.input_tag`.
        base_repository: The ``host/path:prefix`` of the builder bases.

    An entry whose base is not found stays: without the base's digest its hash is not known.
    """
    bases = {p.entry.id: _base_reference(p.entry, base_repository) for p in plan.entries}
    digests = await _looked_up(registry, filter(None, bases.values()))
    images = {}
    for planned in plan.entries:
        entry = planned.entry
        reference = bases[entry.id]
        base = digests[reference] if reference else ""
        if base is not None:
            hashed = inputs_of(entry, listing, plan.inputs, base).digest
            images[entry.id] = f"{repository}:{input_tag(hashed, entry.suffix, entry.arch)}"
    found = await _looked_up(registry, images.values())
    built = {id_: image for id_, image in images.items() if found[image]}
    kept = tuple(p for p in plan.entries if p.entry.id not in built)
    return replace(plan, entries=kept, built=built)


def _base_reference(entry: Entry, base_repository: str) -> str:
    return f"{base_repository}{entry.builder}" if entry.builder else entry.base_image


async def _looked_up(registry: Finder, references: Iterable[str]) -> dict[str, str | None]:
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


AT_ONCE = 16
"""Questions to the registry at a time."""
