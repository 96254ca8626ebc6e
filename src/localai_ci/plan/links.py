"""Changed files by every name that they have: through links inside the tree as well. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from posixpath import dirname, normpath

from localai_ci.config import bounds
from localai_ci.errors import InputError

DEEP = 5
"""Links behind links that are followed."""


def with_aliases(paths: Iterable[str], links: Mapping[str, str]) -> tuple[str, ...]:
    """The paths, and after them the names that the same files have behind links.

    Args:
        paths: Changed files, from the top of the tree.
        links: By path of a link what it says; those that lead out of the tree name nothing.

    Raises:
        InputError: too many names.
    """
    found = dict.fromkeys(paths)
    behind: defaultdict[str, list[str]] = defaultdict(list)
    for link, said in links.items():
        target = normpath(f"{dirname(link)}/{said}".lstrip("/"))
        if not said.startswith("/") and target.split("/")[0] != "..":
            behind[target].append(link)
    new = list(found)
    for _ in range(DEEP if behind else 0):
        named: dict[str, None] = {}
        for path in new:
            for end in _ends(path):
                named |= {link + path[end:]: None for link in behind.get(path[:end], ())}
            if len(found) + len(named) > bounds.ALIASES:
                raise InputError(
                    f"changed files have more than {bounds.ALIASES} names behind links",
                    remedy="Remove links from the tree.",
                )
        new = [name for name in named if name not in found]
        found |= dict.fromkeys(new)
    return tuple(found)


def _ends(path: str) -> Iterator[int]:
    """Where the path and each folder above it end."""
    end = len(path)
    while end > 0:
        yield end
        end = path.rfind("/", 0, end)
