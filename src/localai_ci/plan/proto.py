"""Whether an edit of a .proto file can change what existing code was built from it.

Two revisions are compared by their declarations, not their text: comments, layout and order do
not count. An edit that only adds is harmless to images that know nothing of the addition.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from localai_ci.config import bounds
from localai_ci.errors import InputError

_TOKEN = re.compile(
    r"""
      (?P<string>"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)
    | (?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<mark>[{};])
    | (?P<text>[^"'/{};]+|/)
    """,
    re.VERBOSE | re.DOTALL,
)
_DECLARATION = re.compile(r"(message|enum|service|oneof|extend|rpc)\s+([A-Za-z_][\w.]*)")


@dataclass(frozen=True)
class SymbolChange:
    """A declaration that is gone (``new`` is empty) or says something else."""

    symbol: str
    old: str
    new: str

    def __str__(self) -> str:
        """``PredictOptions.Tokens: int32 Tokens = 2 → int32 Tokens = 9``."""
        return f"{self.symbol}: {self.old} → {self.new or '(gone)'}"


def breaking_changes(previous: str, current: str) -> tuple[SymbolChange, ...]:
    """What of the previous revision is gone or different now; empty if nothing but additions."""
    before, after = symbols(previous), symbols(current)
    return tuple(
        SymbolChange(symbol, text, after.get(symbol, ""))
        for symbol, text in before.items()
        if after.get(symbol) != text
    )


def symbols(text: str) -> dict[str, str]:
    """Every declaration and statement of a .proto file by its dotted name, layout removed.

    A field, enum value or option goes by its name, so that a new number or type is a change and
    a new name is a removal; statements without ``=`` (``reserved 4;``) go by themselves.

    Raises:
        InputError: it is nested too deep.
    """
    found: dict[str, str] = {}
    path: list[str] = []
    for words, mark in _statements(text):
        name = _name(words, opens=mark == "{")
        if words:
            found[".".join([*path, name])] = words
        if mark == "{":
            path.append(name)
            if len(path) > bounds.PROTO_DEPTH:
                raise InputError(
                    f"nested deeper than {bounds.PROTO_DEPTH} levels",
                    where="the .proto file",
                    remedy="protoc takes no such file either; make it flatter.",
                )
        elif mark == "}" and path:
            path.pop()
    return found


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """Each stretch of text with the ``{``, ``}`` or ``;`` that ends it, comments removed."""
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "comment":
            words.append(" ")
        elif match.lastgroup == "mark":
            yield " ".join("".join(words).split()), match.group()
            words = []
        else:
            words.append(match.group())
    yield " ".join("".join(words).split()), ""


def _name(words: str, *, opens: bool) -> str:
    declaration = _DECLARATION.match(words)
    if declaration and (opens or declaration[1] == "rpc"):
        return f"{declaration[1]} {declaration[2]}"
    left, equals, _ = words.partition("=")
    return left.split()[-1] if equals and left.split() else words
