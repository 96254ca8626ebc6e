"""A Dockerfile as its instructions: comments, layout and line breaks are gone. Pure.

Read as BuildKit's parser does: parser directives, continuation lines with comments between them,
here-documents. What it would refuse, or what cannot be told apart here, is an error, which callers
take for a doubt.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.text import quoted

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_HEREDOC = re.compile(
    r"(?<![<\\0-9])([0-9]*)<<(-?)\s*(?:\"([^\"<>]+)\"|'([^'<>]+)'|([A-Za-z_]\w*))"
)
_WITH_HEREDOCS = {"RUN", "COPY", "ADD"}
KNOWN = {
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}
"""All instructions there are; another one may come with a newer syntax, and may do anything."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, its arguments in one line, its here-documents."""

    name: str
    arguments: str
    documents: tuple[str, ...] = ()


@dataclass(frozen=True)
class DockerfileText:
    """What a Dockerfile says: parser directives (``syntax``, ``escape``) and instructions."""

    directives: tuple[tuple[str, str], ...]
    instructions: tuple[Instruction, ...]


def parse_dockerfile(text: str) -> DockerfileText:
    """Read a Dockerfile.

    Raises:
        InputError: an unknown instruction, or a here-document that does not end.
    """
    if len(text) > bounds.BUILD_TEXT:
        raise fault(f"it has more than {bounds.BUILD_TEXT} characters")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    directives, start = _directives(lines)
    escape = dict(directives).get("escape", "\\")
    return DockerfileText(tuple(directives), tuple(_instructions(lines, start, escape)))


def fault(what: str) -> InputError:
    """The doubt about a Dockerfile."""
    return InputError(what, where="Dockerfile", remedy="Every entry that uses it is rebuilt.")


def _directives(lines: list[str]) -> tuple[list[tuple[str, str]], int]:
    """The directives at the very top; the first line that is none ends them."""
    found: dict[str, str] = {}
    for number, line in enumerate(lines):
        match = _DIRECTIVE.fullmatch(line.strip())
        name = match[1].lower() if match else ""
        if not match or name not in {"syntax", "escape", "check"} or name in found:
            return [(n, v) for n, v in found.items() if n != "check"], number
        found[name] = match[2]
    return list(found.items()), len(lines)


def _instructions(lines: list[str], start: int, escape: str) -> Iterator[Instruction]:
    number = start
    while number < len(lines):
        first = number
        parts: list[str] = []
        open_ = True
        while open_ and number < len(lines):
            line = lines[number]
            number += 1
            bare = line.strip()
            if bare.startswith("#") or (parts and not bare):
                continue  # a comment, also between continued lines; so is an empty one there
            open_ = line.rstrip(" \t").endswith(escape)
            parts.append(line.rstrip(" \t")[: -len(escape)] if open_ else line)
            if not parts[0].strip():
                parts, open_ = [], True
        whole = "".join(parts).strip()
        if not whole:
            continue
        name, _, arguments = _split(whole)
        if name not in KNOWN:
            raise fault(f"an unknown instruction {quoted(name, 40)} in line {first + 1}")
        documents: list[str] = []
        target = _split(arguments)[0] if name == "ONBUILD" else name
        if target in _WITH_HEREDOCS and not arguments.lstrip().startswith("["):
            for heredoc in _HEREDOC.finditer(_without_quotes(arguments)):
                body, number = _body(lines, number, heredoc)
                documents.append(body)
        yield Instruction(name, arguments, tuple(documents))


def _split(whole: str) -> tuple[str, str, str]:
    """The first word in capitals, and the rest."""
    word = re.match(r"\S+", whole)
    if not word:
        return "", "", ""
    return word[0].upper(), " ", whole[word.end() :].strip()


def _without_quotes(text: str) -> str:
    """The text with quoted stretches blanked, but for the name of a here-document."""

    def blank(match: re.Match[str]) -> str:
        before = text[max(0, match.start() - 9) : match.start()].rstrip()
        return match[0] if re.search(r"<<-?$", before) else " " * len(match[0])

    return re.sub(r"\"(?:\\.|[^\"\\])*\"|'[^']*'", blank, text)


def _body(lines: list[str], number: int, heredoc: re.Match[str]) -> tuple[str, int]:
    end = heredoc[3] or heredoc[4] or heredoc[5]
    found: list[str] = []
    while number < len(lines):
        line = lines[number]
        number += 1
        if (line.lstrip("\t") if heredoc[2] else line) == end:
            return "\n".join(found), number
        found.append(line)
    raise fault(f"the here-document {quoted(end, 40)} does not end")
