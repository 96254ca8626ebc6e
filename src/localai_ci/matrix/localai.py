"""Entries as rows of LocalAI's own matrix file: written and read.

The format: ``include`` (Linux) and ``includeDarwin``, lists of rows whose values are strings; in
older trees these lists stand in a workflow (`localai_forms`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localai_ci.matrix.entry import DARWIN, Entry
from localai_ci.matrix.localai_forms import MATRIX_FILE
from localai_ci.matrix.plain_rows import plain_rows
from localai_ci.names import base_tag

if TYPE_CHECKING:
    from localai_ci.config.backends import Build
    from localai_ci.config.profiles import DarwinWorkflow

__all__ = ["MATRIX_FILE", "base_image", "document", "read", "row"]

NEEDED = ("backend", "tag-suffix", "dockerfile", "platforms", "runs-on")
"""What a row must say; of one for Darwin only the first two."""

DARWIN_KEYS = frozenset({"backend", "tag-suffix", "build-type", "lang"})
LINUX_KEYS = frozenset(NEEDED) | {
    *("build-type", "base-image", "cuda-major-version", "cuda-minor-version", "ubuntu-version"),
    *("skip-drivers", "platform-tag", "builder-base-image", "tag-latest", "context"),
    "amdgpu-targets",
}
"""What is understood; other keys that LocalAI may add are kept, not lost."""


@cache
def base_image(variant: str) -> str:
    """The moving reference of a builder base."""
    from localai_ci.config.registries import registries

    return f"{registries().bases}:{base_tag(variant)}"


def row(entry: Entry) -> dict[str, str]:
    """The entry as LocalAI writes it."""
    if entry.arch == DARWIN:
        lang = "" if entry.language == "python" else "go"
        values = {
            "backend": entry.backend,
            "tag-suffix": entry.suffix,
            **({"build-type": entry.build_type} if entry.build_type else {}),
            **({"lang": lang} if lang else {}),
        }
        return values | dict(entry.extra)
    major, _, minor = entry.cuda.partition(".")
    optional = {
        "platform-tag": entry.platform_tag,
        "builder-base-image": base_image(entry.builder) if entry.builder else "",
        "amdgpu-targets": entry.amdgpu_targets,
    }
    return {
        "build-type": entry.build_type,
        "cuda-major-version": major,
        "cuda-minor-version": minor,
        "platforms": ",".join(f"linux/{a}" for a in entry.arch.split("+")),
        "tag-latest": entry.tag_latest,
        "tag-suffix": entry.suffix,
        "runs-on": entry.runner,
        "base-image": entry.base_image,
        "skip-drivers": str(entry.skip_drivers).lower(),
        "backend": entry.backend,
        "dockerfile": f"./{entry.dockerfile}",
        "context": entry.context,
        "ubuntu-version": entry.ubuntu,
        **{k: v for k, v in optional.items() if v},
        **dict(entry.extra),
    }


def darwin_inputs(entry: Entry, workflow: "DarwinWorkflow") -> dict[str, str]:
    """What LocalAI's backend_build_darwin.yml takes, by its own names of the inputs."""
    said = row(entry)
    return {
        "backend": entry.backend,
        "build-type": entry.build_type,
        "lang": said.get("lang") or "python",
        "use-pip": str(entry.backend in workflow.use_pip).lower(),
        "go-version": workflow.go_version,
        "tag-suffix": entry.suffix,
        "runs-on": entry.runner,
        **dict(entry.extra),
    }


def document(entries: Iterable[Entry]) -> dict[str, list[dict[str, str]]]:
    """All entries as LocalAI's two lists."""
    lists: dict[str, list[dict[str, Any]]] = {"include": [], "includeDarwin": []}
    for entry in entries:
        lists["includeDarwin" if entry.arch == DARWIN else "include"].append(row(entry))
    return lists


Row = Mapping[str, str]
"""A row by LocalAI's keys."""


@dataclass(frozen=True)
class LocalaiRows:
    """The rows of a file in LocalAI's format, and where each stands (``file:line``)."""

    linux: Sequence[Row]
    darwin: Sequence[Row]
    places: Sequence[str]


