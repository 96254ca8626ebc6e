"""Checks of a matrix that need nothing but the data files."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from localai_ci import names
from localai_ci.config.profiles import Profiles
from localai_ci.config.variants import Variant
from localai_ci.matrix import limits
from localai_ci.matrix.entry import DARWIN, Entry, Matrix, by_suffix
from localai_ci.matrix.finding import Finding, Severity
from localai_ci.text import listed

LOCALAI_SHARDS = 4
"""Into how many matrices LocalAI's workflows split the images with one leg."""

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""What a registry takes as a tag."""

LONGEST_VERSION = "v99.99.99-prerelease.99"
"""Stands for the longest version that an image might be tagged with."""


def check(
    matrix: Matrix,
    variants: Collection[Variant],
    profiles: Profiles,
    declared: Mapping[str, str],
) -> list[Finding]:
    """Everything that is wrong or odd in a matrix.

    Args:
        matrix: What to check.
        variants: The builder bases.
        profiles: For the runners: those of an architecture, and the project's own machines.
        declared: By entry id, the runners of one's own that backends.yaml gives a reason for.
    """
    return [
        *_unique(matrix),
        *_groups(matrix),
        *_names(matrix),
        *_bases(matrix, {v.name: v for v in variants}),
        *_images(matrix),
        *_shards(matrix),
        *_runners(matrix, profiles, declared),
    ]


def _unique(matrix: Matrix) -> Iterator[Finding]:
    """No two rows make the same leg of the same image."""
    for id_, count in Counter(e.id for e in matrix.entries).items():
        if count > 1:
            yield Finding(
                Severity.error,
                "unique",
                matrix.lines.get(id_, matrix.source),
                f"{count} rows make {id_}; the last one pushed would win",
                "Drop all but one, or give them other suffixes.",
            )


def _groups(matrix: Matrix) -> Iterator[Finding]:
    """The legs of an image agree, and can be told apart."""
    for suffix, legs in by_suffix(matrix.entries).items():
        where = matrix.where(legs[0])
        for field in ("backend", "build", "build_type", "cuda", "tag_latest"):
            values = sorted({str(getattr(leg, field)) for leg in legs})
            if len(values) > 1:
                yield Finding(
                    Severity.error, "legs", where,
                    f"the legs of {suffix} differ in {field}: {', '.join(values)}",
                    "One image is one backend on one accelerator; make the legs agree.",
                )  # fmt: skip
        untagged = [leg.arch for leg in legs if leg.platform_tag != leg.arch]
        if len(legs) > 1 and untagged and legs[0].arch != DARWIN:
            yield Finding(
                Severity.error, "legs", where,
                f"{suffix} has {len(legs)} legs, and the platform tag of {', '.join(untagged)} is"
                " not its architecture: they would overwrite each other's cache and digest",
                "Set platform-tag on every leg of an image with two.",
            )  # fmt: skip
        if len(legs) == 1 and legs[0].platform_tag:
            yield Finding(
                Severity.note, "legs", where,
                f"{suffix} has a platform tag and only one leg: it waits for the images with two",
                "Drop platform-tag, or add the other leg.",
            )  # fmt: skip


def _names(matrix: Matrix) -> Iterator[Finding]:
    """Names that are made of a suffix fit, and none is mistaken for another's."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for e in matrix.entries:
        where = matrix.where(e)
        if "--" in e.suffix:
            yield Finding(
                Severity.error, "names", where,
                f"the suffix {e.suffix} has two dashes in a row, which end a suffix in names",
                "Name the backend with single dashes.",
            )  # fmt: skip
        tags = [
            LONGEST_VERSION + e.suffix,
            names.anchor_tag("20991231", "9" * 12, e.id),
            names.cache_tag(e.suffix, e.platform_tag),
            names.input_tag("f" * 12, e.suffix, e.arch),
        ]
        for tag in tags:
            if not TAG.fullmatch(tag):
                yield Finding(
                    Severity.error, "names", where,
                    f"{tag} ({len(tag)} characters) cannot be a tag",
                    "A tag has up to 128 of A-Z a-z 0-9 . _ -; shorten the backend's name.",
                )  # fmt: skip
        users[names.cache_tag(e.suffix, e.platform_tag)].add(e.id)
        users[names.receipt_file(e.id)].add(e.id)
    for name, ids in users.items():
        if len(ids) > 1:
            yield Finding(
                Severity.error, "names", matrix.source,
                f"{', '.join(sorted(ids))} would all use the name {name}",
                "Give them suffixes or platform tags that differ.",
            )  # fmt: skip


