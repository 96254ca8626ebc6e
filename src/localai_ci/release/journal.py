"""The file that says which tags a merge moved: what `rollback` needs must survive anything."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from localai_ci.errors import InputError
from localai_ci.release.result import WRITTEN, ImageRow, MergeResult, TagRow

_EVERY = 1.0  # s between two writings


@dataclass
class Journal:
    """A result on disk, kept up to date while the merge runs.

    A rerun finds its tags where the first run moved them. What that run recorded of the very same
    images is carried over; a record of other images stays beside, as ``NAME.before.json``.

    Args:
        path: The file.
        result: What the merge changes as it goes.
    """

    path: Path
    result: MergeResult
    _before: MergeResult | None = field(init=False, default=None)
    _at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Read what an earlier run left, and try the place before any tag is moved.

        Raises:
            InputError: the file cannot be written, or is something else.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._before = MergeResult.read(self.path)
                self.beside.write_bytes(self.path.read_bytes())
            self.path.with_name(f"{self.path.name}.new").touch()
        except OSError as e:
            raise InputError(
                f"the record of moved tags cannot be written: {e.strerror}",
                where=str(self.path),
                remedy="Give another place with --result; no tag was moved.",
            ) from None

    @property
    def beside(self) -> Path:
        """Where the record of an earlier run stays, if it is of other images."""
        return self.path.with_name(f"{self.path.stem}.before{self.path.suffix}")

    def note(self, _: ImageRow) -> None:
        """An image is done: write, but not for each of hundreds."""
        if time.monotonic() - self._at > _EVERY:
            self.complete.write(self.path)
            self._at = time.monotonic()

    def close(self) -> bool:
        """Write it for the last time.

        Returns:
            Whether moves of an earlier run are in it no more, and their record stays beside.
        """
        whole = self.complete
        whole.write(self.path)
        kept = {(tag.image, tag.digest) for tag in _moved(whole)}
        left = self._before is not None and any(
            (tag.image, tag.digest) not in kept for tag in _moved(self._before)
        )
        if not left:
            self.beside.unlink(missing_ok=True)
        return left

    @property
    def complete(self) -> MergeResult:
        """The result, with the earlier run's moves of the same images."""
        whole = self.result.model_copy(deep=True)
        earlier = {(r.kind, r.suffix): r for r in self._before.images} if self._before else {}
        for row in whole.images:
            old = earlier.get((row.kind, row.suffix))
            # An image that was not reached yet may be the same one.
            if old and row.digest in ("", old.digest):
                row.tags = [*_carried(old, row), *row.tags]
        return whole


def _carried(old: ImageRow, row: ImageRow) -> list[TagRow]:
    again = {tag.image for tag in row.tags if tag.state in WRITTEN}
    return [tag for tag in old.tags if tag.state in WRITTEN and tag.image not in again]


def _moved(result: MergeResult) -> Iterator[TagRow]:
    return (tag for row in result.images for tag in row.tags if tag.state in WRITTEN)
