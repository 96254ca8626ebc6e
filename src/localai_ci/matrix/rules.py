"""The rules of inputs.yaml, ready to match: which changed path rebuilds which entries."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from localai_ci.config.data import data_dir
from localai_ci.config.inputs import InputsFile, Neutral, Rule, Selection
from localai_ci.config.reader import Document, load
from localai_ci.matrix.entry import Entry

RULES = "matrix/inputs.yaml"
"""Where a tree may carry its rules."""


def takes(selection: Selection, entry: Entry) -> bool:
    """Whether the entry is selected."""
    return (
        (not selection.os or entry.os == selection.os)
        and (not selection.builds or entry.build in selection.builds)
        and (not selection.backends or entry.backend in selection.backends)
        and (not selection.on_base or bool(entry.builder))
    )


@dataclass(frozen=True)
class Inputs:
    """The rules, ready to match."""

    file: InputsFile
    document: Document

    @cached_property
    def _rules(self) -> list[tuple[Rule, re.Pattern[str], re.Pattern[str] | None]]:
        return [
            (rule, any_of(rule.paths), any_of(rule.except_) if rule.except_ else None)
            for rule in self.file.rules
        ]

    @cached_property
    def _neutral(self) -> list[tuple[Neutral, re.Pattern[str]]]:
        return [(neutral, any_of(neutral.paths)) for neutral in self.file.neutral]

    def rule(self, path: str) -> Rule | None:
        """The first rule that matches."""
        if path not in self._found:
            matching = (
                rule
                for rule, paths, excepted in self._rules
                if paths.match(path) and not (excepted and excepted.match(path))
            )
            self._found[path] = next(matching, None)
        return self._found[path]

    @cached_property
    def _found(self) -> dict[str, Rule | None]:
        """Answers so far: hundreds of entries ask for the same paths."""
        return {}

    def neutral(self, path: str) -> Neutral | None:
        """The declaration that this path is in no image, if there is one."""
        return next((n for n, paths in self._neutral if paths.match(path)), None)

    def is_matrix(self, path: str) -> bool:
        """Whether this is a matrix file, which is compared row by row."""
        return path in self.file.matrix

    def below_root(self, path: str) -> bool:
        """Whether an unknown change here rebuilds everything."""
        return any(path.startswith(root) for root in self.file.roots)


def load_inputs(path: Path | None = None, data: bytes | None = None) -> Inputs:
    """Read inputs.yaml, by default the installed one.

    Args:
        path: The file; only its name where ``data`` is given.
        data: The content, of a file that is not on disk.

    Raises:
        InputError: a fault in it, with file and line.
    """
    file, document = load(path or data_dir() / "inputs.yaml", InputsFile, data)
    names = [rule.name for rule in file.rules]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise document.error(
                ("rules", index),
                f"the rule {name!r} stands here twice",
                "Give each rule its own name; reasons refer to it.",
            )
    return Inputs(file, document)


def rules_in_tree(read: Callable[[str], bytes | None]) -> Inputs:
    """The rules that a tree carries, else the installed ones.

    Raises:
        InputError: a fault in them.
    """
    rules = read(RULES)
    return load_inputs() if rules is None else load_inputs(Path(RULES), rules)


def any_of(globs: Iterable[str]) -> re.Pattern[str]:
    """One pattern that matches what any of the globs does."""
    return re.compile("|".join(f"(?:{_regex(glob)})" for glob in globs), re.DOTALL)


_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\{[^}]*\}|.", re.DOTALL)
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _regex(glob: str) -> str:
    """``**/``, ``**``, ``*``, ``?`` and ``{a,b}`` as a regular expression for a whole path."""
    parts = []
    for token in _TOKEN.findall(glob):
        if token in _WILD:
            parts.append(_WILD[token])
        elif len(token) > 1:
            parts.append(f"(?:{'|'.join(map(re.escape, token[1:-1].split(',')))})")
        else:
            parts.append(re.escape(token))
    return "".join(parts) + r"\Z"
