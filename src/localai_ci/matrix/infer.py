"""From rows back to profiles, targets and exceptions: what our files would have to say.

The opposite of `expand`; `propose` proves it by expanding what it found.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from localai_ci.config.backends import Backends, Build, Override, OverrideValues
from localai_ci.config.profiles import Arch, Profile, Profiles
from localai_ci.config.reader import Document
from localai_ci.errors import InputError
from localai_ci.matrix.diff import diff
from localai_ci.matrix.entry import DARWIN, Entry
from localai_ci.matrix.expand import expand
from localai_ci.text import and_more, listed, printable, quoted

TODO = "TODO: say why this row differs from its profile."
LEARNED = ("build_type", "cuda", "base_image", "ubuntu", "skip_drivers")
"""Profile fields that follow what most of the profile's rows say."""

_LISTED, _WIDE = 10, 500
Rows = dict[str, list[Entry]]


@dataclass(frozen=True)
class Proposal:
    """Files that expand to exactly the given rows."""

    profiles: Profiles
    backends: Backends


def propose(entries: Sequence[Entry], profiles: Profiles, backends: Backends) -> Proposal:
    """What our files have to say so that they expand to these entries.

    Args:
        entries: The rows to reproduce.
        profiles: What is there: names, and values that stay unless most rows disagree.
        backends: What is there: builds, and the reasons of exceptions that stay.

    Raises:
        InputError: rows that the files cannot express (two platforms in one row, unknown
            fields, a suffix that does not end in the backend's name).
    """
    _refuse(entries, backends.builds)
    entries = sorted(entries, key=lambda e: e.arch)
    profiles = _with_new_profiles(entries, profiles)
    rows = _assigned(entries, profiles)
    profiles = _learned(profiles, rows)
    plain = Backends(
        exceptions=[],
        defaults=backends.defaults,
        builds=backends.builds,
        backends=_targets(rows, profiles, backends.builds),
    )
    exceptions = _exceptions(rows, _expanded(profiles, plain), backends.exceptions)
    proposal = Proposal(profiles, plain.model_copy(update={"exceptions": exceptions}))
    left = diff(_expanded(profiles, proposal.backends), entries)
    if left:
        names = [*left.added, *left.removed, *left.changed]
        raise InputError(f"rows that the files cannot express: {', '.join(names[:5])}")
    return proposal


def _expanded(profiles: Profiles, backends: Backends) -> tuple[Entry, ...]:
    return expand(profiles, backends, Document("proposal", None, {}))


def _refuse(entries: Iterable[Entry], builds: Mapping[str, Build]) -> None:
    faults = []
    for e in entries:
        if "+" in e.arch:
            faults.append(f"{e.id}: two platforms in one row; give each its own row")
        if e.extra:
            unknown = listed([name[:_WIDE] for name, _ in e.extra], _LISTED)
            faults.append(f"{e.id}: unknown fields {unknown}")
        if not e.suffix.endswith(f"-{e.backend}"):
            faults.append(f"{e.id}: the suffix does not end in the backend's name {e.backend}")
        if e.build not in builds:
            faults.append(f"{e.id}: the Dockerfile {e.build} is not under `builds`")
    if faults:
        more = and_more(faults, _LISTED)
        shown = (printable(fault)[:_WIDE] for fault in faults[:_LISTED])
        raise InputError(
            "\n".join([*dict.fromkeys(shown), *([f"… {more}"] if more else [])]),
            remedy="Correct these rows, or teach backends.yaml about them, first.",
        )


def _prefix(entry: Entry) -> str:
    return entry.suffix.removesuffix(f"-{entry.backend}")


