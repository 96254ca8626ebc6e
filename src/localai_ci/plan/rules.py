"""What stands in inputs.yaml: which changed path rebuilds which entries."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from localai_ci.matrix.data import data_dir
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.yamlfile import Document, Strict, load

Glob = Annotated[str, Field(min_length=1, description="** crosses folders, * and ? do not.")]
Globs = Annotated[list[Glob], Field(min_length=1)]


class Selection(Strict):
    """Which entries: every key that is given must hold; none given is every entry."""

    os: Literal["", "linux", "darwin"] = ""
    builds: list[str] = Field([], description="Keys of `builds` in backends.yaml.")
    backends: list[str] = Field([])
    on_base: bool = Field(default=False, description="Only what compiles on a builder base.")

    def takes(self, entry: Entry) -> bool:
        """Whether the entry is selected."""
        return (
            (not self.os or entry.os == self.os)
            and (not self.builds or entry.build in self.builds)
            and (not self.backends or entry.backend in self.backends)
            and (not self.on_base or bool(entry.builder))
        )


class Rule(Strict):
    """Paths that are an input of entries whose own folder they are not in."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    reason: Annotated[str, Field(min_length=10)]
    paths: Globs
    except_: list[Glob] = Field([], alias="except")
    select: Selection
    compare: Literal["", "proto", "rules", "compile"] = Field(
        "", description="Look into the file before rebuilding."
    )
    base: bool = Field(default=False, description="It changes the builder base.")
    enters: bool = Field(default=True, description="Its content becomes part of the image.")


class Neutral(Strict):
    """Paths below a root that are in no image."""

    reason: Annotated[str, Field(min_length=10)]
    paths: Globs


class InputsFile(Strict):
    """inputs.yaml."""

    roots: list[str]
    matrix: list[str]
    rules: list[Rule]
    neutral: list[Neutral] = Field([])


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
