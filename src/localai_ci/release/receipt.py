"""The receipt of a pushed leg: everything that a merge needs, even after the leg was collected.

One JSON file a leg. Manifest and configuration are kept as their exact text, because their
digests hang on every byte; whatever else is told twice is checked against them. So what a registry
has under the leg's digest is known without asking for it: other bytes are another digest.
"""

import datetime as dt
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.config.kind import ImageKind
from localai_ci.names import is_entry_id, receipt_file, split_entry_id
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.digest import digest_like, digest_of, is_digest
from localai_ci.oci.manifests import DOCKER_MANIFEST, OCI_MANIFEST, Manifest, parts
from localai_ci.oci.reference import Reference, Repository

_ELSEWHERE = ("nondistributable", "foreign")


class Frozen(BaseModel):
    """Base of what is written to and read from our own JSON files."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Platform(Frozen):
    """What an image runs on, in the words of the OCI image specification."""

    os: str
    architecture: str
    variant: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """For sorting and comparing; arm64 is always v8, whether that is said or not."""
        default = {"arm64": "v8"}.get(self.architecture, "")
        return self.os, self.architecture, "" if self.variant == default else self.variant

    def __str__(self) -> str:
        """``linux/arm64/v8``."""
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Publication(Frozen):
    """Where the leg was read back from after its push, and under which tag it is kept alive."""

    registry: str = Field(description="The name in registries.yaml.")
    anchor: str = Field(description="host/path:tag")
    digest: str

    @property
    def reference(self) -> Reference:
        """The anchor, parsed."""
        return Reference.parse(self.anchor)

    @property
    def repository(self) -> Repository:
        """Where the anchor is."""
        return self.reference.repository


class Run(Frozen):
    """The run that built the leg."""

    id: str = Field(max_length=100)
    day: dt.date = Field(description="UTC; the anchor's name starts with it.")
    url: str = Field(default="", max_length=2000)
    revision: str = Field(default="", max_length=64, description="The commit that was built.")


class Receipt(Frozen):
    """One leg, pushed and proven: the same digest in every registry."""

    version: Literal[1] = 1
    kind: ImageKind = ImageKind.backends
    entry: str = Field(description="cpu-llama-cpp/amd64")
    legs: tuple[str, ...] = Field(
        description="All entries of the same image that the run builds, this one included;"
        " what a merge without a plan demands."
    )
    platform: Platform
    digest: str
    size: int = Field(description="Bytes of the manifest.")
    media_type: str
    manifest: str = Field(
        max_length=bounds.MANIFEST_BYTES, description="The manifest's exact text, UTF-8."
    )
    configuration: str = Field(
        default="",
        max_length=bounds.MANIFEST_BYTES,
        description="The configuration's exact text, UTF-8; where it is absent merges read it.",
    )
    config: Descriptor
    layers: tuple[Descriptor, ...]
    publications: tuple[Publication, ...] = Field(min_length=1, max_length=20)
    input_hash: str = Field(default="", description="Hash of all that went into the build.")
    run: Run
    built: Run | None = Field(
        default=None, description="The run that built it, where this one found it built."
    )
    seconds: float = Field(default=0.0, description="Of the build; 0 where it was found built.")
    disk: int = Field(
        default=0,
        ge=0,
        le=bounds.BLOB_BYTES,
        description="Bytes of the engine's disk that the build took at most; 0 where it was found"
        " built or could not be measured.",
    )
    built_by: dict[str, str] = Field(
        default_factory=dict, description="Programs and their versions."
    )

    @field_validator("entry")
    @classmethod
    def _is_an_entry(cls, entry: str) -> str:
        if not is_entry_id(entry):
            raise ValueError("an entry is a tag suffix, a slash and an architecture")
        return entry

    @field_validator("media_type")
    @classmethod
    def _is_one_image(cls, media_type: str) -> str:
        if media_type not in {OCI_MANIFEST, DOCKER_MANIFEST}:
            raise ValueError("not the media type of one image's manifest")
        return media_type

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        raw, configuration = self.manifest.encode(), self.configuration.encode()
        inside = parts(self.as_manifest)
        wrong = {
            "the manifest's text is not that of its digest": digest_of(raw) != self.digest,
            "the manifest's text is not of its size": len(raw) != self.size,
            "config and layers are not those of the manifest": (self.config, self.layers) != inside,
            "a blob has no digest, or an absurd size": not all(
                is_digest(blob.digest) and 0 <= blob.size <= bounds.BLOB_BYTES
                for blob in (self.config, *self.layers)
            ),
            "a layer is kept elsewhere, so nothing can prove it": any(
                word in layer.media_type for layer in self.layers for word in _ELSEWHERE
            ),
            "the configuration's text is not that of its digest": configuration != b""
            and digest_like(self.config.digest, configuration) != self.config.digest,
            "a registry has another digest": {p.digest for p in self.publications} != {self.digest},
            "the entry is not one of its own legs": self.entry not in self.legs,
            "a leg belongs to another image": {split_entry_id(leg)[0] for leg in self.legs}
            != {self.suffix},
        }
        faults = [fault for fault, found in wrong.items() if found]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def suffix(self) -> str:
        """The tag suffix with its dash; empty for the plain server image."""
        return split_entry_id(self.entry)[0]

    @property
    def origin(self) -> Run:
        """The run that made the bytes."""
        return self.built or self.run

    @property
    def descriptor(self) -> Descriptor:
        """What names the leg in an index."""
        return Descriptor(self.media_type, self.digest, self.size)

    @property
    def as_manifest(self) -> Manifest:
        """The manifest as it is pushed again."""
        return Manifest(self.manifest.encode(), self.media_type)

    def as_text(self) -> str:
        """The file's content."""
        return json_text.write(self.model_dump(mode="json"), indent=1) + "\n"

    def write(self, folder: Path) -> Path:
        """Write it to its file in ``folder``; returns the path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / receipt_file(self.entry)
        path.write_text(self.as_text(), encoding="utf-8")
        return path
