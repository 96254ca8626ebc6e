"""Entries as rows of LocalAI's own matrix file: written and read.

The format: ``include`` (Linux) and ``includeDarwin``, lists of rows whose values are strings; in
older trees these lists stand in a workflow (`localai_forms`).
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from localai_ci.config.backends import Build
from localai_ci.config.profiles import DarwinWorkflow
from localai_ci.config.reader import Document, parse, validate
from localai_ci.matrix.entry import DARWIN, Entry
from localai_ci.matrix.localai_forms import MATRIX_FILE, rows_of
from localai_ci.names import base_tag

__all__ = ["MATRIX_FILE", "base_image", "document", "read", "row"]


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


def darwin_inputs(entry: Entry, workflow: DarwinWorkflow) -> dict[str, str]:
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


def _text(value: object) -> object:
    """Numbers and booleans that someone left unquoted, as the strings they stand for."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_text)]


class _LocalaiRow(BaseModel):
    """A row; keys that LocalAI may add later are kept, not lost."""

    model_config = ConfigDict(extra="allow", frozen=True)

    backend: Text
    tag_suffix: Text = Field(alias="tag-suffix")
    build_type: Text = Field("", alias="build-type")


class _LinuxRow(_LocalaiRow):
    dockerfile: Text
    platforms: Text
    runner: Text = Field(alias="runs-on")
    base_image: Text = Field("", alias="base-image")
    cuda_major: Text = Field("", alias="cuda-major-version")
    cuda_minor: Text = Field("", alias="cuda-minor-version")
    ubuntu: Text = Field("", alias="ubuntu-version")
    skip_drivers: Text = Field("false", alias="skip-drivers")
    platform_tag: Text = Field("", alias="platform-tag")
    builder: Text = Field("", alias="builder-base-image")
    tag_latest: Text = Field("auto", alias="tag-latest")
    context: Text = "./"
    amdgpu_targets: Text = Field("", alias="amdgpu-targets")


class _DarwinRow(_LocalaiRow):
    lang: Text = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    include: list[_LinuxRow]
    includeDarwin: list[_DarwinRow] = []  # noqa: N815 - LocalAI's key


def read(
    path: Path, builds: Mapping[str, Build], data: bytes | None = None
) -> tuple[tuple[Entry, ...], Document]:
    """The entries of a file in LocalAI's format.

    Args:
        path: The file; only its name where ``data`` is given.
        builds: What is known of each Dockerfile; an unknown one gets every folder that
            could hold the backend, so that no change is missed.
        data: The content, of a file that is not on disk.

    Raises:
        InputError: not such a file; each fault with its line.
    """
    document = rows_of(parse(path, data))
    file = validate(document, _File)
    linux = [_linux(row, builds) for row in file.include]
    build_of = {e.backend: e.build for e in linux}
    darwin = [_darwin(row, builds, build_of) for row in file.includeDarwin]
    return (*linux, *darwin), document


def _linux(row: _LinuxRow, builds: Mapping[str, Build]) -> Entry:
    build = row.dockerfile.rpartition("Dockerfile.")[2]
    platforms = [p.strip().removeprefix("linux/") for p in row.platforms.split(",")]
    language, folders = _sources(row.backend, build, builds)
    return Entry(
        backend=row.backend,
        suffix=row.tag_suffix,
        arch="+".join(platforms),
        build=build,
        language=language,
        folders=folders,
        build_type=row.build_type,
        cuda=".".join(filter(None, (row.cuda_major, row.cuda_minor))),
        base_image=row.base_image,
        ubuntu=row.ubuntu,
        skip_drivers=row.skip_drivers == "true",
        runner=row.runner,
        platform_tag=row.platform_tag,
        builder=row.builder.removeprefix(base_image("")),
        tag_latest=row.tag_latest,
        context=row.context,
        amdgpu_targets=row.amdgpu_targets,
        extra=_extra(row),
    )


def _darwin(row: _DarwinRow, builds: Mapping[str, Build], build_of: Mapping[str, str]) -> Entry:
    """A Darwin row names no Dockerfile: its Linux rows, its own name or its language tell."""
    known = build_of.get(row.backend) or (row.backend if row.backend in builds else "")
    build = known or {"": "python", "go": "golang"}.get(row.lang, row.lang)
    language, folders = _sources(row.backend, build, builds)
    return Entry(
        backend=row.backend,
        suffix=row.tag_suffix,
        arch=DARWIN,
        build=build,
        language=language,
        folders=folders,
        build_type=row.build_type,
        runner="macos-latest",
        extra=_extra(row),
    )


def _sources(backend: str, build: str, builds: Mapping[str, Build]) -> tuple[str, tuple[str, ...]]:
    if build in builds:
        return builds[build].language, builds[build].folders(backend)
    return "cpp", tuple(f"backend/{kind}/{backend}" for kind in ("cpp", "go", "python", "rust"))


def _extra(row: _LocalaiRow) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, str(_text(v))) for k, v in (row.model_extra or {}).items()))
