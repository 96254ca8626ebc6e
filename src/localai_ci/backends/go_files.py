"""What go.mod, go.sum and Go sources say, as far as it decides which modules are linked. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.text import printable

# What is not closed goes to the end of its line: so no place is looked at twice.
_WORD = re.compile(r'"(?:\\.|[^"\\])*"?|`[^`]*`?|//.*|[()]|=>|[^\s()"`]+')
_SILENT = {"retract", "tool", "ignore", "module"}
"""What changes nothing in a binary: retractions are about this module, tools are not linked."""


@dataclass(frozen=True)
class GoMod:
    """A go.mod.

    Attributes:
        module: The tree's own module path.
        requires: Version by module path.
        replaces: What stands for a module (at a version, or ``""`` for any): path and version; the
            version is empty where the path is a folder.
        settings: All else that decides every binary: ``go``, ``toolchain``, ``godebug``,
            ``exclude`` and directives that are not known here.
    """

    module: str
    requires: Mapping[str, str]
    replaces: Mapping[tuple[str, str], tuple[str, str]]
    settings: tuple[str, ...]

    def selected(self, module: str) -> tuple[str, str]:
        """Where a module comes from and its version; both empty where it is not required."""
        version = self.requires.get(module, "")
        given = self.replaces.get((module, version)) or self.replaces.get((module, ""))
        return given or ((module, version) if version else ("", ""))

    def provider(self, package: str) -> str:
        """The module that has a package: the longest path that it begins with; or nothing."""
        path = package
        while path:
            if path in self.requires or (path, "") in self.replaces:
                return path
            path = path.rpartition("/")[0]
        return ""


def parse_go_mod(text: str) -> GoMod:
    """Read a go.mod.

    Raises:
        InputError: it is not one.
    """
    _measure(text, "go.mod")
    module = ""
    requires: dict[str, str] = {}
    replaces: dict[tuple[str, str], tuple[str, str]] = {}
    settings: list[str] = []
    for words in _statements(text):
        verb, rest = words[0], words[1:]
        if verb == "module" and len(rest) == 1:
            module = rest[0]
        elif verb == "require" and len(rest) == 2:  # noqa: PLR2004 - path and version
            requires[rest[0]] = rest[1]
        elif verb == "replace" and "=>" in rest:
            at = rest.index("=>")
            old, new = rest[:at], rest[at + 1 :]
            if not (old and new):
                raise _fault("replace", words)
            replaces[old[0], "".join(old[1:2])] = (new[0], "".join(new[1:2]))
        elif verb not in _SILENT:
            settings.append(" ".join(words))
    if not module:
        raise _doubt("it names no module", "go.mod")
    return GoMod(module, requires, replaces, tuple(sorted(settings)))


def _measure(text: str, where: str) -> None:
    if len(text) > bounds.BUILD_TEXT:
        raise _doubt(f"it has more than {bounds.BUILD_TEXT} characters", where)


def _doubt(what: str, where: str) -> InputError:
    return InputError(what, where=where, remedy="All that could link what it says is rebuilt.")


def _statements(text: str) -> Iterator[list[str]]:
    """Every statement as words; those of a block with the block's verb in front."""
    block = ""
    for line in text.removeprefix("\ufeff").splitlines():
        words = [_plain(w) for w in _WORD.findall(line) if not w.startswith("//")]
        if not words:
            continue
        if block:
            if words == [")"]:
                block = ""
            else:
                yield [block, *words]
        elif words[1:] == ["("]:
            block = words[0]
        else:
            statement = [w for w in words if w not in {"(", ")"}]
            if not statement:
                raise _doubt("a block ends that did not begin", "go.mod")
            yield statement
    if block:
        raise _doubt(f"the block {printable(block[:40])} does not end", "go.mod")


def _plain(word: str) -> str:
    return word[1:-1] if word[:1] in '"`' and word[-1:] == word[:1] and len(word) > 1 else word


def _fault(verb: str, words: list[str]) -> InputError:
    return _doubt(f"{printable(' '.join(words)[:80])} is not understood as a {verb}", "go.mod")


def parse_go_sum(text: str) -> dict[tuple[str, str], str]:
    """The hash of each module's content by path and version; those of go.mod files are left out."""
    found = {}
    for line in text.splitlines():
        path, version, digest = (*line.split(), "", "", "")[:3]
        if digest and not version.endswith("/go.mod"):
            found[path, version] = digest
    return found


_SPACE = re.compile(r"(?:\s|;|//[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_PACKAGE = re.compile(r"package\s+\w+")
_IMPORT = re.compile(r"import(?=[\s(\"`/])")
_NAME = re.compile(r"(?:[\w.]+(?=[\s\"`/]))?")
_PATH = re.compile(r"\"([^\"\n]*)\"|`([^`]*)`")


def imports_of(text: str) -> tuple[str, ...]:
    """What a Go source imports, whatever the build constraints above it say.

    Raises:
        InputError: it does not begin as a Go source does.
    """
    _measure(text, "a Go source")
    scan = _Scan(text.removeprefix("\ufeff"))
    if not scan.take(_PACKAGE):
        raise _doubt("it names no package", "a Go source")
    found = []
    while scan.take(_IMPORT):
        many = scan.take(re.compile(r"\("))
        while not (many and scan.take(re.compile(r"\)"))):
            scan.take(_NAME)
            path = scan.take(_PATH)
            if not path:
                raise _doubt("an import is not understood", "a Go source")
            found.append(path[1] or path[2] or "")
            if not many:
                break
    return tuple(found)


class _Scan:
    """A place in a text; blanks and comments before what is taken do not count."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if space := _SPACE.match(self._text, self._at):
            self._at = space.end()
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found
