"""What changed between two revisions of a checkout, and what files said before: thin over git."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from localai_ci.errors import InputError


@dataclass(frozen=True)
class Checkout:
    """A git working tree or bare repository."""

    path: Path

    def resolve(self, revision: str) -> str | None:
        """The commit that a revision names; None if there is none, as in a first push."""
        if not revision.strip("0"):
            return None
        found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options",
                          f"{revision}^{{commit}}")  # fmt: skip
        return found.decode().strip() if found else None

    def merge_base(self, one: str, other: str) -> str | None:
        """The commit where two revisions parted; None if history does not show it."""
        found = self._run("merge-base", one, other)
        return found.decode().split()[0] if found else None

    def changed(self, old: str, new: str) -> tuple[str, ...]:
        """Every path that differs; of a renamed file both names.

        Raises:
            InputError: git could not compare them.
        """
        found = self._run("diff", "--name-only", "--no-renames", "--ignore-submodules=none", "-z",
                          old, new)  # fmt: skip
        if found is None:
            raise InputError(f"git could not compare {old} and {new}", where=str(self.path))
        return tuple(p.decode("utf-8", "surrogateescape") for p in found.split(b"\0") if p)

    def read(self, revision: str, path: str) -> bytes | None:
        """A file as it was at a revision; None if it was not there."""
        return self._run("cat-file", "blob", f"{revision}:{path}")

    def listing(self, revision: str) -> dict[str, str]:
        """Every file at a revision with its mode and blob id, for input hashes.

        The files of a submodule are listed where it is checked out, else only its commit.

        Raises:
            InputError: there is no such revision.
        """
        found = self._run("ls-tree", "-r", "-z", "--full-tree", revision)
        if found is None:
            raise InputError(f"there is no revision {revision!r}", where=str(self.path))
        files: dict[str, str] = {}
        for line in found.decode("utf-8", "surrogateescape").split("\0"):
            if line:
                meta, _, path = line.partition("\t")
                mode, kind, blob = meta.split(" ")
                inside = self._submodule(path, blob) if kind == "commit" else None
                files |= inside or {path: f"{mode} {blob}"}
        return files

    def _submodule(self, path: str, commit: str) -> dict[str, str] | None:
        inside = Checkout(self.path / path)
        # Without a .git of its own, git would answer for the repository around it.
        if not (inside.path / ".git").exists() or inside.resolve(commit) is None:
            return None
        return {f"{path}/{name}": blob for name, blob in inside.listing(commit).items()}

    def _run(self, *arguments: str) -> bytes | None:
        """Standard output of a git command; None if it failed.

        Raises:
            InputError: there is no git, or this is no repository.
        """
        command = ["git", "-C", str(self.path), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
        except FileNotFoundError:
            raise InputError(
                "git is not installed",
                remedy="Install git, or give --changed-files instead of revisions.",
            ) from None
        if b"not a git repository" in done.stderr:
            raise InputError(
                "this is no git checkout",
                where=str(self.path),
                remedy="Give a clone of LocalAI as --source, or --changed-files without it.",
            )
        if b"dubious ownership" in done.stderr:
            raise InputError(
                "git does not trust this checkout, because another user owns it",
                where=str(self.path),
                remedy=f"git config --global --add safe.directory {self.path.resolve()}",
            )
        return done.stdout if done.returncode == 0 else None
