"""From rows back to profiles, targets and exceptions: what our files would have to say.

The opposite of `expand`; `propose` proves it by expanding what it found.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from localai_ci.config.backends import Backends, Build
from localai_ci.config.profiles import Profile, Profiles
from localai_ci.config.reader import Document
from localai_ci.errors import InputError
from localai_ci.matrix.diff import diff
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.exceptions import TODO, exceptions, prefix
from localai_ci.matrix.expand import expand
from localai_ci.matrix.infer_profiles import (
    LEARNED,
    Rows,
    learned,
    learned_defaults,
    takes,
    with_new_profiles,
)
from localai_ci.matrix.infer_targets import targets
from localai_ci.text import and_more, listed, printable

_LISTED, _WIDE = 10, 500

Exists = Callable[[str], bool]
"""Whether a tree has a folder."""


@dataclass(frozen=True)
class Proposal:
    """Files that expand to exactly the given rows.

    Attributes:
        profiles: profiles.yaml.
        backends: backends.yaml.
        origins: Of each exception, its number in the files so far; None of a new one.
    """

    profiles: Profiles
    backends: Backends
    origins: tuple[int | None, ...]


def propose(
    entries: Sequence[Entry],
    profiles: Profiles,
    backends: Backends,
    exists: Exists | None = None,
    reason: str = TODO,
) -> Proposal:
    """What our files have to say so that they expand to these entries.

    What is there stays as far as it can: values unless most rows disagree, targets in their order,
    exceptions with their reasons.

    Args:
        entries: The rows to reproduce.
        profiles: What is there.
        backends: What is there.
        exists: The tree of the rows, which tells the language of a Dockerfile that is new.
        reason: What new exceptions say.

    Raises:
        InputError: rows that the files cannot express (unknown fields, an accelerator or a
            Dockerfile of which nothing is known, a suffix that does not end in the backend's name).
    """
    now = {e.id: e.profile for e in _expanded(profiles, backends)}
    backends, told = _with_new_builds(entries, backends, exists)
    _refuse(told, profiles, backends)
    told.sort(key=lambda e: e.arch)
    profiles = with_new_profiles(told, profiles)
    rows = _assigned(told, profiles, now)
    backends = learned_defaults(told, backends)
    profiles = learned(profiles, rows, backends.builds)
    plain = backends.model_copy(
        update={"exceptions": [], "backends": targets(rows, profiles, backends)}
    )
    wanted = [(name, entry) for name, found in rows.items() for entry in found]
    kept = exceptions(wanted, _expanded(profiles, plain), backends.exceptions, reason)
    whole = plain.model_copy(update={"exceptions": [k.override for k in kept]})
    left = diff(_expanded(profiles, whole), told)
    if left:
        names = [*left.added, *left.removed, *left.changed]
        raise InputError(
            f"rows that the files cannot express: {listed(names, 5)}",
            remedy="Nothing was written. Say these rows in backends.yaml by hand.",
        )
    return Proposal(profiles, whole, tuple(k.origin for k in kept))


def _expanded(profiles: Profiles, backends: Backends) -> tuple[Entry, ...]:
    return expand(profiles, backends, Document("proposal", None, {}))


def _with_new_builds(
    entries: Iterable[Entry], backends: Backends, exists: Exists | None
) -> tuple[Backends, list[Entry]]:
    """Give each Dockerfile that is new the language that the tree's folders tell."""
    new: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.build not in backends.builds:
            new[entry.build].append(entry)
    builds = dict(backends.builds)
    for name, rows in new.items():
        names = {e.backend for e in rows}
        kinds = [
            kind
            for kind in ("cpp", "go", "python", "rust")
            if exists and all(exists(f"backend/{kind}/{backend}") for backend in names)
        ]
        if len(kinds) == 1:
            base = any(e.builder for e in rows)
            folder = f"backend/{kinds[0]}/{{backend}}"
            builds[name] = Build.model_validate(
                {"language": kinds[0], "folder": folder, "base": base}
            )
    told = [_told(e, builds[e.build]) if e.build in builds else e for e in entries]
    return backends.model_copy(update={"builds": builds}), told


def _told(entry: Entry, build: Build) -> Entry:
    return replace(entry, language=build.language, folders=build.folders(entry.backend))


def _refuse(entries: Iterable[Entry], profiles: Profiles, backends: Backends) -> None:
    accelerators = {p.build_type for p in profiles.profiles.values()}
    accelerators |= {x.set.build_type for x in backends.exceptions if x.set.build_type}
    faults = []
    for e in entries:
        if e.extra:
            unknown = listed([name[:_WIDE] for name, _ in e.extra], _LISTED)
            faults.append(f"{e.id}: unknown fields {unknown}")
        if not e.suffix.endswith(f"-{e.backend}"):
            faults.append(f"{e.id}: the suffix does not end in the backend's name {e.backend}")
        if e.build not in backends.builds:
            faults.append(
                f"{e.id}: the Dockerfile {e.build} is not under `builds`, and no folder of a tree"
                " tells its language"
            )
        if e.build_type and e.build_type not in accelerators:
            faults.append(
                f"{e.id}: the accelerator {e.build_type} is not known (suffix"
                f" {prefix(e) or '(none)'}, base image {e.base_image or '(none)'})"
            )
    if faults:
        more = and_more(faults, _LISTED)
        shown = (printable(fault)[:_WIDE] for fault in faults[:_LISTED])
        raise InputError(
            "\n".join([*dict.fromkeys(shown), *([f"… {more}"] if more else [])]),
            remedy="Nothing was written. Correct these rows, or add the profile to profiles.yaml"
            " or the build to backends.yaml first.",
        )


def _assigned(entries: Sequence[Entry], profiles: Profiles, now: Mapping[str, str]) -> Rows:
    """Each row under a profile that no other leg of its backend takes, the nearest pairs first.

    A row that is there already stays where it is (``now``, the profile of each id).

    Raises:
        InputError: more rows of a backend than profiles that could take them.
    """
    of: dict[str, str] = {}
    taken: set[tuple[str, str, str]] = set()
    nearest = sorted(
        (now.get(e.id) != n, _distance(e, p), e.id, n)
        for n, p in profiles.profiles.items()
        for e in entries
        if takes(p, e)
    )
    by_id = {e.id: e for e in entries}
    for _, _, id_, name in nearest:
        place = (name, by_id[id_].backend, by_id[id_].arch)
        if id_ not in of and place not in taken:
            of[id_] = name
            taken.add(place)
    for entry in entries:
        if entry.id not in of:
            raise InputError(
                f"no profile is left for {entry.language} on {entry.arch}",
                where=entry.id,
                remedy="Nothing was written. Add a profile for it to profiles.yaml first.",
            )
    rows: Rows = {name: [] for name in profiles.profiles}
    for entry in entries:
        rows[of[entry.id]].append(entry)
    return rows


def _distance(entry: Entry, profile: Profile) -> tuple[bool, int]:
    """The profile with the entry's suffix is nearest, else the one that says most of the same."""
    differing = sum(getattr(profile, f) != getattr(entry, f) for f in LEARNED)
    return profile.suffix != prefix(entry), differing
