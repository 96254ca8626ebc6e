"""What a .dockerignore leaves out of a container build, by Docker's own rules. Pure.

Source: github.com/moby/patternmatcher, MatchesOrParentMatches.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

NEVER = (".git", "**/.git", "**/node_modules", "**/venv", "backend-images", "models")
"""What a working tree holds beside its files; none of it is ever part of a backend."""


@dataclass(frozen=True)
class Ignoring:
    """Patterns in their order: the last one that fits decides, and ``!`` takes back in."""

    lines: tuple[str, ...]

    @classmethod
    def of(cls, text: str, more: Iterable[str] = ()) -> "Ignoring":
        """The patterns of a file's text, then some more."""
        lines = (line.strip() for line in text.splitlines() if not line.startswith("#"))
        return cls((*filter(None, lines), *more))

    @cached_property
    def _patterns(self) -> list[tuple[bool, re.Pattern[str]]]:
        return [(line.startswith("!"), _pattern(line.removeprefix("!"))) for line in self.lines]

    def leaves_out(self, path: str) -> bool:
        """Whether a file is left out, by its own name or with a folder that it is in."""
        out = False
        for back, pattern in self._patterns:
            if back == out and pattern.match(path):
                out = not back
        return out


_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|\\.|.", re.DOTALL)
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _pattern(line: str) -> re.Pattern[str]:
    """Matches what a line names, and all that is in it."""
    parts = []
    for token in _TOKEN.findall(posixpath.normpath(line.strip()).lstrip("/")):
        if token in _WILD:
            parts.append(_WILD[token])
        elif token.startswith("[") and len(token) > 1:
            parts.append(token)
        else:
            parts.append(re.escape(token[-1]))
    return re.compile("".join(parts) + r"(?:/.*)?\Z", re.DOTALL)