def _bases(matrix: Matrix, variants: Mapping[str, Variant]) -> Iterator[Finding]:
    """Every builder base that is used exists and fits; every one that exists is used."""
    used: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in matrix.entries:
        if entry.builder:
            used[entry.builder].append(entry)
    for name, entries in used.items():
        where = matrix.where(entries[0])
        variant = variants.get(name)
        if not variant:
            yield Finding(
                Severity.error, "bases", where,
                f"{_ids(entries)}: there is no builder base {name!r}",
                f"Add it to variants.yaml, or use one of: {', '.join(variants)}.",
            )  # fmt: skip
            continue
        for field, theirs in (("cuda", variant.cuda or ""), ("ubuntu", variant.ubuntu or "")):
            odd = [e for e in entries if getattr(e, field) != theirs]
            if odd:
                yield Finding(
                    Severity.warning, "bases", matrix.where(odd[0]),
                    f"{_ids(odd)}: {field} is {getattr(odd[0], field)!r} in the row and"
                    f" {theirs!r} in the base {name}, which is what compiles",
                    "From source it would be another image; make them agree, or say why not.",
                )  # fmt: skip
        if variant.arch != entries[0].arch:
            yield Finding(
                Severity.error, "bases", where,
                f"{_ids(entries)}: the base {name} is for {variant.arch}",
                "Use the base of the row's architecture.",
            )  # fmt: skip
    for name, variant in variants.items():
        if name not in used and variant.tools == "upstream":
            yield Finding(
                Severity.warning, "bases", "variants.yaml", f"nothing compiles on the base {name}",
                "Drop it, or give its profile a builder.",
            )  # fmt: skip


def _images(matrix: Matrix) -> Iterator[Finding]:
    """What a base image's name says of release and CUDA is what the row says."""
    groups: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for e in matrix.entries:
        release = re.search(r"ubuntu[:-]?(\d\d)\.(\d\d)", e.base_image)
        if release and "".join(release.groups()) != e.ubuntu:
            said = f"the image {e.base_image} is Ubuntu {'.'.join(release.groups())}"
            groups[said, f"the row says {e.ubuntu}"].append(e)
        cuda = re.search(r"nvidia/cuda:(\d+\.\d+)", e.base_image)
        if cuda and e.cuda and cuda[1] != e.cuda:
            groups[f"the image {e.base_image} has CUDA {cuda[1]}", f"the row {e.cuda}"].append(e)
    for (image, said), entries in groups.items():
        yield Finding(
            Severity.error, "base-image", matrix.where(entries[0]),
            f"{_ids(entries)}: {image}, and {said}",
            "Packages for one release do not install on another; make them agree.",
        )  # fmt: skip


def _shards(matrix: Matrix) -> Iterator[Finding]:
    """No matrix of LocalAI's own workflows is so long that GitHub runs none of it."""
    linux = [e for e in matrix.entries if e.os == "linux"]
    single = sum(not e.platform_tag for e in linux)
    sizes = {
        "images with two legs (one matrix)": len(linux) - single,
        f"images with one leg (each of {LOCALAI_SHARDS})": -(-single // LOCALAI_SHARDS),
        "Darwin (one matrix)": len(matrix.entries) - len(linux),
    }
    for name, size in sizes.items():
        if size >= limits.MATRIX:
            yield Finding(
                Severity.error, "shards", matrix.source,
                f"{name}: {size} rows, and GitHub silently runs nothing of {limits.MATRIX}",
                "Plan with `localai-ci plan --format github`, which shards all of them.",
            )  # fmt: skip


def _runners(matrix: Matrix, profiles: Profiles, declared: Mapping[str, str]) -> Iterator[Finding]:
    """Only declared entries leave the hosted runners, and every runner is known."""
    hosted = set(profiles.runners.values())
    groups: defaultdict[tuple[str, bool], list[Entry]] = defaultdict(list)
    for e in matrix.entries:
        if e.runner not in hosted:
            groups[e.runner, declared.get(e.id) == e.runner].append(e)
    for (runner, is_declared), entries in groups.items():
        kind = "the project's own machine" if runner in profiles.self_hosted else "unknown"
        if is_declared:
            yield Finding(
                Severity.note, "runners", matrix.where(entries[0]),
                f"{_ids(entries)}: the runner {runner} is {kind}",
                "Declared with its reason. Pull requests from forks must not reach it.",
            )  # fmt: skip
        else:
            yield Finding(
                Severity.error, "runners", matrix.where(entries[0]),
                f"{_ids(entries)}: the runner {runner} is {kind}",
                "Use a hosted runner, or declare it as an exception in backends.yaml.",
            )  # fmt: skip


def _ids(entries: Iterable[Entry]) -> str:
    return listed([e.id for e in entries])
