r"""Globs over paths: one compiler for rules, tables and ``.dockerignore``, linear in the path.

A glob becomes a regular expression in which every choice is final once it is made (atomic
groups), which is right because the earliest place where a part fits leaves the most room for what
follows. So no pattern, of a tree that nobody has looked at, can make a match explode.

``**`` as a whole segment is any number of folders, at the end all that is inside; ``*`` and ``?``
stay inside a segment. ``{a,b}`` is expanded first (``braces``). Own code where libraries exist:
wcmatch and pathspec make regular expressions that backtrack.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from localai_ci.config import bounds
from localai_ci.errors import InputError

GLOBSTAR = "**"
_STAR = object()
_ANY = "[^/]"
_SEGMENT = "[^/]*+/"


@dataclass(frozen=True)
class Dialect:
    """What else than stars and question marks a kind of glob has.

    Attributes:
        braces: ``{a,b}`` is either.
        classes: ``[a-z]`` is one of, and a backslash takes the next character as it is.
        inside: What lies inside of a match matches too.
    """

    braces: bool = False
    classes: bool = False
    inside: bool = False


PATHS = Dialect(braces=True)
"""Of rules and tables."""

DOCKERIGNORE = Dialect(classes=True, inside=True)


class Paths:
    """Globs of `PATHS` that are asked whether they match a path; most are one path as it is."""

    def __init__(self, paths: Iterable[str], where: str = "") -> None:
        """Compile nothing yet.

        Args:
            paths: The globs.
            where: For errors: the file, with a line where it is known.
        """
        self._where = where
        self._plain: set[str] = set()
        self._globs: list[str] = []
        for path in paths:
            if _SPECIAL.isdisjoint(path):
                self._plain.add(path)
            else:
                self._globs.append(path)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return compiled(self._globs, PATHS, self._where)

    def check(self) -> None:
        """Look at the globs without compiling them.

        Raises:
            InputError: one is too long, too much of a choice, or not written as one is.
        """
        for glob in (*self._plain, *self._globs):
            for _ in _plain_globs(glob, PATHS, self._where):
                pass

    def __contains__(self, path: str) -> bool:
        """Whether any of them matches the whole path."""
        if path in self._plain:
            return True
        return bool(self._globs) and self._pattern.match(path) is not None


_SPECIAL = frozenset("*?{}")


def _plain_globs(glob: str, dialect: Dialect, where: str) -> Iterator[list["Segment"]]:
    """What a glob stands for, each as its segments."""
    if len(glob) > bounds.GLOB_LENGTH:
        raise _fault(glob, f"it is longer than {bounds.GLOB_LENGTH} characters", where)
    for plain in braces(glob, where) if dialect.braces else (glob,):
        tokens = tuple(_tokens(plain, glob, dialect, where))
        yield from _alternatives(tokens, glob, dialect, where)


def compiled(
    globs: Iterable[str], dialect: Dialect = PATHS, where: str = "", *, folder: bool = False
) -> re.Pattern[str]:
    """One pattern whose ``match`` says whether a whole path is matched by any of the globs.

    Args:
        globs: The globs; none match nothing.
        dialect: What they may be made of.
        where: For errors: the file, with a line where it is known.
        folder: Each glob may also stand at any depth, as a name without a slash means it.

    Raises:
        InputError: a glob that is too long, too much of a choice, or not written as one is.
    """
    found = [
        _expression(segments, dialect)
        for glob in globs
        for segments in _plain_globs(glob, dialect, where)
    ]
    prefix = f"(?:{_SEGMENT})*?" if folder else ""
    text = "|".join(f"(?:{prefix}{part})" for part in found) if found else r"(?!)"
    return re.compile(text, re.DOTALL)


def braces(glob: str, where: str = "") -> tuple[str, ...]:
    """``a{b,c}`` as ``ab`` and ``ac``; a brace in a brace, or one that is not closed, is refused.

    Raises:
        InputError: as said, or more than `bounds.GLOB_CHOICES` globs come of it.
    """
    made = [""]
    rest = glob
    while rest:
        head, opened, tail = rest.partition("{")
        if "}" in head:
            raise _fault(glob, "a } closes nothing", where)
        if not opened:
            return tuple(text + head for text in made)
        inner, closed, rest = tail.partition("}")
        if not closed or "{" in inner:
            raise _fault(glob, "a { is not closed before the next one", where)
        choices = inner.split(",")
        if len(made) * len(choices) > bounds.GLOB_CHOICES:
            raise _fault(glob, f"its braces make more than {bounds.GLOB_CHOICES} globs", where)
        made = [text + head + choice for text in made for choice in choices]
    return tuple(made)


def _fault(glob: str, what: str, where: str) -> InputError:
    from localai_ci.text import quoted

    return InputError(
        f"the pattern {quoted(glob)} cannot be used: {what}",
        where=where,
        remedy="`**` crosses folders, `*` and `?` do not, and {a,b} is a or b.",
    )


def _tokens(text: str, glob: str, dialect: Dialect, where: str) -> Iterator[object]:
    """``/``, `GLOBSTAR`, `_STAR`, or a regular expression for one character."""
    at = 0
    while at < len(text):
        char = text[at]
        if text.startswith(GLOBSTAR, at):
            while text.startswith("*", at):
                at += 1
            yield GLOBSTAR
            continue
        at += 1
        if char == "*":
            yield _STAR
        elif char == "?":
            yield _ANY
        elif char == "/":
            yield "/"
        elif dialect.classes and char == "\\":
            yield re.escape(text[at : at + 1] or "\\")
            at += 1
        elif dialect.classes and char == "[":
            expression, at = _class(text, at, glob, where)
            yield expression
        else:
            yield re.escape(char)


def _class(text: str, at: int, glob: str, where: str) -> tuple[str, int]:
    """A bracket expression as Go's `filepath.Match` reads one, and where it ends."""
    negated = text.startswith("^", at)
    at += negated
    parts: list[str] = []
    while True:
        if at >= len(text):
            raise _fault(glob, "a [ is not closed", where)
        if text[at] == "]" and parts:
            break
        low, at = _member(text, at, glob, where)
        high = low
        if text.startswith("-", at) and not text.startswith("-]", at):
            high, at = _member(text, at + 1, glob, where)
        if high < low:
            raise _fault(glob, f"in its brackets {low}-{high} is not a range", where)
        parts.append(re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}")
    return f"(?!/)[{'^' * negated}{''.join(parts)}]", at + 1


