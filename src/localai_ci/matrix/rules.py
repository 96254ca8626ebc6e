"""The rules of inputs.yaml, ready to match: which changed path rebuilds which entries."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from localai_ci.config import globs
from localai_ci.config.inputs import InputsFile, Neutral, Rule, Selection
from localai_ci.config.reader import Document, load_table
from localai_ci.matrix.entry import Entry


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
    def _rules(self) -> list[tuple[Rule, globs.Paths, globs.Paths]]:
        return [
            (rule, globs.Paths(rule.paths), globs.Paths(rule.except_)) for rule in self.file.rules
        ]

    @cached_property
    def _neutral(self) -> list[tuple[Neutral, globs.Paths]]:
        return [(neutral, globs.Paths(neutral.paths)) for neutral in self.file.neutral]

    def rule(self, path: str) -> Rule | None:
        """The first rule that matches."""
        if path not in self._found:
            matching = (
                rule
                for rule, paths, excepted in self._rules
                if path in paths and path not in excepted
            )
            self._found[path] = next(matching, None)
        return self._found[path]

    @cached_property
    def _found(self) -> dict[str, Rule | None]:
        """Answers so far: hundreds of entries ask for the same paths."""
        return {}

    def neutral(self, path: str) -> Neutral | None:
        """The declaration that this path is in no image, if there is one."""
        return next((n for n, paths in self._neutral if path in paths), None)

    @property
    def absent(self) -> bool:
        """Whether there are none: then every file may be an input of every entry."""
        return not self.file.rules and not self.document.path

    def is_matrix(self, path: str) -> bool:
        """Whether this is a matrix file, which is compared row by row."""
        return path in self.file.matrix

    def below_root(self, path: str) -> bool:
        """Whether an unknown change here rebuilds everything."""
        return any(path.startswith(root) for root in self.file.roots)


def load_inputs(path: Path | None = None, data: bytes | None = None) -> Inputs:
    """inputs.yaml, by default the installed one: `load_table` says more."""
    file, document = load_table("inputs.yaml", InputsFile, path, data)
    names = [rule.name for rule in file.rules]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise document.error(
                ("rules", index),
                f"the rule {name!r} stands here twice",
                "Give each rule its own name; reasons refer to it.",
            )
    parts = [("rules", i, [*r.paths, *r.except_]) for i, r in enumerate(file.rules)]
    parts += [("neutral", i, n.paths) for i, n in enumerate(file.neutral)]
    for kind, index, paths in parts:
        globs.Paths(paths, f"{document.path}:{document.line((kind, index, 'paths'))}").check()
    return Inputs(file, document)


def no_rules(matrix: Iterable[str]) -> Inputs:
    """The rules of a matrix that came without any: on any doubt everything.

    Args:
        matrix: The files that are compared row by row all the same.
    """
    file = InputsFile(roots=[""], matrix=list(matrix), rules=[], neutral=[])
    return Inputs(file, Document("", None, {}))
