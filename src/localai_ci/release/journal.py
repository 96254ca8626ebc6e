"""The file that says which tags a merge moves: what `rollback` needs must survive anything.

The tags of an image are on disk before the first of them is written. So after an end at any
moment the file names every tag that may have the new digest, and a rerun finds it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.release.result import (
    WRITTEN,
    ImageRow,
    MergeResult,
    TagRow,
    TagState,
    write_durably,
)

_EVERY = 1.0  # s between two writings of what is done
Key = tuple[ImageKind, str]


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
    _texts: dict[Key, str] = field(init=False, default_factory=dict)
    _promised: set[Key] = field(init=False, default_factory=set)
    _asked: int = field(init=False, default=0)
    _written: int = field(init=False, default=0)
    _writing: anyio.Lock = field(init=False, default_factory=anyio.Lock)

    def __post_init__(self) -> None:
        """Read what an earlier run left, and try the place before any tag is moved.

        Raises:
            InputError: the file cannot be written, or is something else.
        """
        try:
            if self.path.exists():
                self._before = MergeResult.read(self.path)
                write_durably(self.beside, self.path.read_text(encoding="utf-8"))
            trial = self.path.with_name(f"{self.path.name}.new")
            trial.parent.mkdir(parents=True, exist_ok=True)
            trial.touch()
        except OSError as e:
            raise InputError(_unwritten(e), where=str(self.path), remedy=_ELSEWHERE) from None

    @property
    def beside(self) -> Path:
        """Where the record of an earlier run stays, if it is of other images."""
        return self.path.with_name(f"{self.path.stem}.before{self.path.suffix}")

    @property
    def remembered(self) -> dict[Key, ImageRow]:
        """What an earlier run recorded, by family and suffix."""
        return {_key(row): row for row in self._before.images} if self._before else {}

    async def promise(self, row: ImageRow) -> None:
        """Have the planned tags of an image on disk; returns when they are.

        Many images that ask at once share one writing.

        Raises:
            LocalaiCiError: it cannot be written; no tag of this image is moved.
        """
        self._promised.add(_key(row))
        self._texts.pop(_key(row), None)
        self._asked += 1
        mine = self._asked
        async with self._writing:
            if self._written >= mine:
                return
            upto = self._asked
            try:
                await anyio.to_thread.run_sync(partial(write_durably, self.path, self._text()))
            except OSError as e:
                raise LocalaiCiError(
                    _unwritten(e), where=str(self.path), remedy=_ELSEWHERE
                ) from None
            self._written, self._at = upto, time.monotonic()

    def note(self, row: ImageRow) -> None:
        """An image is done; the next writing says so.

        One that fails takes nothing along: what may have moved is on disk, and `promise` tells.
        """
        self._texts.pop(_key(row), None)
        if time.monotonic() - self._at > _EVERY and not self._writing.locked():
            with suppress(OSError):
                write_durably(self.path, self._text())
            self._at = time.monotonic()

    def close(self) -> bool:
        """Write it for the last time.

        Returns:
            Whether moves of an earlier run are in it no more, and their record stays beside.

        Raises:
            LocalaiCiError: it cannot be written.
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
        earlier = self.remembered
        rows = [self._whole(row, earlier) for row in self.result.images]
        return self.result.model_copy(update={"images": rows})

    def _text(self) -> str:
        """The file's content; only rows that changed are put into words again."""
        earlier = self.remembered
        for row in self.result.images:
            if _key(row) not in self._texts:
                whole = self._whole(row, earlier, promised=_key(row) in self._promised)
                self._texts[_key(row)] = whole.model_dump_json()
        head = self.result.model_copy(update={"images": []}).model_dump_json(exclude={"images"})
        rows = ",\n".join(self._texts[_key(row)] for row in self.result.images)
        return f'{head[:-1]},"images":[\n{rows}]}}\n'

    def _whole(
        self, row: ImageRow, earlier: dict[Key, ImageRow] | None = None, *, promised: bool = False
    ) -> ImageRow:
        """A row with what an earlier run moved of the same image.

        Args:
            row: The row.
            earlier: That run's rows.
            promised: Whether its planned tags may be written by the time this is read.
        """
        tags = [
            tag.model_copy(update={"state": TagState.moving})
            if promised and tag.state is TagState.planned
            else tag
            for tag in row.tags
        ]
        old = (self.remembered if earlier is None else earlier).get(_key(row))
        # An image that was not reached yet may be the same one.
        if old and row.digest in ("", old.digest):
            tags = [*_carried(old, tags), *tags]
        return row.model_copy(update={"tags": tags})


_ELSEWHERE = "Make room, or give another place with --result, and run it again."


def _unwritten(error: OSError) -> str:
    return f"the record of moved tags cannot be written: {error.strerror}; no tag was moved"


def _key(row: ImageRow) -> Key:
    return row.kind, row.suffix


def _carried(old: ImageRow, tags: Sequence[TagRow]) -> list[TagRow]:
    again = {tag.image for tag in tags if tag.state in WRITTEN}
    return [tag for tag in old.tags if tag.state in WRITTEN and tag.image not in again]


def _moved(result: MergeResult) -> Iterator[TagRow]:
    return (tag for row in result.images for tag in row.tags if tag.state in WRITTEN)
