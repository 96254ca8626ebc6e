"""One state of a tree: its files, and what each says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from localai_ci.matrix.tables import Installed, Read, Tables


def _unlisted() -> None:
    """Of a tree whose files nobody lists."""


def _unsearched(_words: Sequence[str], _folders: Sequence[str]) -> tuple[str, ...]:
    """Of a tree that nobody searches."""
    return ()


@dataclass(frozen=True)
class TreeState:
    """A tree at a revision; files are listed when that is first asked for.

    Attributes:
        read: Reads a file.
        list_files: Every file with an id of its mode and content; None where they are not known.
        mentions: The files below some folders in which any of some paths stands.
        installed: What counts where the tree has no table of its own.
    """

    read: Read
    list_files: Callable[[], Mapping[str, str] | None] = _unlisted
    mentions: Callable[[Sequence[str], Sequence[str]], tuple[str, ...]] = _unsearched
    installed: Installed = field(default_factory=Installed)

    @cached_property
    def files(self) -> Mapping[str, str] | None:
        """Every file by path, if they are known."""
        return self.list_files()

    @cached_property
    def tables(self) -> Tables:
        """Matrix, rules and tables that this state carries."""
        return Tables(self.read, installed=self.installed)

    def text(self, path: str) -> str | None:
        """A file as text, None if it is not there."""
        data = self.read(path)
        return None if data is None else data.decode("utf-8", "replace")
