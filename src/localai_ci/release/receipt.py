"""The receipt of a pushed leg: everything that a merge needs, even after the leg was collected.

One JSON file a leg. The manifest is kept as its exact text, because its digest hangs on every
byte; whatever else is told twice is checked against it.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError
from localai_ci.names import receipt_file, split_entry_id
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.digest import digest_of
from localai_ci.oci.manifests import Manifest, parts
from localai_ci.oci.reference import Reference, Repository


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

    id: str
    day: dt.date = Field(description="UTC; the anchor's name starts with it.")
    url: str = ""
    revision: str = Field(default="", description="The commit that was built.")


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
    manifest: str = Field(description="The manifest's exact text, UTF-8.")
    config: Descriptor
    layers: tuple[Descriptor, ...]
    publications: tuple[Publication, ...] = Field(min_length=1)
    input_hash: str = Field(default="", description="Hash of all that went into the build.")
    run: Run
    seconds: float = Field(default=0.0, description="Of the build; 0 where it was found built.")
    built_by: dict[str, str] = Field(
        default_factory=dict, description="Programs and their versions."
    )

    @field_validator("entry")
    @classmethod
    def _is_an_entry(cls, entry: str) -> str:
        if "/" not in entry.strip("/"):
            raise ValueError("an entry is a tag suffix, a slash and an architecture")
        return entry

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        raw = self.manifest.encode()
        wrong = {
            "the manifest's text is not that of its digest": digest_of(raw) != self.digest,
            "the manifest's text is not of its size": len(raw) != self.size,
            "config and layers are not those of the manifest": (self.config, self.layers)
            != parts(self.as_manifest),
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
    def descriptor(self) -> Descriptor:
        """What names the leg in an index."""
        return Descriptor(self.media_type, self.digest, self.size)

    @property
    def as_manifest(self) -> Manifest:
        """The manifest as it is pushed again."""
        return Manifest(self.manifest.encode(), self.media_type)

    def write(self, folder: Path) -> Path:
        """Write it to its file in ``folder``; returns the path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / receipt_file(self.entry)
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path


def read_all(folder: Path, *, empty: bool = False) -> tuple[Receipt, ...]:
    """All receipts below a folder (``*.json``), sorted by kind and entry.

    Args:
        folder: May be missing where ``empty``.
        empty: Whether there may be none.

    Raises:
        InputError: a file is not a receipt, or two are for the same entry; names each file.
    """
    found: dict[tuple[str, str], tuple[Path, Receipt]] = {}
    for path in sorted(folder.rglob("*.json")):
        receipt = _read(path)
        key = (receipt.kind, receipt.entry)
        if key in found and found[key][1].digest != receipt.digest:
            raise InputError(
                f"two receipts for {receipt.entry} with different digests",
                where=f"{found[key][0]} and {path}",
                remedy="Keep the receipt of the build that should be published.",
            )
        found.setdefault(key, (path, receipt))
    if not found and not empty:
        raise InputError(
            "no receipt (*.json) is here",
            where=str(folder),
            remedy="Give the folder that holds what `backend … publish` returned.",
        )
    return tuple(receipt for _, (_, receipt) in sorted(found.items()))


def _read(path: Path) -> Receipt:
    try:
        return Receipt.model_validate_json(path.read_bytes())
    except ValidationError as e:
        faults = "; ".join(_told(fault["loc"], fault["msg"]) for fault in e.errors())
        raise InputError(f"not a receipt: {faults}", where=str(path)) from None


def _told(place: Sequence[int | str], message: str) -> str:
    where = ".".join(map(str, place))
    text = message.removeprefix("Value error, ")
    return f"{where}: {text}" if where else text
