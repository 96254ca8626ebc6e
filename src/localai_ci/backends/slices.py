"""The part of a source tree that enters one image: what the plan says enters, and no more.

So an edit that the plan says changes nothing leaves the build cached, and none that it says
changes something is missed: both ask the same function.
"""

import re
from collections.abc import Iterable

from dagger import Directory

from localai_ci.backends.entering import Entering
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
