"""The part of a source tree that enters one image: what the plan says enters, and no more.

So an edit that the plan says changes nothing leaves the build cached, and none that it says
changes something is missed: both ask the same function.
"""

import re
import stat
from collections.abc import Iterable
from pathlib import Path

from dagger import Directory

from localai_ci.backends.entering import Entering
from localai_ci.config.foreign import blob_id, walk
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.rules import Inputs

# Dockerfiles call targets of it to generate code. The plan leaves it out on purpose (one commit
# in nine touches it, none of them those targets), so an edit of it alone plans no build.
_MAKEFILE = {"golang": ("Makefile",), "rust": ("Makefile",)}


def choose(
    entry: Entry, paths: Iterable[str], rules: Inputs, ignored: str, leave: Iterable[str] = ()
) -> tuple[str, ...]:
    """Which files enter. Pure.

    Args:
        entry: What is built.
        paths: Every file of the tree.
        rules: Those of inputs.yaml.
        ignored: The text of the tree's .dockerignore: what a container build never sees.
        leave: Further patterns to leave out: what an earlier build left in the working tree.

    Raises:
        InputError: the tree has no such backend.
    """
    files = Entering(paths, rules, ignored, tuple(leave)).of(
        entry, on_base=bool(entry.builder), single=_MAKEFILE.get(entry.build, ())
    )
    for folder in entry.folders:
        if not any(path.startswith(f"{folder}/") for path in files):
            raise InputError(
                f"the source tree has no {folder}/",
                where=entry.id,
                remedy="Give a checkout of LocalAI that has this backend as --source.",
            )
    return tuple(files)


def cut(source: Directory, files: Iterable[str]) -> Directory:
    """These files of a tree."""
    return source.filter(include=[literal(path) for path in files])


def literal(path: str) -> str:
    """A pattern that matches this path alone."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", path)


def listing(folder: Path) -> dict[str, str]:
    """The files of a folder as git would list them: plan and build hash the same inputs.

    Every file with its mode and blob id, by path with forward slashes.

    A submodule counts by its files here, where git has one line with its commit.
    """
    return {path: _line(folder / path) for path, inside in walk(folder) if not inside}


def _line(path: Path) -> str:
    kind = path.lstat().st_mode
    mode = "120000" if stat.S_ISLNK(kind) else "100755" if kind & 0o111 else "100644"
    return f"{mode} {blob_id(path)}"
