"""Profiles times backends, with the exceptions: pure, from models to entries."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from localai_ci.config import bounds
from localai_ci.config.backends import Backends, Build, Override
from localai_ci.config.profiles import Profile, Profiles
from localai_ci.config.reader import Document, Loc
from localai_ci.errors import InputError
from localai_ci.matrix.entry import DARWIN, Entry, by_suffix


def expand(profiles: Profiles, backends: Backends, document: Document) -> tuple[Entry, ...]:
    """All entries, in the order of the files.

    Args:
        profiles: What profiles.yaml says.
        backends: What backends.yaml says.
        document: Of backends.yaml, so that faults name their line.

    Raises:
        InputError: an unknown build, target, profile or architecture; an exception that is
            unused, changes nothing, or sets what another one sets.
    """
    entries: list[Entry] = []
    build_of: dict[str, str] = {}
    for build, names in backends.backends.items():
        for name in names:
            loc = ("backends", build, name)
            if build not in backends.builds:
                raise _unknown(document, loc[:2], "build", build, backends.builds)
            if build_of.setdefault(name, build) != build:
                raise document.error(
                    loc, f"{name} stands under {build_of[name]} too", "A backend has one build."
                )
            entries += islice(_rows(loc, profiles, backends, document), bounds.MATRIX_ROWS + 1)
            if len(entries) > bounds.MATRIX_ROWS:
                raise document.error(
                    loc, f"more than {bounds.MATRIX_ROWS} rows", "Make it smaller."
                )
    entries = _with_platform_tags(entries)
    done: dict[tuple[str, str, str], int] = {}
    for index, exception in enumerate(backends.exceptions):
        entries = _with_exception(index, exception, entries, done, document)
    return tuple(entries)


def _rows(
    loc: tuple[str, str, str], profiles: Profiles, backends: Backends, document: Document
) -> Iterator[Entry]:
    """The entries of one backend, before exceptions."""
    _, build_name, name = loc
    build = backends.builds[build_name]
    seen: set[str] = set()
    for index, text in enumerate(backends.backends[build_name][name]):
        target, _, only = text.partition("@")
        here: Loc = (*loc, index)
        if target in seen:
            raise document.error(here, f"{name} names the target {target!r} twice", "Keep one.")
        seen.add(target)
        for profile_name, profile in _profiles(target, build, profiles, document, here):
            if only and not {*only.split("+")} <= {*profile.arches}:
                raise _unknown(document, here, f"architecture of {target}", only, profile.arches)
            for arch in [only] if only else profile.arches:
                yield Entry(
                    backend=name,
                    suffix=f"{profile.suffix}-{name}",
                    arch=arch,
                    build=build_name,
                    language=build.language,
                    folders=build.folders(name),
                    profile=profile_name,
                    **_accelerator(profile, arch, build),
                    runner=profiles.runners[arch.partition("+")[0]],  # type: ignore[index]
                    tag_latest=backends.defaults.tag_latest,
                    context=backends.defaults.context,
                )


def _profiles(
    target: str, build: Build, profiles: Profiles, document: Document, loc: Loc
) -> list[tuple[str, Profile]]:
    """The profiles that a target means for a language: two for ``intel`` and compiled code.

    A profile of a target can also be named alone (``sycl-f16``).
    """
    named = {n: p for n, p in profiles.profiles.items() if (p.target or n) == target}
    if not named and target in profiles.profiles:
        named = {target: profiles.profiles[target]}
    if not named:
        known = {p.target or n for n, p in profiles.profiles.items()}
        raise _unknown(document, loc, "target", target, known)
    found = [(n, p) for n, p in named.items() if not p.languages or build.language in p.languages]
    if not found:
        raise document.error(
            loc,
            f"no profile of the target {target!r} takes the language {build.language!r}",
            f"Give one of {', '.join(named)} that language in profiles.yaml, or drop the target.",
        )
    return found


def _accelerator(profile: Profile, arch: str, build: Build) -> dict[str, Any]:
    """The fields that follow from the profile; on Darwin nothing but the build type."""
    if arch == DARWIN:
        return {"build_type": profile.build_type}
    return {
        "build_type": profile.build_type,
        "cuda": profile.cuda,
        "base_image": profile.base_image,
        "ubuntu": profile.ubuntu,
        "skip_drivers": profile.skip_drivers,
        # Two platforms in one row compile on no base: each base has one architecture.
        "builder": f"{profile.builder}-{arch}".lstrip("-")
        if build.base and "+" not in arch
        else "",
    }


def _with_platform_tags(entries: Iterable[Entry]) -> list[Entry]:
    """An image with two legs names the architecture of each; one with a single leg none."""
    return [
        replace(leg, platform_tag=leg.arch) if len(legs) > 1 else leg
        for legs in by_suffix(entries).values()
        for leg in legs
    ]


def _with_exception(
    index: int,
    exception: Override,
    entries: list[Entry],
    done: dict[tuple[str, str, str], int],
    document: Document,
) -> list[Entry]:
    """Apply one exception; ``done`` remembers which one set which field of which row."""
    loc: Loc = ("exceptions", index)
    changes = exception.set.fields()
    unused = {(b, p) for b in exception.backends for p in exception.profiles}
    changed = False
    result = []
    for entry in entries:
        if (
            entry.backend not in exception.backends
            or entry.profile not in exception.profiles
            or (exception.arches and entry.arch not in exception.arches)
        ):
            result.append(entry)
            continue
        unused.discard((entry.backend, entry.profile))
        for field in changes:
            other = done.setdefault((entry.id, entry.profile, field), index)
            if other != index:
                first = document.line(("exceptions", other))
                raise document.error(
                    loc,
                    f"{entry.id}: {field} is set by the exception at line {first} too",
                    "Keep one of the two.",
                )
        new = _changed(entry, changes)
        changed |= new != entry
        result.append(new)
    if unused:
        pairs = ", ".join(f"{b} on {p}" for b, p in sorted(unused))
        raise document.error(
            loc,
            f"the exception applies to nothing: {pairs}",
            "Drop or correct these names; `profiles` takes no targets.",
        )
    if not changed:
        raise document.error(loc, "the exception sets what the profile says already", "Drop it.")
    return result


def _changed(entry: Entry, changes: dict[str, str | bool]) -> Entry:
    fields = dict(changes)
    if "suffix" in fields:
        fields["suffix"] = f"{fields['suffix']}-{entry.backend}"
    return replace(entry, **fields)  # type: ignore[arg-type]


def _unknown(
    document: Document, loc: Loc, kind: str, name: str, known: Iterable[str]
) -> InputError:
    return document.error(
        loc, f"there is no {kind} {name!r}", f"Known: {', '.join(sorted(known))}."
    )
