"""Entries as rows of LocalAI's own matrix file; `localai_file` reads it.

The format: ``include`` (Linux) and ``includeDarwin``, lists of rows whose values are strings.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from localai_ci.matrix.entry import DARWIN, Entry
from localai_ci.names import base_tag

MATRIX_FILE = ".github/backend-matrix.yml"
"""Where LocalAI keeps it."""


@cache
def base_image(variant: str) -> str:
    """The moving reference of a builder base."""
    from localai_ci.matrix.registries import registries

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


def document(entries: Iterable[Entry]) -> dict[str, list[dict[str, str]]]:
    """All entries as LocalAI's two lists."""
    lists: dict[str, list[dict[str, Any]]] = {"include": [], "includeDarwin": []}
    for entry in entries:
        lists["includeDarwin" if entry.arch == DARWIN else "include"].append(row(entry))
    return lists
