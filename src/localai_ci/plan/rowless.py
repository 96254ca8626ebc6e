"""Folders where a backend would be, and of which no row of the matrix makes an image. Pure."""

import re
from collections.abc import Iterable
from posixpath import dirname

from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.rules import Inputs
from localai_ci.matrix.tree_state import TreeState


def without_rows(path: str, places: Iterable[str]) -> str:
    """The folder beside those of backends that a file is in, if it is in one; else nothing.

    Args:
        path: A file that is in no folder of a row, and that no rule knows.
        places: The folders that those of rows are in.
    """
    for place in places:
        name, inside, _ = path.removeprefix(f"{place}/").partition("/")
        if place and inside and path.startswith(f"{place}/"):
            return f"{place}/{name}"
    return ""


def places_of(sources: Iterable[str]) -> frozenset[str]:
    """The folders that those of rows are in."""
    return frozenset(map(dirname, sources))


def mentioned(folder: str, tree: TreeState, inputs: Inputs) -> str:
    """A file that enters images and mentions the folder, which is then more than a new backend."""
    place, _, name = folder.rpartition("/")
    words = (f"{place.rpartition('/')[2]}/{name}", f"../{name}")
    for path in tree.mentions(words, inputs.file.roots):
        rule = inputs.rule(path)
        test = re.search(r"_test\.[^/]*$", path) or path.endswith(".md")
        own = path.startswith(f"{folder}/")
        if not (own or test or inputs.neutral(path) or (rule and not rule.enters)):
            return path
    return ""


def rowless(idle: Iterable[str], matrix: Matrix) -> list[str]:
    """The folders without rows among what changed without effect."""
    sources = {folder for entry in matrix.entries for folder in entry.folders}
    taken, places = tuple(f"{folder}/" for folder in sources), places_of(sources)
    found = {without_rows(path, places) for path in idle if not path.startswith(taken)}
    return sorted(found - {""})