def _with_new_profiles(entries: Iterable[Entry], profiles: Profiles) -> Profiles:
    """Add a profile for every suffix that is new; its values are learned later."""
    known = {p.suffix for p in profiles.profiles.values()}
    new: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if _prefix(entry) not in known:
            new[_prefix(entry)].append(entry)
    added = {
        prefix.removeprefix("-"): Profile.model_validate(
            {
                "suffix": prefix,
                "arches": sorted({e.arch for e in rows}),
                "base_image": rows[0].base_image,
            }
        )
        for prefix, rows in new.items()
    }
    return profiles.model_copy(update={"profiles": profiles.profiles | added})


def _assigned(entries: Sequence[Entry], profiles: Profiles) -> Rows:
    """Each row under a profile that no other leg of its backend takes, the nearest pairs first.

    Raises:
        InputError: more rows of a backend than profiles that could take them.
    """
    of: dict[str, str] = {}
    taken: set[tuple[str, str, str]] = set()
    nearest = sorted(
        (_distance(e, p), e.id, n)
        for n, p in profiles.profiles.items()
        for e in entries
        if _takes(p, e)
    )
    by_id = {e.id: e for e in entries}
    for _, id_, name in nearest:
        place = (name, by_id[id_].backend, by_id[id_].arch)
        if id_ not in of and place not in taken:
            of[id_] = name
            taken.add(place)
    for entry in entries:
        if entry.id not in of:
            raise InputError(
                f"no profile is left for {entry.language} on {entry.arch}",
                where=entry.id,
                remedy="Add a profile for it to profiles.yaml first.",
            )
    rows: Rows = {name: [] for name in profiles.profiles}
    for entry in entries:
        rows[of[entry.id]].append(entry)
    return rows


def _takes(profile: Profile, entry: Entry) -> bool:
    spoken = not profile.languages or entry.language in profile.languages
    return spoken and entry.arch in profile.arches


def _distance(entry: Entry, profile: Profile) -> tuple[bool, int]:
    """The profile with the entry's suffix is nearest, else the one that says most of the same."""
    differing = sum(getattr(profile, f) != getattr(entry, f) for f in LEARNED)
    return profile.suffix != _prefix(entry), differing


def _learned(profiles: Profiles, rows: Rows) -> Profiles:
    """The profiles with the values that more than half of their rows agree on."""
    result = {}
    for name, profile in profiles.profiles.items():
        new = {}
        for field in LEARNED if profile.arches != [DARWIN] else ("build_type",):
            counted = Counter(getattr(e, field) for e in rows.get(name, ()))
            value, count = counted.most_common(1)[0] if counted else (None, 0)
            if count * 2 > counted.total() and value != getattr(profile, field):
                new[field] = value
        result[name] = profile.model_copy(update=new) if new else profile
    return profiles.model_copy(update={"profiles": result})


def _targets(
    rows: Rows, profiles: Profiles, builds: Iterable[str]
) -> dict[str, dict[str, list[str]]]:
    """By build and backend, the targets whose rows are there."""
    arches: defaultdict[tuple[str, str], defaultdict[str, set[str]]] = defaultdict(
        lambda: defaultdict(set)
    )
    language = {}
    for name, entries in rows.items():
        for entry in entries:
            arches[entry.build, entry.backend][name].add(entry.arch)
            language[entry.build] = entry.language
    result: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for build, backend in sorted(arches, key=lambda pair: (list(builds).index(pair[0]), pair[1])):
        found = arches[build, backend]
        texts: list[str] = []
        for target in dict.fromkeys(p.target or n for n, p in profiles.profiles.items()):
            members = [
                n
                for n, p in profiles.profiles.items()
                if (p.target or n) == target and (not p.languages or language[build] in p.languages)
            ]
            texts += _said(
                target, {n: found[n] for n in members if found.get(n)}, members, profiles
            )
        result[build][backend] = texts
    return dict(result)


def _said(
    target: str, found: Mapping[str, set[str]], members: Sequence[str], profiles: Profiles
) -> list[str]:
    """A target in one word if all its profiles have the same legs, else profile by profile."""
    legs = {frozenset(a) for a in found.values()}
    if not found:
        return []
    if len(found) == len(members) and len(legs) == 1:
        return _legs(target, found[members[0]], profiles.profiles[members[0]])
    return [text for name, a in found.items() for text in _legs(name, a, profiles.profiles[name])]


