"""What rows tell of profiles: new ones, and the values that most rows of one agree on."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from localai_ci.config.backends import Backends, Build
from localai_ci.config.profiles import Profile, Profiles
from localai_ci.matrix.entry import DARWIN, Entry
from localai_ci.matrix.exceptions import prefix

LEARNED = ("build_type", "cuda", "base_image", "ubuntu", "skip_drivers")
"""Profile fields that follow what most of the profile's rows say."""

Rows = dict[str, list[Entry]]
"""The rows of each profile."""

T = TypeVar("T")


def takes(profile: Profile, entry: Entry) -> bool:
    """Whether a backend of that language and architecture can be on the profile."""
    spoken = not profile.languages or entry.language in profile.languages
    return spoken and all(arch in profile.arches for arch in _arches(entry))


def with_new_profiles(entries: Iterable[Entry], profiles: Profiles) -> Profiles:
    """Add a profile for every suffix that is new, or new on an architecture.

    A known suffix in a language that its profile does not take needs none: that is an exception of
    another profile.
    """
    result = dict(profiles.profiles)
    known = set(result)
    for entry in entries:
        same = [name for name, p in result.items() if p.suffix == prefix(entry)]
        if any({*_arches(entry)} <= {*result[name].arches} for name in same):
            continue
        growing = [name for name in same if name not in known]
        if growing:
            arches = sorted({*result[growing[0]].arches, *_arches(entry)})
            result[growing[0]] = result[growing[0]].model_copy(update={"arches": arches})
        elif same:
            name = _unused(f"{same[0]}-{'-'.join(_arches(entry))}", result)
            update = {"arches": _arches(entry), "languages": [], "target": ""}
            result[name] = result[same[0]].model_copy(update=update)
        else:
            name = _unused(_named(prefix(entry)), result)
            result[name] = Profile.model_validate(
                {
                    "suffix": prefix(entry),
                    "arches": sorted(_arches(entry)),
                    "base_image": entry.base_image,
                }
            )
    return profiles.model_copy(update={"profiles": result})


def _arches(entry: Entry) -> list[str]:
    return entry.arch.split("+")


def _named(suffix: str) -> str:
    """``-gpu-nvidia-cuda-14`` is ``cuda14``, as those before it; others keep their words."""
    cuda = re.fullmatch(r"-gpu-nvidia-cuda-(\d+)", suffix)
    return f"cuda{cuda[1]}" if cuda else suffix.removeprefix("-")


def _unused(name: str, taken: Iterable[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def learned(profiles: Profiles, rows: Rows, builds: Mapping[str, Build]) -> Profiles:
    """The profiles with the values that more than half of their rows agree on; the runners too."""
    result = {}
    for name, profile in profiles.profiles.items():
        found = rows.get(name, ())
        fields = LEARNED if profile.arches != [DARWIN] else ("build_type",)
        new = {f: _most((getattr(e, f) for e in found), getattr(profile, f)) for f in fields}
        based = [e for e in found if e.os == "linux" and builds[e.build].base and "+" not in e.arch]
        bases = ("" if e.builder == e.arch else e.builder.removesuffix(f"-{e.arch}") for e in based)
        new["builder"] = _most(bases, profile.builder)
        changed = {f: value for f, value in new.items() if value != getattr(profile, f)}
        result[name] = profile.model_copy(update=changed) if changed else profile
    linux = [e for found in rows.values() for e in found if e.os == "linux"]
    hosted = [e for e in linux if e.runner not in profiles.self_hosted]
    runners = {
        arch: _most((e.runner for e in hosted if e.arch == arch), runner)
        for arch, runner in profiles.runners.items()
    }
    return profiles.model_copy(update={"profiles": result, "runners": runners})


def learned_defaults(entries: Sequence[Entry], backends: Backends) -> Backends:
    """What all rows share, and which builds compile on a builder base."""
    linux = [e for e in entries if e.os == "linux"]
    defaults = backends.defaults.model_copy(
        update={
            "context": _most((e.context for e in linux), backends.defaults.context),
            "tag_latest": _most((e.tag_latest for e in linux), backends.defaults.tag_latest),
        }
    )
    builds = {}
    for name, build in backends.builds.items():
        base = _most((bool(e.builder) for e in linux if e.build == name), build.base)
        builds[name] = build if base == build.base else build.model_copy(update={"base": base})
    return backends.model_copy(update={"defaults": defaults, "builds": builds})


def _most(values: Iterable[T], now: T) -> T:
    """The value that more than half have, else what it is now."""
    counted = Counter(values)
    if not counted:
        return now
    value, count = counted.most_common(1)[0]
    return value if count * 2 > counted.total() else now
