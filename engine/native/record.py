"""What is known of a running engine, and whether it still runs."""

import contextlib
import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

from native import trusted
from native.errors import EngineError
from native.home import Home

PF_EXITING = 4  # include/linux/sched.h
LARGEST = 1 << 20
"""Bytes of a record."""


class Process(NamedTuple):
    """A process, safe against its number being used again."""

    pid: int
    born: str
    """Its start time in clock ticks since boot."""


class Record(NamedTuple):
    """One running engine, as run/engine.json holds it."""

    pid: int
    """The first process of the engine's namespaces: when it ends, all in them ends."""
    born: str
    """Its start time, as in Process."""
    cli: str
    address: str
    """The engine's address on its own /30; registries that tests start inside listen here."""
    gateway: str
    """The host's end of it."""
    insecure: tuple[str, ...]
    """Registries it speaks plain HTTP to."""
    emulated: tuple[str, ...]
    """Foreign architectures registered with the kernel for it."""
    sources: str
    """Hash of what it was built from."""
    since: float
    """Seconds since the epoch."""


def born(pid: int) -> str:
    """The start time of a process; empty if there is none or it is only waiting to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def read(where: Home) -> Record | None:
    """The recorded engine, whether it runs or not; none where the file was not written here.

    Raises:
        EngineError: another user could have written it, or it names a program to be started that
            this folder's own steps have not made.
    """
    try:
        values: dict[str, Any] = json.loads(trusted.read(where.record, LARGEST))
        values |= {name: tuple(values[name]) for name in ("insecure", "emulated")}
        if not _plausible(values):
            return None
        record = Record(**values)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if reason := _not_ours(where, Path(record.cli)):
        raise EngineError(f"{where.record} names a program: {reason}", "remove the file")
    return record


def _plausible(values: dict[str, Any]) -> bool:
    """Whether all are of the kinds that are used: a number of a process is signalled."""
    texts = [values[name] for name in ("born", "cli", "address", "gateway", "sources")]
    texts += [*values["insecure"], *values["emulated"]]
    numbers = type(values["pid"]) is int and isinstance(values["since"], int | float)
    return numbers and values["pid"] > 1 and all(isinstance(text, str) for text in texts)


def _not_ours(where: Home, cli: Path) -> str:
    """Why this is not a program that a step of this folder made; empty if it is one."""
    made = (home.steps for home in (where, *where.versions()))
    if ".." in cli.parts or not any(map(cli.is_relative_to, made)):
        return f"{cli} is not below {where.steps}"
    try:
        inside = [cli, *(at for at in cli.parents if at.is_relative_to(where.base))]
        return next(filter(None, (trusted.fault(at, at.lstat()) for at in inside)), "")
    except FileNotFoundError:
        return ""  # it was cleaned away: nothing that could be started


def write(where: Home, record: Record) -> None:
    """Record an engine."""
    trusted.write(where.record, json.dumps(record._asdict(), indent=1).encode())


def alive(process: Process | Record) -> bool:
    """Whether that very process still runs."""
    return born(process.pid) == process.born != ""


def ending(process: Process | Record) -> bool:
    """Whether it is on its way out: the first process of a namespace waits for all others to end.

    Until they have, the engine among them goes on taking connections that it will never answer.
    """
    try:
        flags = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[6]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return bool(int(flags) & PF_EXITING)


def accepts(where: Home) -> bool:
    """Whether something listens on the engine's socket: a dead engine leaves the file behind."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(where.socket))
        except OSError:
            return False
    return True


def clients(where: Home) -> list[Process]:
    """Processes that run this folder's CLI: calls under way."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "exe").readlink().is_relative_to(where.steps):
                found.append(Process(int(folder.name), born(int(folder.name))))
    return found


def running(where: Home) -> Record | None:
    """The engine that can be used now, if there is one."""
    record = read(where)
    usable = record and alive(record) and not ending(record) and accepts(where)
    return record if usable else None