def _legs(name: str, arches: set[str], profile: Profile) -> list[str]:
    if arches == set(profile.arches):
        return [name]
    return [f"{name}@{arch}" for arch in profile.arches if arch in arches]


@dataclass(frozen=True)
class _Overridden:
    """What a row says beyond its profile, and why."""

    changes: tuple[tuple[str, object], ...]
    arches: tuple[Arch, ...]
    reason: str
    inert: bool
    order: int


def _exceptions(rows: Rows, plain: Iterable[Entry], known: Sequence[Override]) -> list[Override]:
    """One exception for each change, reason and set of backends, known ones in their order."""
    backends: defaultdict[tuple[_Overridden, str], list[str]] = defaultdict(list)
    for profile, backend, overridden in _overridden(rows, plain, known):
        backends[overridden, profile].append(backend)
    profiles: defaultdict[tuple[_Overridden, tuple[str, ...]], list[str]] = defaultdict(list)
    for (overridden, profile), names in backends.items():
        profiles[overridden, tuple(sorted(names))].append(profile)
    return [
        Override(
            reason=d.reason,
            backends=list(names),
            profiles=on,
            arches=list(d.arches),
            set=_values(d, names),
            inert=d.inert,
        )
        for (d, names), on in sorted(profiles.items(), key=lambda item: item[0][0].order)
    ]


def _values(overridden: _Overridden, backends: Sequence[str]) -> OverrideValues:
    """What an exception would set.

    Raises:
        InputError: a row says what an exception cannot.
    """
    try:
        return OverrideValues.model_validate(dict(overridden.changes))
    except ValidationError as e:
        first = e.errors()[0]
        raise InputError(
            f"{first['loc'][0]} is {quoted(first['input'])}: {first['msg'].lower()}",
            where=quoted(listed(backends)),
            remedy="Correct these rows; an exception can only say what is known.",
        ) from None


def _overridden(
    rows: Rows, plain: Iterable[Entry], known: Sequence[Override]
) -> Iterator[tuple[str, str, _Overridden]]:
    """Profile, backend and override of each pair of them that needs one, on all legs or some."""
    derived = {(e.backend, e.profile, e.arch): e for e in plain}
    legs: defaultdict[tuple[str, str], dict[Arch, dict[str, object]]] = defaultdict(dict)
    for profile, entries in rows.items():
        for entry in entries:
            changes = _changes(derived[entry.backend, profile, entry.arch], entry)
            legs[profile, entry.backend][entry.arch] = changes  # type: ignore[index]
    for (profile, backend), by_arch in legs.items():
        said = [changes for changes in by_arch.values() if changes]
        for number, changes in enumerate(said):
            if changes in said[:number]:
                continue
            arches = tuple(a for a, c in by_arch.items() if c == changes)
            old = [
                (order, x)
                for order, x in enumerate(known)
                if backend in x.backends
                and profile in x.profiles
                and x.set.fields().items() <= changes.items()
            ]
            yield (
                profile,
                backend,
                _Overridden(
                    tuple(changes.items()),
                    arches if len(arches) < len(by_arch) else (),
                    " ".join(dict.fromkeys(x.reason for _, x in old)) or TODO,
                    bool(old) and all(x.inert for _, x in old),
                    old[0][0] if old else len(known),
                ),
            )


def _changes(derived: Entry, entry: Entry) -> dict[str, object]:
    """The fields to set, so that the derived entry becomes this one."""
    found: dict[str, object] = {
        name: getattr(entry, name)
        for name in OverrideValues.model_fields
        if name != "suffix" and getattr(entry, name) != getattr(derived, name)
    }
    if entry.suffix != derived.suffix:
        found["suffix"] = _prefix(entry)
    return found
