"""The part of a source tree that enters one image: what the plan says enters, and no more.

So an edit that the plan says changes nothing leaves the build cached, and none that it says
changes something is missed: both ask the same rules.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dagger import Directory

from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.plan.inputhash import enters
from localai_ci.plan.rules import Inputs

IGNORE = ".dockerignore"

# Dockerfiles call targets of it to generate code. The plan leaves it out on purpose (one commit
# in nine touches it, none of them those targets), so an edit of it alone plans no build.
_MAKEFILE = {"golang": ("Makefile",), "rust": ("Makefile",)}


@dataclass(frozen=True)
class Slice:
    """Patterns as a .dockerignore has them: what to take, and of that what to leave."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]

    def of(self, source: Directory) -> Directory:
        """The slice of a tree."""
        return source.filter(include=list(self.include), exclude=list(self.exclude))


def choose(
    entry: Entry, paths: Iterable[str], inputs: Inputs, ignored: str, leave: Iterable[str] = ()
) -> Slice:
    """Which files enter. Pure.

    Args:
        entry: What is built.
        paths: Every file of the tree.
        inputs: The rules.
        ignored: The text of the tree's .dockerignore: what a container build never sees.
        leave: Further patterns to leave out: what an earlier build left in the working tree.

    Raises:
        InputError: the tree has no such backend.
    """
    folders = tuple(f"{folder}/" for folder in entry.folders)
    single = set(_MAKEFILE.get(entry.build, ()))
    found: set[str] = set()
    files = []
    for path in paths:
        if path.startswith(folders):
            found.add(next(folder for folder in folders if path.startswith(folder)))
        elif path in single or enters(entry, path, inputs, on_base=bool(entry.builder)):
            files.append(_literal(path))
    for folder in folders:
        if folder not in found:
            raise InputError(
                f"the source tree has no {folder}",
                where=entry.id,
                remedy="Give a checkout of LocalAI that has this backend as --source.",
            )
    lines = (line.strip() for line in ignored.splitlines())
    patterns = [line for line in lines if line and not line.startswith("#")]
    return Slice(
        (*(_literal(folder.rstrip("/")) for folder in folders), *files), (*patterns, *leave)
    )


def _literal(path: str) -> str:
    return re.sub(r"([\\*?\[\]])", r"\\\1", path)
