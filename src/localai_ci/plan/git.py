"""What changed between two revisions of a checkout, and what files said before: thin over git."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from stat import S_ISLNK, S_ISREG

from localai_ci.config import bounds
from localai_ci.config.foreign import blob_id
from localai_ci.errors import InputError
from localai_ci.matrix.git_objects import GitObjects
from localai_ci.matrix.git_process import run
from localai_ci.text import printable, quoted

_ENTRY = re.compile(
    rb"(?:  ctime: [^\n]*\n  mtime: (\d+):(\d+)\n  dev: [^\n]*\n  uid: [^\n]*\n"
    rb"  size: (\d+)\tflags: ([0-9a-f]+)\n)?(?:(\d{6}) ([0-9a-f]+) \d\t(.*))?",
    re.DOTALL,
)
"""What git tells of the file before in the index, five lines; then mode, id and name of the next.

Counted from the front: a name may have a line break and look like anything.
"""


StatData = tuple[bytes, bytes, bytes, bytes]
IndexEntry = tuple[bytes, bytes, bytes, StatData]
_NONE = (b"",) * 7

_LEFT_OUT = 0x40000000
"""The flag of a file that a sparse checkout leaves out of the working tree."""


@dataclass(frozen=True)
class Checkout:
    """A git working tree or bare repository."""

    path: Path

    def resolve(self, revision: str) -> str | None:
        """The commit that a revision names; None if there is none, as in a first push."""
        if not revision.strip("0") or "\n" in revision or "\0" in revision:
            return None
        head, _ = self._ask(f"{revision}^{{commit}}", revision)
        return head[0].decode() if head[1:2] == [b"commit"] else None

    def merge_bases(self, one: str, other: str) -> tuple[str, ...]:
        """The commits where two revisions parted, more than one after crossing merges."""
        found = self._run("merge-base", "--all", one, other, no=(1,))
        return tuple((found or b"").decode().split())

    def ever_had(self, revision: str, path: str) -> bool:
        """Whether a path was in the tree of a commit or of one before it."""
        return bool(self._run("rev-list", "--max-count=1", revision, "--", path))

    def first_parents(self, revision: str, number: int) -> list[tuple[str, datetime]]:
        """A commit and its first parents, newest first, each with the time of the commit."""
        commit = self.resolve(revision)
        if commit is None:
            return []
        found = self._run("rev-list", "--first-parent", f"--max-count={number}", "--timestamp",
                          commit, "--") or b""  # fmt: skip
        rows = (line.split(" ") for line in found.decode().splitlines())
        return [(name, datetime.fromtimestamp(int(stamp), UTC)) for stamp, name in rows]

    def changed(self, old: str, new: str) -> tuple[str, ...]:
        """Every path that differs; of a renamed file both names.

        Raises:
            InputError: git could not compare them, as everywhere here.
        """
        found = self._run("diff-tree", "-r", "--name-only", "--no-renames", "--no-ext-diff",
                          "--no-textconv", "--no-relative", "--ignore-submodules=none", "-z",
                          old, new)  # fmt: skip
        paths = (found or b"").split(b"\0")
        return tuple(p.decode("utf-8", "surrogateescape") for p in paths if p)

    def read(self, revision: str, path: str) -> bytes | None:
        """A file as it was at a revision, through links inside the tree; None if it is not there.

        Raises:
            InputError: it is there and cannot be read, links out of the tree, or is too large.
        """
        if "\n" in path:  # a batch is asked by lines, and what is read by name has none
            return None
        head, content = self._ask(f"{revision}:{path}", path)
        if head[0] == b"symlink":
            raise self._fault(
                "it is a link that leads out of the tree, and is not followed", path,
                "Put the file itself there.",
            )  # fmt: skip
        if head[0] in {b"dangling", b"loop", b"notdir"} or head[1:2] == [b"tree"]:
            return None
        if head[-1] == b"missing":
            if self._names(revision, path):
                raise self._fault(
                    "it is in the commit, and its content is not in this clone", path,
                    "Fetch it: git fetch --refetch --no-filter",
                )  # fmt: skip
            return None
        return content

    def has(self, revision: str, path: str) -> bool:
        """Whether a file or folder is in a commit."""
        return "\n" in path or self._names(revision, path)

    def _names(self, revision: str, path: str) -> bool:
        """Whether a commit has a path, whatever of it this clone has."""
        folder, _, name = path.rpartition("/")
        place = f"{revision}:{folder}"
        if place not in self._folders:
            head, content = self._ask(place, folder)
            there = head[1:2] == [b"tree"]
            missing = head[-1] == b"missing" and bool(folder) and self._names(revision, folder)
            if missing:  # the folder is named, and not in this clone
                return True
            width = len(head[0]) // 2
            self._folders[place] = frozenset(_tree_names(content, width)) if there else frozenset()
        return name.encode("utf-8", "surrogateescape") in self._folders[place]

    @cached_property
    def _folders(self) -> dict[str, frozenset[bytes]]:
        return {}

    def links(self, revision: str, *, checked_out: bool) -> dict[str, str]:
        """The symbolic links of a commit, each with what it says.

        Args:
            revision: The commit.
            checked_out: Whether it is the working tree's, whose index is read anyhow.
        """
        if checked_out and self._top():
            found = [(blob, path) for mode, blob, path, _ in self._index if mode == b"120000"]
        else:
            listed = self._run("ls-tree", "-r", "-z", "--full-tree", revision) or b""
            found = [(line[12:].split(b"\t")[0], line.partition(b"\t")[2])
                     for line in listed.split(b"\0") if line.startswith(b"120000 ")]  # fmt: skip
        return {
            os.fsdecode(path): os.fsdecode(self._ask(blob.decode(), "")[1]) for blob, path in found
        }

    @cached_property
    def _index(self) -> list[IndexEntry]:
        """The index: mode, id and name of each file, and its stat data as git last saw them."""
        whole = Checkout(Path(os.fsdecode(self._top())))  # this may be a folder below
        pieces = (whole._run("ls-files", "--debug", "--stage", "-z") or b"").split(b"\0")
        read = [match.groups() if (match := _ENTRY.match(piece)) else _NONE for piece in pieces]
        # An entry's stat data follow its name, in the piece of the next entry.
        return [
            (one[4], one[5], one[6], (then[0], then[1], then[2], then[3]))
            for one, then in pairwise(read)
        ]

    @cached_property
    def _objects(self) -> GitObjects:
        return GitObjects(self.path)

    def _ask(self, name: str, where: str) -> tuple[list[bytes], bytes]:
        """Git's word on an object, and its content."""
        if "\n" in name:
            raise self._fault("its name has a line break", where, "Rename it.")
        try:
            head, content = self._objects.ask(name, bounds.FILE_BYTES)
        except FileNotFoundError:
            raise _no_git() from None
        except EOFError as e:
            raise self._failed("cat-file", str(e), where) from None
        if not content and head[-1].isdigit() and int(head[-1]) > bounds.FILE_BYTES:
            raise self._fault(f"it has more than {bounds.FILE_BYTES} bytes", where, "Check it.")
        return head, content

    def listing(self, revision: str) -> dict[str, str]:
        """Every file at a revision with its mode and blob id, for input hashes.

        The files of a submodule are listed where it is checked out, else only its commit.

        Raises:
            InputError: there is no such revision.
        """
        if self.resolve(revision) is None:
            raise self._fault("there is no such revision", revision, "Fetch it, or name another.")
        found = self._run("ls-tree", "-r", "-z", "--full-tree", revision) or b""
        files: dict[str, str] = {}
        for line in found.decode("utf-8", "surrogateescape").split("\0"):
            if line:
                meta, _, path = line.partition("\t")
                mode, kind, blob = meta.split(" ")
                inside = self._submodule(path, blob) if kind == "commit" else None
                files |= inside or {path: f"{mode} {blob}"}
            if len(files) > bounds.TREE_FILES:
                raise self._fault(
                    f"it has more than {bounds.TREE_FILES} files", revision, "Check it."
                )
        return files

    def mentions(
        self, revision: str, words: Sequence[str], folders: Sequence[str]
    ) -> tuple[str, ...]:
        """The files of a commit below some folders in which any of some paths stands, whole."""
        whole = "|".join(re.escape(word) for word in words)
        pattern = f"({whole})([^A-Za-z0-9_.-]|$)"
        found = self._run("grep", "--name-only", "-z", "-I", "-E", "-e", pattern,
                          revision, "--", *folders, no=(1,))  # fmt: skip
        names = (found or b"").decode("utf-8", "surrogateescape").split("\0")
        return tuple(name.partition(":")[2] for name in names if name)

    def _submodule(self, path: str, commit: str) -> dict[str, str] | None:
        inside = Checkout(self.path / path)
        if not inside.path.resolve().is_relative_to(self.path.resolve()):
            return None  # a link leads out of the tree
        # Without a .git of its own, git would answer for the repository around it.
        if not (inside.path / ".git").exists() or inside.resolve(commit) is None:
            return None
        return {f"{path}/{name}": blob for name, blob in inside.listing(commit).items()}

    def _top(self) -> bytes:
        """The top of the working tree; empty where there is none, as in a bare repository."""
        if (self.path / ".git").exists():
            return os.fsencode(self.path)
        said = self._run("rev-parse", "--show-toplevel", no=(128,)) or b""
        return said.removesuffix(b"\n")

    def uncommitted(self) -> tuple[str, ...]:
        """The tracked files of a working tree that are not as they were committed.

        Found without git's own look at the working tree, in which a tree's settings name programs.
        """
        if not (top := self._top()):
            return ()
        staged = self._run("diff-index", "--cached", "--name-only", "--no-renames",
                           "--ignore-submodules=all", "-z", "HEAD", no=(128,))  # fmt: skip
        if staged is None:  # nothing was ever committed
            return ()
        found = {os.fsdecode(p) for p in staged.split(b"\0") if p}
        found.update(
            os.fsdecode(path)
            for mode, blob, path, stat in self._index
            if mode != b"160000" and not _as_staged(top + b"/" + path, blob, stat)
        )
        return tuple(sorted(found))

    def _fault(self, what: str, where: str, remedy: str) -> InputError:
        return InputError(what, where=f"{self.path}: {quoted(where)}", remedy=remedy)

    def _run(
        self,
        *arguments: str,
        no: tuple[int, ...] = (),
        stdin: str = "",
        longest: int = bounds.GIT_BYTES,
    ) -> bytes | None:
        """Standard output of a git command; None if its exit code is one that means no.

        Raises:
            InputError: there is no git, this is no repository, the command failed or is endless.
        """
        try:
            asked = stdin.encode("utf-8", "surrogateescape")
            done = run(self.path, *arguments, stdin=asked, longest=longest)
        except FileNotFoundError:
            raise _no_git() from None
        said = done.stderr.decode("utf-8", "replace")
        if done.returncode in no and not _UNUSABLE.search(said):
            return None
        if done.returncode:
            raise self._failed(arguments[0], said, arguments[-1])
        return done.stdout

    def _failed(self, command: str, said: str, where: str) -> InputError:
        if "not a git repository" in said:
            return InputError(
                "this is not a git checkout",
                where=str(self.path),
                remedy="Give a clone of LocalAI as --source, or --changed-files without it.",
            )
        if "dubious ownership" in said:
            return InputError(
                "git does not trust this checkout, because another user owns it",
                where=str(self.path),
                remedy=f"git config --global --add safe.directory {self.path.resolve()}",
            )
        last = (said.strip().splitlines() or ["no word"])[-1]
        return self._fault(
            f"git {command} failed: {quoted_line(last)}",
            where,
            "Check the clone: git fsck. A partial clone has to be filled: git fetch --refetch",
        )


_UNUSABLE = re.compile("not a git repository|dubious ownership")


def _no_git() -> InputError:
    return InputError(
        "git is not installed",
        remedy="Install git, or give --changed-files instead of revisions.",
    )


def quoted_line(text: str) -> str:
    """A line of git's, printable and cut."""
    return printable(text)[:200]


def _tree_names(content: bytes, width: int) -> Iterator[bytes]:
    """The names in a tree object: a mode, a blank, the name, a zero, the id in bytes."""
    at = 0
    while at < len(content):
        end = content.index(b"\0", at)
        yield content[content.index(b" ", at) + 1 : end]
        at = end + 1 + width


def _as_staged(path: bytes, blob: bytes, known: StatData) -> bool:
    """Whether a file is what the index says, by its time and size, and else by its content."""
    seconds, rest, size, flags = known
    if flags and int(flags, 16) & _LEFT_OUT:
        return True
    try:
        now = os.lstat(path)
    except OSError:
        return False
    if size and (int(seconds) * 10**9 + int(rest), int(size)) == (now.st_mtime_ns, now.st_size):
        return True
    if not (S_ISLNK(now.st_mode) or S_ISREG(now.st_mode)):
        return False
    return blob_id(Path(os.fsdecode(path))).encode() == blob
