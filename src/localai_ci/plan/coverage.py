"""Whether the rules know every file that images are made of.

Follows what Dockerfiles, scripts, Makefiles and Go sources of a backend mention (copied, mounted,
included, sourced, imported), from file to file, and asks of each whether a change of it would
rebuild that backend. A file that would not, and is not declared neutral, ships to nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from posixpath import dirname, normpath

from localai_ci.config import bounds
from localai_ci.config.globs import compiled
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.finding import Finding, Severity
from localai_ci.matrix.rules import Inputs
from localai_ci.matrix.tree import Tree
from localai_ci.plan.change import Change
from localai_ci.plan.decide import decide
from localai_ci.plan.event import Event
from localai_ci.plan.reasons import ReasonKind
from localai_ci.text import listed

BUILD_FILES = compiled(["**/Makefile", "**/*.{sh,mk,cmake,go}", "**/CMakeLists.txt"])
NO_BUILD_FILES = compiled(["**/*_test.{go,sh}", "**/test.sh", "**/{test,tests,testdata}/**"])

_GO_IMPORT = re.compile(r'"github\.com/mudler/LocalAI/([^"]+)"')
_COMMENT = re.compile(r"(?:^|\s)#.*")
_WORD = re.compile(r"[\w@%+.$(){}/~-]*/[\w@%+.$(){}/~-]*|[\w-]+\.(?:sh|mk|cmake|proto)\b")
_VARIABLE = re.compile(r"^(?:\$\([^()]*(?:\([^()]*\)[^()]*)*\)|\$\{[^}]*\}|\$\w+)/*")


def coverage(matrix: Matrix, inputs: Inputs, tree: Tree) -> list[Finding]:
    """The files that a backend is made of and that no rule would rebuild it for."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    judge = _Judge(matrix, inputs)
    mentions = _Mentions(tree)
    for owner, entries in _owners(matrix).items():
        for path, user in _reached(entries, mentions):
            if not judge.rebuilds(path, owner):
                found[path].setdefault(owner, user)
    return [
        Finding(
            Severity.error,
            "coverage",
            next(iter(users.values())),
            f"uses {path}, a change of which would not rebuild {listed(list(users), 4)}",
            "Add a rule for it to inputs.yaml, or declare it neutral there with its reason.",
        )
        for path, users in sorted(found.items())
    ]


def _owners(matrix: Matrix) -> dict[str, list[Entry]]:
    """The Linux entries by backend; what Darwin builds from has its own scripts and rules."""
    owners = defaultdict(list)
    for entry in matrix.entries:
        if entry.os == "linux":
            owners[entry.backend].append(entry)
    return owners


class _Judge:
    """Asks the plan, once a path."""

    def __init__(self, matrix: Matrix, inputs: Inputs) -> None:
        self._matrix = matrix
        self._inputs = inputs
        self._known: dict[str, set[str] | None] = {}

    def rebuilds(self, path: str, backend: str) -> bool:
        """Whether a change of the path rebuilds the backend, or is declared neutral."""
        if path not in self._known:
            self._known[path] = self._ask(path)
        backends = self._known[path]
        return backends is None or backend in backends

    def _ask(self, path: str) -> set[str] | None:
        plan = decide(self._matrix, self._inputs, Change(Event.push, (path,)))
        if self._inputs.neutral(path) and not plan.entries:
            return None
        return {
            p.entry.backend
            for p in plan.entries
            if any(r.kind is not ReasonKind.unknown for r in p.reasons)
        }


def _reached(entries: Iterable[Entry], mentions: "_Mentions") -> Iterator[tuple[str, str]]:
    """Every file that is mentioned from a backend's own, with the file that mentions it."""
    tree = mentions.tree
    listed = list(entries)
    own = sorted({folder for e in listed for folder in e.folders})
    start = sorted({e.dockerfile for e in listed})
    start += [p for p in sorted(tree.paths) if _inside(p, own) and _is_build_file(p)]
    seen = set(start)
    queue = list(start)
    while queue:
        user = queue.pop()
        for path in mentions.of(user):
            if path in seen:
                continue
            seen.add(path)
            if _inside(path, own) or NO_BUILD_FILES.match(path):
                continue
            yield path, user
            if _is_build_file(path):
                queue.append(path)


def _inside(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def _is_build_file(path: str) -> bool:
    return bool(BUILD_FILES.match(path)) and not NO_BUILD_FILES.match(path)


class _Mentions:
    """What each file of one tree mentions, read once a run: backends share most of them."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, user: str) -> tuple[str, ...]:
        """The files of the tree that a file mentions; of a folder, those that build it."""
        if user not in self._known:
            self._known[user] = tuple(self._found(user))
        return self._known[user]

    def _found(self, user: str) -> Iterator[str]:
        text = self.tree.read(user)
        if user.endswith(".go"):
            names = set(_GO_IMPORT.findall(text))
        else:
            names = {
                name
                for line in text.splitlines()
                if len(line) <= bounds.LINE_LENGTH
                for word in _WORD.findall(_COMMENT.sub("", line))
                for name in _candidates(word, user)
            }
        for name in sorted(names):
            if name in self.tree.paths:
                yield name
            elif name in self.tree.folders and "/" in name and not user.startswith(f"{name}/"):
                yield from _of_folder(self.tree, name, only_itself=user.endswith(".go"))


def _candidates(word: str, user: str) -> Iterator[str]:
    """What a word may mean: from the user's folder, or from the top of the tree."""
    word = word.removeprefix("/LocalAI/")
    rest = _VARIABLE.sub("", word)
    if "$" in rest or not rest:
        return
    for start in {dirname(user), ""}:
        path = normpath(f"{start}/{rest}").lstrip("/")
        if not path.startswith(".."):
            yield path


def _of_folder(tree: Tree, folder: str, *, only_itself: bool) -> list[str]:
    """The files of a folder; for a Go package without those below and without its tests."""
    files = [p for p in tree.paths if p.startswith(f"{folder}/")]
    if only_itself:
        files = [p for p in files if dirname(p) == folder and p.endswith(".go")]
        return sorted(p for p in files if not p.endswith("_test.go"))
    return sorted(files)