def _member(text: str, at: int, glob: str, where: str) -> tuple[str, int]:
    at += text.startswith("\\", at)
    if at >= len(text):
        raise _fault(glob, "a [ is not closed", where)
    return text[at], at + 1


Segment = tuple[object, ...]


def _alternatives(
    tokens: tuple[object, ...], glob: str, dialect: Dialect, where: str
) -> list[list[Segment]]:
    """The segments of a glob. ``**`` beside other characters is two globs (or, in ours, refused).

    Docker reads ``a**b`` as ``a``, then nothing or anything that ends in a slash, then ``b``.
    """
    segments: list[Segment] = [()]
    for token in tokens:
        if token == "/":  # noqa: S105 - a separator
            segments.append(())
        else:
            segments[-1] = (*segments[-1], token)
    made: list[list[Segment]] = [[]]
    for segment in segments:
        beside = segment.count(GLOBSTAR) if len(segment) > 1 else 0
        if beside and not dialect.classes:
            raise _fault(glob, "** stands alone between slashes", where)
        # Counted before they are made: each makes two of all that were there.
        if len(made) << beside > bounds.GLOB_CHOICES:
            raise _fault(glob, "it has too many ** beside other characters", where)
        made = [[*start, *end] for start in made for end in _split(segment)]
    return made


def _split(segment: Segment) -> list[list[Segment]]:
    if GLOBSTAR not in segment or segment == (GLOBSTAR,):
        return [[segment]]
    at = segment.index(GLOBSTAR)
    before, after = segment[:at], segment[at + 1 :]
    crossing = [(*before, _STAR), (GLOBSTAR,)] if before else [(GLOBSTAR,)]
    if not after:
        return [[(*before, _STAR)], [*crossing]]
    found = []
    for rest in _split(after):
        found.append([(*before, *rest[0]), *rest[1:]])
        found.append([*crossing, *rest])
    return found


def _expression(segments: list[Segment], dialect: Dialect) -> str:
    end = r"(?:/.*)?\Z" if dialect.inside else r"\Z"
    runs: list[list[str]] = [[]]
    for segment in segments:
        if segment == (GLOBSTAR,):
            if runs[-1] or len(runs) == 1:
                runs.append([])
        else:
            runs[-1].append(_segment(segment))
    if len(runs) == 1:
        return "/".join(runs[0]) + end
    first, *middle, last = runs
    text = "".join(f"{part}/" for part in first)
    for run in middle:
        text += f"(?>(?:{_SEGMENT})*?{''.join(f'{part}/' for part in run)})"
    if not last:
        return text + r".*\Z"
    return f"{text}(?:{_SEGMENT})*?{'/'.join(last)}{end}"


def _segment(tokens: Segment) -> str:
    """One segment, of which each piece between stars takes the first place where it fits."""
    pieces: list[list[str]] = [[]]
    for token in tokens:
        if token is _STAR:
            pieces.append([])
        else:
            pieces[-1].append(str(token))
    head, *rest = ["".join(piece) for piece in pieces]
    if not rest:
        return head
    *middle, last = rest
    inner = "".join(f"(?>{_ANY}*?{piece})" for piece in middle if piece)
    tail = f"{_ANY}*{last}(?=/|\\Z)" if last else f"{_ANY}*+"
    return f"{head}(?>{inner}{tail})"
