"""What a merge did, as a JSON file: a row for each image, and every tag's previous digest."""

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.files import read_file

_REMEDY = "Give merge's --result file."


class Status(StrEnum):
    """How it ended for one image."""

    waiting = "waiting"
    """Not reached: the merge was interrupted before."""
    planned = "planned"
    """A dry run: this would be done."""
    merged = "merged"
    unchanged = "unchanged"
    """Everything was there already; nothing was written."""
    refused = "refused"
    """A leg is missing, there are too many, or a receipt is not of its leg: nothing was written."""
    failed = "failed"


class TagState(StrEnum):
    """What became of one tag."""

    planned = "planned"
    moving = "moving"
    """Being written; what is found here after an interruption may have either digest."""
    moved = "moved"
    restored = "restored"
    """Moved, and put back to its previous digest because another tag failed."""
    left = "left"
    """Moved, could not be put back: a rerun of the merge or `rollback` puts it right."""
    yielded = "yielded"
    """Moved, and then left to a newer release that came meanwhile: nothing to undo."""


WRITTEN = frozenset({TagState.moving, TagState.moved, TagState.left})
"""States of a tag that may have the merge's digest: what there is to undo."""


class _ResultRow(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class TagRow(_ResultRow):
    """One tag that was, or would be, written."""

    registry: str
    image: str = Field(description="host/path:tag")
    previous: str | None = Field(description="The digest it had; null where there was no such tag.")
    digest: str
    state: TagState
    new: bool = Field(
        default=False, description="Two different answers found no such tag, so undoing deletes it."
    )


class ImageRow(_ResultRow):
    """One image."""

    kind: ImageKind
    suffix: str
    status: Status = Status.waiting
    digest: str = ""
    index: str = Field(default="", description="The exact text of the index.")
    legs: list[str] = Field(default_factory=list)
    restored: list[str] = Field(default_factory=list)
    tags: list[TagRow] = Field(default_factory=list)
    provenance: str = Field(default="", description="The digest of what was attached, if it was.")
    signed: list[str] = Field(default_factory=list)
    anchors_deleted: int = 0
    notes: list[str] = Field(default_factory=list)
    error: str = ""
    seconds: float = 0.0


class MergeResult(_ResultRow):
    """A whole merge."""

    version: int = 1
    ok: bool = Field(
        default=False, description="Every image ended well, and every receipt could be read."
    )
    dry_run: bool = False
    images: list[ImageRow] = Field(default_factory=list)
    unusable: list[str] = Field(
        default_factory=list, description="Files among the receipts that are not receipts, and why."
    )
    requests: dict[str, int] = Field(default_factory=dict)
    writes: int = 0
    seconds: float = 0.0

    @property
    def bad(self) -> Iterable[ImageRow]:
        """Images that did not."""
        good = {Status.merged, Status.unchanged, Status.planned}
        return (row for row in self.images if row.status not in good)

    def as_text(self) -> str:
        """The file's content."""
        return json_text.write(self.model_dump(mode="json"), indent=1) + "\n"

    def write(self, path: Path) -> None:
        """Write it, whole or not at all, and survive the loss of power.

        Raises:
            LocalaiCiError: it cannot be written; an earlier record there is as it was.
        """
        try:
            write_durably(path, self.as_text())
        except OSError as e:
            raise LocalaiCiError(
                f"the record cannot be brought up to date: {e.strerror}; every tag that may have"
                " moved was on record before it did",
                where=str(path),
                remedy="Make room there. `merge` and `rollback` go by what each tag has: both may"
                " be run again.",
            ) from None

    @classmethod
    def read(cls, path: Path) -> "MergeResult":
        """Read one back.

        Raises:
            InputError: the file is missing, or is not one.
        """
        try:
            data = read_file(path, bounds.PLAN_BYTES, _REMEDY)
            return cls.model_validate(json_text.read(data))
        except ValueError:
            raise InputError("not the result of a merge", where=str(path), remedy=_REMEDY) from None


def write_durably(path: Path, text: str) -> None:
    """Write a file whole or not at all; it is on disk when this returns.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)  # the name too
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
