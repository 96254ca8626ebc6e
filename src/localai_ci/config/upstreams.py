"""What the builder bases download: the models of ``matrix/upstreams.yaml``."""

import re
from pathlib import Path

from localai_ci import json_text
from localai_ci.config.model import Field, Strict, field_validator
from localai_ci.config.reader import Document, load_table
from localai_ci.config.variants import Arch, Variant
from localai_ci.errors import InputError
from localai_ci.text import table


class Download(Strict):
    """One file: where it is, and what its bytes must hash to (None: not known yet)."""

    name: str
    version: str
    release: str | None = None
    arch: Arch | None = None
    url: str = Field(pattern=r"^https://")
    sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("url", mode="after")
    @classmethod
    def _only_the_version_is_filled_in(cls, url: str) -> str:
        if set(re.findall(r"{(.*?)}", url)) - {"version"}:
            raise ValueError("only {version} can stand in braces")
        return url

    @property
    def address(self) -> str:
        """The URL with its version filled in."""
        return self.url.replace("{version}", self.version)

    @property
    def label(self) -> str:
        """How messages call it: ``protoc 27.1 (amd64)``."""
        scope = " ".join(filter(None, (self.release, self.arch)))
        return f"{self.name} {self.version}" + (f" ({scope})" if scope else "")


class GitRepository(Strict):
    """A source that is cloned at a tag; ``commit`` is what the tag must point to, if known."""

    name: str
    version: str
    url: str = Field(pattern=r"^https://")
    commit: str | None = Field(pattern=r"^[0-9a-f]{40}$")

    @property
    def label(self) -> str:
        """How messages call it: ``grpc v1.65.0``."""
        return f"{self.name} {self.version}"


class Upstreams(Strict):
    """The whole file."""

    downloads: tuple[Download, ...]
    repositories: tuple[GitRepository, ...]
    known_unverified: tuple[str, ...] = Field(
        (), description="Labels of entries that may be without a checksum; no new one is."
    )

    def download(self, name: str, variant: Variant) -> Download:
        """The file of that name for the variant's release and architecture.

        Raises:
            InputError: there is none, or more than one.
        """
        found = [
            d
            for d in self.downloads
            if d.name == name
            and d.release in (None, variant.release)
            and d.arch in (None, variant.arch)
        ]
        if len(found) != 1:
            raise InputError(
                f"{len(found)} downloads named {name!r} for {variant.release} {variant.arch},"
                " expected one",
                where=f"variant {variant.name}",
                remedy="Correct matrix/upstreams.yaml.",
            )
        return found[0]

    def repository(self, name: str) -> GitRepository:
        """The repository of that name.

        Raises:
            InputError: there is none.
        """
        for repository in self.repositories:
            if repository.name == name:
                return repository
        raise InputError(f"no repository named {name!r}", remedy="Add it to matrix/upstreams.yaml.")


def load_upstreams(path: Path | None = None) -> tuple[Upstreams, Document]:
    """Read ``upstreams.yaml``; the document lets a writer find each entry's line.

    Raises:
        InputError: each fault with file and line.
    """
    return load_table("upstreams.yaml", Upstreams, path)


def unverified(upstreams: Upstreams) -> list[Download | GitRepository]:
    """What would be taken on trust: entries without checksum or commit."""
    downloads = [d for d in upstreams.downloads if d.sha256 is None]
    return [*downloads, *(r for r in upstreams.repositories if r.commit is None)]


def new_unverified(upstreams: Upstreams) -> list[str]:
    """Labels that are taken on trust, and were not when somebody last looked at the list."""
    labels = [entry.label for entry in unverified(upstreams)]
    return [label for label in labels if label not in upstreams.known_unverified]


def verified_since(upstreams: Upstreams) -> list[str]:
    """Labels of the list that need not stand in it: a checksum is there, or they are gone."""
    labels = {entry.label for entry in unverified(upstreams)}
    return [label for label in upstreams.known_unverified if label not in labels]


def unverified_table(upstreams: Upstreams) -> str:
    """The unverified entries as a table for people."""
    rows = [
        (entry.label, entry.address if isinstance(entry, Download) else entry.url)
        for entry in unverified(upstreams)
    ]
    total = len(upstreams.downloads) + len(upstreams.repositories)
    if not rows:
        return f"all {total} upstreams are verified"
    return f"{table(('unverified', 'from'), rows)}\n{len(rows)} of {total} upstreams are unverified"


def unverified_json(upstreams: Upstreams) -> str:
    """The unverified entries as a JSON list, every field of their models."""
    return json_text.write([entry.model_dump() for entry in unverified(upstreams)], indent=2)


def pinned(text: str, document: Document, found: dict[tuple[str, int], str]) -> str:
    """``upstreams.yaml`` with checksums filled in; comments and order stay as they are.

    Args:
        text: The file.
        document: The same file, parsed.
        found: ``("downloads", index)`` or ``("repositories", index)`` to what was read.
    """
    lines = text.splitlines(keepends=True)
    for (section, index), value in found.items():
        key = "sha256" if section == "downloads" else "commit"
        at = document.line((section, index, key)) - 1
        lines[at] = re.sub(rf"({key}:).*", rf"\1 {value}", lines[at])
    return "".join(lines)
