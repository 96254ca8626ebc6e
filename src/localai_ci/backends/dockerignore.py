"""What a .dockerignore leaves out of a container build, by Docker's own rules. Pure.

Source: github.com/moby/patternmatcher, MatchesOrParentMatches.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from localai_ci.config.globs import DOCKERIGNORE, compiled

IGNORE = ".dockerignore"

NEVER = (".git", "**/.git", "**/node_modules", "**/venv", "backend-images", "models")
"""What a working tree holds beside its files; none of it is ever part of a backend."""


@dataclass(frozen=True)
class Ignoring:
    """Patterns in their order: the last one that fits decides, and ``!`` takes back in."""

    lines: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, text: str, more: Iterable[str] = ()) -> "Ignoring":
        """The patterns of a file's text, each with its place, then some more."""
        lines = [
            (line.strip(), f"{IGNORE}:{number}")
            for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1)
            if line.strip() and not line.startswith("#")
        ]
        return cls((*lines, *((line, "") for line in more)))

    @cached_property
    def _patterns(self) -> list[tuple[bool, re.Pattern[str]]]:
        return [
            (line.startswith("!"), _pattern(line.removeprefix("!"), where))
            for line, where in self.lines
        ]

    def leaves_out(self, path: str) -> bool:
        """Whether a file is left out, by its own name or with a folder that it is in.

        Raises:
            InputError: a line that is not a pattern, with its number.
        """
        out = False
        for back, pattern in self._patterns:
            if back == out and pattern.match(path):
                out = not back
        return out


_EATEN = re.compile(r"(?<=[^/\\])\*\*+/")  # beside other characters ** takes the slash with it
_SPECIAL = frozenset("*?[\\")


def _pattern(line: str, where: str) -> re.Pattern[str]:
    """Matches what a line names, and all that is in it."""
    glob = posixpath.normpath(line.strip()).lstrip("/")
    glob = _EATEN.sub("**", glob)
    ending = glob.removeprefix("**")
    if ending != glob and ending[:1] not in {"", "/"} and _SPECIAL.isdisjoint(ending):
        # A name that only begins with ** is any path that ends so, across folders: **.swp, **d/e.
        return re.compile(f".*{re.escape(ending)}(?:/.*)?\\Z", re.DOTALL)
    return compiled([glob], DOCKERIGNORE, where)
