"""What of a Dockerfile makes one image: the stages that it reaches, with the arguments given. Pure.

Two texts with the same answer make the same image, so an edit of another stage, of a comment or of
a default that is given anyway builds nothing.
"""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from localai_ci.backends.dockerfile_text import DockerfileText, Instruction, fault, parse_dockerfile
from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.text import quoted

_ARGUMENT = re.compile(r"([A-Za-z_]\w*)(?:=(.*))?", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+?])([^{}]*))?\})")
_FROM = re.compile(r"((?:--\S+\s+)*)(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE | re.DOTALL)
_COPY_FROM = re.compile(r"--from=(\"[^\"]*\"|'[^']*'|\S+)")
_MOUNT = re.compile(r"--mount=(\S+)")


@dataclass(frozen=True)
class _Stage:
    base: str
    name: str
    flags: str
    body: tuple[Instruction, ...]


def used(text: str, given: Mapping[str, str], target: str = "") -> str:
    """Everything in a Dockerfile that decides an image, as text that is equal where that is.

    Args:
        text: The Dockerfile.
        given: The build arguments of the call; an empty one counts as given.
        target: The stage that is built; the last one if absent.

    Raises:
        InputError: it cannot be told which stages are used.
    """
    file, before, stages = _read(text)
    defaults = _globals(before, given)
    stages = [_resolved(stage, defaults) for stage in stages]
    reached = _reached(stages, _wanted(stages, target))
    found = []
    for index in reached:
        stage = stages[index]
        body = [_effective(item, given, defaults) for item in stage.body]
        found.append([index == reached[-1], stage.name, stage.flags, stage.base, body])
    return json.dumps([file.directives, _numbers(found, stages, reached)])


@lru_cache(maxsize=64)
def _read(text: str) -> tuple[DockerfileText, list[Instruction], list[_Stage]]:
    """A text in its parts; hundreds of entries ask for the same few."""
    file = parse_dockerfile(text)
    return (file, *_stages(file))


def _not_understood(text: str) -> InputError:
    return fault(f"{quoted(text)} is not understood")


def _stages(file: DockerfileText) -> tuple[list[Instruction], list[_Stage]]:
    before: list[Instruction] = []
    stages: list[_Stage] = []
    bodies: list[list[Instruction]] = []
    for item in file.instructions:
        if item.name == "FROM":
            match = _FROM.fullmatch(item.arguments)
            if not match:
                raise _not_understood(f"FROM {item.arguments}")
            bodies.append([])
            stages.append(_Stage(match[2], (match[3] or "").lower(), match[1].strip(), ()))
        elif bodies:
            bodies[-1].append(item)
        else:
            before.append(item)
    if not 0 < len(stages) <= bounds.STAGES:
        raise fault(f"it has {len(stages)} FROM, expected 1 to {bounds.STAGES}")
    joined = [
        _Stage(s.base, s.name, s.flags, tuple(body)) for s, body in zip(stages, bodies, strict=True)
    ]
    return before, joined


@lru_cache(maxsize=1024)
def _arguments(item: Instruction) -> list[tuple[str, str | None]]:
    """The names of an ARG with their defaults; several may stand in one."""
    found = []
    try:
        words = shlex.split(item.arguments, posix=True)
    except ValueError:
        raise _not_understood(f"ARG {item.arguments}") from None
    for word in words:
        match = _ARGUMENT.fullmatch(word)
        if not match:
            raise _not_understood(f"ARG {word}")
        found.append((match[1], match[2]))
    return found


def _globals(before: Iterable[Instruction], given: Mapping[str, str]) -> dict[str, str]:
    """The values of arguments that stand before the first FROM."""
    values: dict[str, str] = {}
    for item in before:
        if item.name != "ARG":
            raise fault(f"{item.name} stands before the first FROM")
        for name, default in _arguments(item):
            if name in given:
                values[name] = given[name]
            elif default is not None:
                values[name] = _expanded(default, values)
    return values


def _expanded(text: str, values: Mapping[str, str]) -> str:
    """Variables in what names an image or a stage.

    Raises:
        InputError: a form that is not read here.
    """

    def value(match: re.Match[str]) -> str:
        name, how, word = match[1] or match[2], match[3] or "", match[4] or ""
        known = values.get(name)
        there = known is not None and not (how.startswith(":") and not known)
        if how.endswith("-"):
            return known or "" if there else word
        if how.endswith("+"):
            return word if there else ""
        if how.endswith("?") and not there:
            raise fault(f"the argument {name} is not given")
        return known or ""

    done = _VARIABLE.sub(value, text)
    if "$" in done:
        raise _not_understood(text)
    return done.strip("\"'")


def _resolved(stage: _Stage, values: Mapping[str, str]) -> _Stage:
    def value(match: re.Match[str]) -> str:
        # BuildKit's own, such as BUILDPLATFORM, are the same for both, and stay as written.
        return values.get(match[1] or match[2], match[0])

    flags = _VARIABLE.sub(value, stage.flags)
    return _Stage(_expanded(stage.base, values), stage.name, flags, stage.body)


def _wanted(stages: list[_Stage], target: str) -> int:
    if not target:
        return len(stages) - 1
    found = _find(stages, target, len(stages))
    if found is None:
        raise fault(f"it has no stage {quoted(target)}")
    return found


def _find(stages: list[_Stage], name: str, before: int) -> int | None:
    """The stage that a name or a number means, among those before; the last of that name."""
    for index in range(before - 1, -1, -1):
        if stages[index].name == name.lower():
            return index
    return int(name) if name.isdecimal() and int(name) < before else None


def _reached(stages: list[_Stage], start: int) -> list[int]:
    """Every stage that one needs, itself last."""
    seen: set[int] = set()
    queue = [start]
    while queue:
        index = queue.pop()
        if index in seen:
            continue
        seen.add(index)
        # A FROM or --from names a stage above it, else an image; what ONBUILD keeps is carried out
        # in a stage further down, and may name any.
        found = [_find(stages, stages[index].base, index)]
        for item in stages[index].body:
            limit = len(stages) if item.name == "ONBUILD" else index
            found += [_find(stages, name, limit) for name in _sources(item)]
        queue += [number for number in found if number is not None]
    return sorted(seen)


@lru_cache(maxsize=4096)
def _sources(item: Instruction) -> list[str]:
    """The stages or images that an instruction takes files from, also one that ONBUILD keeps."""
    name, arguments = item.name, item.arguments
    if name == "ONBUILD":
        name, _, arguments = arguments.partition(" ")
        name, arguments = name.upper(), arguments.strip()
    found = []
    if name in {"COPY", "ADD"}:
        found = [match.strip("\"'") for match in _COPY_FROM.findall(arguments)]
    elif name == "RUN":
        for mount in _MOUNT.findall(arguments):
            found += [
                part.partition("=")[2].strip("\"'")
                for part in mount.strip("\"'").split(",")
                if part.lower().startswith("from=")
            ]
    if any("$" in source for source in found):
        raise fault(f"{quoted(item.arguments)} takes from a stage by a variable")
    return found


def _effective(
    item: Instruction, given: Mapping[str, str], defaults: Mapping[str, str]
) -> list[object]:
    """An instruction as it counts: of an argument its value, not a default that is not taken."""
    if item.name != "ARG":
        return [item.name, item.arguments, list(item.documents)]
    values: list[object] = ["ARG"]
    for name, default in _arguments(item):
        inherited = defaults.get(name) if default is None else None
        values.append([name, given.get(name, default if default is not None else inherited)])
    return values


def _numbers(found: list[list[object]], stages: list[_Stage], reached: list[int]) -> list[object]:
    """The stages, and which number each has where something counts them by it."""
    counted = any(
        source.isdecimal() for i in reached for item in stages[i].body for source in _sources(item)
    )
    return [found, reached if counted else []]
