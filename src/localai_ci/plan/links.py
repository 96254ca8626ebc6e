"""Changed files by every name that they have: through links inside the tree as well. Pure."""

from collections.abc import Iterable, Mapping
from posixpath import dirname, normpath

DEEP = 5
"""Links behind links that are followed."""


def with_aliases(paths: Iterable[str], links: Mapping[str, str]) -> tuple[str, ...]:
    """The paths, and after them the names that the same files have behind links.

    Args:
        paths: Changed files, from the top of the tree.
        links: By path of a link what it says; those that lead out of the tree name nothing.
    """
    found = dict.fromkeys(paths)
    targets = {
        link: normpath(f"{dirname(link)}/{said}".lstrip("/")) for link, said in links.items()
    }
    inside = {
        link: target
        for link, target in targets.items()
        if not links[link].startswith("/") and target.split("/")[0] != ".."
    }
    new = list(found)
    for _ in range(DEEP if inside else 0):
        named = [
            f"{link}{path[len(target) :]}"
            for link, target in inside.items()
            for path in new
            if path == target or path.startswith(f"{target}/")
        ]
        new = [name for name in dict.fromkeys(named) if name not in found]
        found |= dict.fromkeys(new)
    return tuple(found)
