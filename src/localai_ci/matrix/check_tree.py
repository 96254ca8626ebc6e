"""Checks of a matrix against a LocalAI tree: Dockerfiles, folders, the gallery's index."""

import re
from collections import defaultdict
from collections.abc import Iterator

from localai_ci.matrix.dockerfile import ARG, arguments_of
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.finding import Finding, Severity
from localai_ci.matrix.tree import Tree
from localai_ci.text import plural

GALLERY = "backend/index.yaml"
_IMAGE = re.compile(r"local-?ai-backends:(latest|master)(-[A-Za-z0-9._-]+)")

# What of a row reaches a Dockerfile, under which name, and the value that says nothing.
ARGUMENTS = {
    "build_type": ("BUILD_TYPE", ""),
    "cuda": ("CUDA_MAJOR_VERSION", ""),
    "skip_drivers": ("SKIP_DRIVERS", False),
    "ubuntu": ("UBUNTU_VERSION", "2404"),
    "builder": ("BUILDER_BASE_IMAGE", ""),
    "amdgpu_targets": ("AMDGPU_TARGETS", ""),
}

# Set by the builder itself, or there for people who build by hand.
BUILT_IN = {"TARGETARCH", "TARGETVARIANT", "TARGETOS", "TARGETPLATFORM"}


def check_tree(matrix: Matrix, tree: Tree) -> list[Finding]:
    """Where a matrix and a tree disagree."""
    return [*_arguments(matrix, tree), *_folders(matrix, tree), *_gallery(matrix, tree)]


def _arguments(matrix: Matrix, tree: Tree) -> Iterator[Finding]:
    """Arguments that a row sets and its Dockerfile does not take, or takes and nobody reads."""
    users: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in matrix.entries:
        if entry.dockerfile:
            users[entry.dockerfile].append(entry)
    for path, entries in sorted(users.items()):
        if path not in tree.paths:
            yield Finding(
                Severity.error, "dockerfile", matrix.where(entries[0]),
                f"{plural(len(entries), 'row')} to build from {path}, which is not in the tree",
                "Correct the row's dockerfile, or add the file.",
            )  # fmt: skip
            continue
        text = tree.read(path)
        taken = arguments_of(text)
        for field, (name, silent) in ARGUMENTS.items():
            odd = [e for e in entries if getattr(e, field) != silent and name not in taken]
            if odd:
                yield Finding(
                    Severity.warning, "arguments", path,
                    f"{plural(len(odd), 'row')} with {name} set, and this Dockerfile does not take"
                    f" it (first: {odd[0].id})",
                    "Drop the field from these rows, or read it.",
                )  # fmt: skip
        unread = sorted(taken - BUILT_IN - _read(text, entries, tree))
        if unread:
            yield Finding(
                Severity.note, "arguments", path,
                f"nobody reads {', '.join(unread)}",
                "Drop the ARG lines; they only make the cache miss.",
            )  # fmt: skip


def _read(text: str, entries: list[Entry], tree: Tree) -> set[str]:
    """The names that a Dockerfile, the scripts it runs or the backends it builds mention."""
    folders = {f"{folder}/" for e in entries for folder in e.folders}
    scripts = [
        p
        for p in tree.paths
        if p.startswith((".docker/", "scripts/build/"))
        or (
            p.startswith(tuple(folders))
            and p.endswith((".sh", "Makefile", ".py", "CMakeLists.txt"))
        )
    ]
    body = ARG.sub("", text)
    body = re.sub(r"^\s*ENV\s+([A-Z_]+)=\$\{\1\}\s*$", "", body, flags=re.MULTILINE)
    words = set(re.findall(r"[A-Z_][A-Z0-9_]+", body))
    for script in scripts:
        words |= set(re.findall(r"[A-Z_][A-Z0-9_]+", tree.read(script)))
    return words


def _folders(matrix: Matrix, tree: Tree) -> Iterator[Finding]:
    """Folders without a row, and rows without a folder."""
    rows = {e.folders[0]: e for e in reversed(matrix.entries)}
    for folder, entry in sorted(rows.items()):
        if folder not in tree.folders:
            yield Finding(
                Severity.error, "folders", matrix.where(entry),
                f"{entry.backend} has rows, and no folder {folder}",
                "Correct the backend's name or its build, or drop the rows.",
            )  # fmt: skip
    roots = {folder.rpartition("/")[0] for folder in rows}
    known = {folder for e in matrix.entries for folder in e.folders}
    for folder in sorted(tree.folders):
        if folder.rpartition("/")[0] in roots and folder not in known and _builds(folder, tree):
            yield Finding(
                Severity.warning, "folders", folder, "no row of the matrix builds this backend",
                "Add it to backends.yaml, or drop the folder.",
            )  # fmt: skip


def _builds(folder: str, tree: Tree) -> bool:
    """Whether a folder is a backend: it has a Makefile and something to run."""
    return {f"{folder}/Makefile", f"{folder}/run.sh"} <= tree.paths


def _gallery(matrix: Matrix, tree: Tree) -> Iterator[Finding]:
    """What the gallery offers is built, and what is built is offered."""
    if GALLERY not in tree.paths:
        return
    offered: dict[str, dict[str, int]] = {}
    for number, line in enumerate(tree.read(GALLERY).splitlines(), 1):
        for channel, suffix in _IMAGE.findall(line.partition("#")[0]):
            offered.setdefault(suffix, {}).setdefault(channel, number)
    built = {e.suffix: e for e in reversed(matrix.entries)}
    for suffix, channels in sorted(offered.items()):
        where = f"{GALLERY}:{min(channels.values())}"
        if suffix not in built:
            yield Finding(
                Severity.warning, "gallery", where,
                f"the gallery offers {suffix}, and no row builds it: users get an old image",
                "Drop it from the gallery, or build it again.",
            )  # fmt: skip
        elif missing := {"latest", "master"} - set(channels):
            yield Finding(
                Severity.note, "gallery", where,
                f"the gallery offers {suffix} only as {'/'.join(channels)}, not as"
                f" {'/'.join(missing)}",
                "Add the other channel.",
            )  # fmt: skip
    for suffix in sorted(set(built) - set(offered)):
        yield Finding(
            Severity.warning, "gallery", matrix.where(built[suffix]),
            f"{suffix} is built and published, and the gallery does not offer it",
            f"Add it to {GALLERY}, or stop building it.",
        )  # fmt: skip
