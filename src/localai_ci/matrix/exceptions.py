"""What rows say beyond their profiles, as exceptions: known ones stay where they still hold."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from localai_ci.config.backends import Override, OverrideValues
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.text import listed, quoted

TODO = "TODO: say why this row differs from its profile."

Pair = tuple[str, str]
"""Backend and profile."""
Needs = dict[Pair, dict[str, dict[str, object]]]
"""By pair and architecture, the fields that still have to be set."""


@dataclass(frozen=True)
class KeptOverride:
    """An exception, and which of the known ones it was.

    Attributes:
        override: What it says now.
        origin: Its number among the known ones; None of a new one.
    """

    override: Override
    origin: int | None = None


def exceptions(
    wanted: Iterable[tuple[str, Entry]],
    plain: Iterable[Entry],
    known: Sequence[Override],
    reason: str = TODO,
) -> list[KeptOverride]:
    """The exceptions that make the plain entries what they have to be.

    Args:
        wanted: The rows, each with its profile.
        plain: What profiles and targets alone make of them.
        known: The exceptions so far: as many as can stay as they are, with their reasons.
        reason: What new ones say.

    Raises:
        InputError: a row says what an exception cannot.
    """
    derived = {(e.backend, e.profile, e.arch): e for e in plain}
    needs: Needs = defaultdict(dict)
    for profile, entry in wanted:
        changes = _changes(derived[entry.backend, profile, entry.arch], entry)
        needs[entry.backend, profile][entry.arch] = changes
    found: list[KeptOverride] = []
    for number, old in enumerate(known):
        found += _kept(old, number, needs)
    found = [_widened(kept, needs) for kept in found]
    new = _new(needs, known, reason)
    return [*found, *(KeptOverride(x) for x in new)]


def prefix(entry: Entry) -> str:
    """The suffix without the backend's name: that of its profile, if it does not deviate."""
    return entry.suffix.removesuffix(f"-{entry.backend}")


def _changes(derived: Entry, entry: Entry) -> dict[str, object]:
    """The fields to set, so that the derived entry becomes this one."""
    found: dict[str, object] = {
        name: getattr(entry, name)
        for name in OverrideValues.model_fields
        if name != "suffix" and getattr(entry, name) != getattr(derived, name)
    }
    if entry.suffix != derived.suffix:
        found["suffix"] = prefix(entry)
    return found


def _legs(pair: Pair, arches: Sequence[str], needs: Needs) -> list[dict[str, object]]:
    return [c for arch, c in needs.get(pair, {}).items() if not arches or arch in arches]


def _kept(old: Override, number: int, needs: Needs) -> Iterator[KeptOverride]:
    """A known exception as far as its rows still ask for it; a new value that all take is its."""
    pairs = [(b, p) for p in old.profiles for b in old.backends]
    live = [leg for pair in pairs for leg in _legs(pair, old.arches, needs)]
    values: dict[str, object] = {}
    for name, value in old.set.fields().items():
        asked = [leg.get(name) for leg in live]
        same = bool(asked) and all(v == asked[0] for v in asked)
        if not same:
            values[name] = value
        elif asked[0] is not None:
            values[name] = asked[0]
    if not values:
        return
    holding: defaultdict[str, list[str]] = defaultdict(list)
    for backend, profile in pairs:
        legs = _legs((backend, profile), old.arches, needs)
        if legs and all(values.items() <= leg.items() for leg in legs):
            holding[profile].append(backend)
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for profile, backends in holding.items():
        groups[tuple(backends)].append(profile)
    largest = sorted(groups.items(), key=lambda item: -len(item[0]) * len(item[1]))
    for rank, (names, profiles) in enumerate(largest):
        for pair in ((b, p) for b in names for p in profiles):
            _settle(pair, old.arches, values, needs)
        update = {"backends": list(names), "profiles": profiles, "set": _values(values, names)}
        yield KeptOverride(old.model_copy(update=update), number if rank == 0 else None)


def _settle(pair: Pair, arches: Sequence[str], values: Mapping[str, object], needs: Needs) -> None:
    for leg in _legs(pair, arches, needs):
        for name in values:
            del leg[name]


def _widened(kept: KeptOverride, needs: Needs) -> KeptOverride:
    """With the backends and profiles whose rows ask for the same: it has one reason."""
    old = kept.override
    values = old.set.fields()

    def asks(backend: str, profile: str) -> bool:
        legs = _legs((backend, profile), old.arches, needs)
        return bool(legs) and all(values.items() <= leg.items() for leg in legs)

    backends, profiles = list(old.backends), list(old.profiles)
    for backend in dict.fromkeys(b for b, _ in needs):
        if backend not in backends and all(asks(backend, p) for p in profiles):
            backends.append(backend)
            for profile in profiles:
                _settle((backend, profile), old.arches, values, needs)
    for profile in dict.fromkeys(p for _, p in needs):
        if profile not in profiles and all(asks(b, profile) for b in backends):
            profiles.append(profile)
            for backend in backends:
                _settle((backend, profile), old.arches, values, needs)
    if (backends, profiles) == (old.backends, old.profiles):
        return kept
    if old.backends == sorted(old.backends):
        backends.sort()
    update = {"backends": backends, "profiles": profiles}
    return KeptOverride(old.model_copy(update=update), kept.origin)


@dataclass(frozen=True)
class _Deviating:
    """What rows say beyond what is settled, and why."""

    changes: tuple[tuple[str, object], ...]
    arches: tuple[str, ...]
    reason: str
    inert: bool


def _new(needs: Needs, known: Sequence[Override], reason: str) -> list[Override]:
    """One exception for each change, reason and set of backends."""
    backends: defaultdict[tuple[_Deviating, str], list[str]] = defaultdict(list)
    for (backend, profile), legs in needs.items():
        said = [changes for changes in legs.values() if changes]
        for number, changes in enumerate(said):
            if changes in said[:number]:
                continue
            arches = tuple(a for a, c in legs.items() if c == changes)
            old = [
                x
                for x in known
                if backend in x.backends
                and profile in x.profiles
                and x.set.fields().items() & changes.items()
            ]
            deviating = _Deviating(
                tuple(changes.items()),
                arches if len(arches) < len(legs) else (),
                " ".join(dict.fromkeys(x.reason for x in old)) or reason,
                bool(old) and all(x.inert and x.set.fields().keys() >= changes.keys() for x in old),
            )
            backends[deviating, profile].append(backend)
    profiles: defaultdict[tuple[_Deviating, tuple[str, ...]], list[str]] = defaultdict(list)
    for (deviating, profile), names in backends.items():
        profiles[deviating, tuple(sorted(names))].append(profile)
    return [
        Override(
            reason=d.reason,
            backends=list(names),
            profiles=on,
            arches=list(d.arches),  # type: ignore[arg-type]
            set=_values(dict(d.changes), names),
            inert=d.inert,
        )
        for (d, names), on in profiles.items()
    ]


def _values(changes: Mapping[str, object], backends: Sequence[str]) -> OverrideValues:
    """What an exception sets.

    Raises:
        InputError: a row says what an exception cannot.
    """
    try:
        return OverrideValues.model_validate(dict(changes))
    except ValidationError as e:
        first = e.errors()[0]
        raise InputError(
            f"{first['loc'][0]} is {quoted(first['input'])}: {first['msg'].lower()}",
            where=quoted(listed(backends)),
            remedy="Correct these rows; an exception can only say what is known.",
        ) from None
