"""A LocalAI tree: its files by path, from a checkout's working folder."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from localai_ci.config import bounds
from localai_ci.config.foreign import walk
from localai_ci.errors import InputError
from localai_ci.matrix.git_process import run
from localai_ci.text import quoted


@dataclass(frozen=True)
class Tree:
    """The tracked files of a folder (all files where it is not a checkout)."""

    root: Path

    @cached_property
    def paths(self) -> frozenset[str]:
        """Every file, relative to the root, with forward slashes."""
        if not self.root.is_dir():
            raise InputError(
                "there is no such folder", where=str(self.root), remedy="Give a clone of LocalAI."
            )
        if (self.root / ".git").exists():
            done = run(self.root, "ls-files", "-z")
            if done.returncode == 0:
                listed = done.stdout.decode("utf-8", "surrogateescape").split("\0")
                if len(listed) > bounds.TREE_FILES:
                    raise InputError(
                        f"it has more than {bounds.TREE_FILES} files",
                        where=str(self.root),
                        remedy="Check what this folder is.",
                    )
                return frozenset(filter(None, listed))
        return frozenset(path for path, folder in walk(self.root, ".git") if not folder)

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that holds a file, at any depth."""
        found: set[str] = set()
        for path in self.paths:
            end = path.rfind("/")
            while end > 0 and path[:end] not in found:
                found.add(path[:end])
                end = path.rfind("/", 0, end)
        return frozenset(found)

    def data(self, path: str) -> bytes | None:
        """A file's content; None if it is not there or is a folder (a submodule).

        Raises:
            InputError: a link out of the tree, what is not a plain file, or one that is too large.
        """
        return read_inside(self.root, path)

    def read(self, path: str) -> str:
        """A file's text; empty if it is not there, and of a link out of the tree."""
        try:
            return (self.data(path) or b"").decode("utf-8", "replace")
        except InputError:
            return ""


def read_inside(root: Path, path: str) -> bytes | None:
    """A file of a folder, None if it is not there; links count as long as they stay inside.

    Raises:
        InputError: it leads out of the folder, is not a plain file, or is too large.
    """
    try:
        top = root.resolve(strict=True)
        real = (top / path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # a loop is either error, as Python's version is
        return None
    if not real.is_relative_to(top):
        raise InputError(
            "it is a link that leads out of the tree, and is not followed",
            where=quoted(path),
            remedy="Put the file itself there.",
        )
    if real.is_dir():
        return None
    if not real.is_file():
        raise InputError("it is not a plain file", where=quoted(path), remedy="Put a file there.")
    with real.open("rb") as file:
        content = file.read(bounds.FILE_BYTES + 1)
    if len(content) > bounds.FILE_BYTES:
        raise InputError(
            f"it has more than {bounds.FILE_BYTES} bytes",
            where=quoted(path),
            remedy="Files that are looked into are small; check what this one is.",
        )
    return content
