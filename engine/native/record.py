"""What is known of a running engine, and whether it still runs."""

import contextlib
import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

from native.home import Home

PF_EXITING = 4  # include/linux/sched.h


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
    """The recorded engine, whether it runs or not."""
    try:
        values: dict[str, Any] = json.loads(where.record.read_text())
        values |= {name: tuple(values[name]) for name in ("insecure", "emulated")}
        return Record(**values)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def write(where: Home, record: Record) -> None:
    """Record an engine."""
    where.record.write_text(json.dumps(record._asdict(), indent=1))


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
