"""From rows under their profiles to the targets of each backend."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from localai_ci.config.backends import Backends
from localai_ci.config.profiles import Profile, Profiles
from localai_ci.matrix.infer_profiles import Rows

Place = tuple[str, str]
"""Build and backend."""


def targets(rows: Rows, profiles: Profiles, known: Backends) -> dict[str, dict[str, list[str]]]:
    """By build and backend, the targets whose rows are there; what was there keeps its order."""
    arches: defaultdict[Place, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, entries in rows.items():
        for entry in entries:
            arches[entry.build, entry.backend][name].add(entry.arch)
    result: dict[str, dict[str, list[str]]] = {}
    for build, backend in _in_order(arches, known):
        found = arches[build, backend]
        texts: list[str] = []
        for target, members in _members(profiles, known.builds[build].language).items():
            there = {name: found[name] for name in members if found.get(name)}
            texts += _said(target, there, members, profiles)
        old = known.backends.get(build, {}).get(backend, [])
        stay = [text for text in old if text in texts]
        result.setdefault(build, {})[backend] = _inserted(stay, texts)
    return result


def _members(profiles: Profiles, language: str) -> dict[str, list[str]]:
    """The profiles that each target means for a language."""
    found: dict[str, list[str]] = {}
    for name, profile in profiles.profiles.items():
        members = found.setdefault(profile.target or name, [])
        if not profile.languages or language in profile.languages:
            members.append(name)
    return found


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
    joint = sorted(arches - set(profile.arches))
    return [f"{name}@{arch}" for arch in [*profile.arches, *joint] if arch in arches]


def _in_order(pairs: Iterable[Place], known: Backends) -> list[Place]:
    """Builds and backends in the file's order, new ones by their names."""
    builds = _inserted([*known.backends], [*known.builds])
    old = [(b, n) for b, names in known.backends.items() for n in names]
    found = set(pairs)
    ordered = [pair for pair in old if pair in found]
    for pair in sorted(found - set(old)):
        same = [i for i, (b, _) in enumerate(ordered) if b == pair[0]]
        later = [i for i in same if ordered[i][1] > pair[1]]
        ordered.insert(later[0] if later else same[-1] + 1 if same else len(ordered), pair)
    return sorted(ordered, key=lambda pair: builds.index(pair[0]))


def _inserted(stay: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The texts; those that stay in their order, each new one behind its usual neighbour."""
    result = list(stay)
    for number, text in enumerate(texts):
        if text not in result:
            before = [t for t in texts[:number] if t in result]
            result.insert(result.index(before[-1]) + 1 if before else 0, text)
    return result