def read(
    path: Path, builds: Mapping[str, "Build"], data: bytes | None = None
) -> tuple[tuple[Entry, ...], Sequence[str]]:
    """The entries of a file in LocalAI's format, and where each stands.

    Args:
        path: The file; only its name where ``data`` is given.
        builds: What is known of each Dockerfile; an unknown one gets every folder that
            could hold the backend, so that no change is missed.
        data: The content, of a file that is not on disk.

    Raises:
        InputError: not such a file; each fault with its line.
    """
    rows = _plain(path, data) or _validated(path, data)
    linux = [_linux(row, builds) for row in rows.linux]
    build_of = {e.backend: e.build for e in linux}
    darwin = [_darwin(row, builds, build_of) for row in rows.darwin]
    return (*linux, *darwin), rows.places


def _plain(path: Path, data: bytes | None) -> LocalaiRows | None:
    """The rows of a file that is written as LocalAI's is, with every key that is needed."""
    if data is None:
        try:
            data = path.read_bytes()
        except OSError:
            return None
    found = plain_rows(data)
    if not found:
        return None
    linux, darwin = found
    needed = [(linux, NEEDED), (darwin, NEEDED[:2])]
    if not all(key in row.values for rows, keys in needed for row in rows for key in keys):
        return None
    places = [f"{path}:{row.line}" for row in (*linux, *darwin)]
    return LocalaiRows([r.values for r in linux], [r.values for r in darwin], places)


def _validated(path: Path, data: bytes | None) -> LocalaiRows:
    """The rows of any file, read as YAML."""
    from localai_ci.matrix.localai_rows import validated

    linux, darwin, document = validated(path, data)
    places = [document.line(("include", i)) for i in range(len(linux))]
    places += [document.line(("includeDarwin", i)) for i in range(len(darwin))]
    return LocalaiRows(linux, darwin, [f"{document.path}:{line}" for line in places])


def _linux(row: Row, builds: Mapping[str, "Build"]) -> Entry:
    build = row["dockerfile"].rpartition("Dockerfile.")[2]
    platforms = [p.strip().removeprefix("linux/") for p in row["platforms"].split(",")]
    backend, given = row["backend"], row.get
    language, folders = _sources(backend, build, builds)
    cuda = (given("cuda-major-version", ""), given("cuda-minor-version", ""))
    builder = given("builder-base-image", "")
    return Entry(
        backend=backend,
        suffix=row["tag-suffix"],
        arch="+".join(platforms),
        build=build,
        language=language,
        folders=folders,
        build_type=given("build-type", ""),
        cuda=".".join(filter(None, cuda)),
        base_image=given("base-image", ""),
        ubuntu=given("ubuntu-version", ""),
        skip_drivers=given("skip-drivers", "false") == "true",
        runner=row["runs-on"],
        platform_tag=given("platform-tag", ""),
        builder=builder.removeprefix(base_image("")) if builder else "",
        tag_latest=given("tag-latest", "auto"),
        context=given("context", "./"),
        amdgpu_targets=given("amdgpu-targets", ""),
        extra=_extra(row, LINUX_KEYS),
    )


def _darwin(row: Row, builds: Mapping[str, "Build"], build_of: Mapping[str, str]) -> Entry:
    """A Darwin row names no Dockerfile: its Linux rows, its own name or its language tell."""
    backend, lang = row["backend"], row.get("lang", "")
    known = build_of.get(backend) or (backend if backend in builds else "")
    build = known or {"": "python", "go": "golang"}.get(lang, lang)
    language, folders = _sources(backend, build, builds)
    return Entry(
        backend=backend,
        suffix=row["tag-suffix"],
        arch=DARWIN,
        build=build,
        language=language,
        folders=folders,
        build_type=row.get("build-type", ""),
        runner="macos-latest",
        extra=_extra(row, DARWIN_KEYS),
    )


def _sources(
    backend: str, build: str, builds: Mapping[str, "Build"]
) -> tuple[str, tuple[str, ...]]:
    if build in builds:
        return builds[build].language, builds[build].folders(backend)
    return "cpp", tuple(f"backend/{kind}/{backend}" for kind in ("cpp", "go", "python", "rust"))


def _extra(row: Row, known: frozenset[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in row.items() if key not in known))
