"""A LocalAI tree: its files by path, from a checkout's working folder."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from localai_ci.errors import InputError


@dataclass(frozen=True)
class Tree:
    """The tracked files of a folder (all files where it is no checkout)."""

    root: Path

    @cached_property
    def paths(self) -> frozenset[str]:
        """Every file, relative to the root, with forward slashes."""
        if not self.root.is_dir():
            raise InputError(
                "there is no such folder", where=str(self.root), remedy="Give a clone of LocalAI."
            )
        if (self.root / ".git").exists():
            command = ["git", "-C", str(self.root), "ls-files", "-z"]
            done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
            if done.returncode == 0:
                listed = done.stdout.decode("utf-8", "surrogateescape")
                return frozenset(p for p in listed.split("\0") if p)
        return frozenset(p.relative_to(self.root).as_posix() for p in _files(self.root))

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

    def read(self, path: str) -> str:
        """A file's text; empty if it is not there or is a folder (a submodule)."""
        try:
            return (self.root / path).read_text("utf-8", "replace")
        except OSError:
            return ""


def _files(root: Path) -> Iterator[Path]:
    for path in root.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name != ".git":
                yield from _files(path)
        else:
            yield path
