"""What is known of a running engine, and whether it still runs."""

import json
import socket
from pathlib import Path
from typing import NamedTuple

from native.home import Home


class Record(NamedTuple):
    """One running engine, as run/engine.json holds it."""

    pid: int
    """The first process of the engine's namespaces: when it ends, all in them ends."""
    born: str
    """That process's start time in clock ticks since boot: a reused pid has another."""
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
        values = json.loads(where.record.read_text())
        return Record(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write(where: Home, record: Record) -> None:
    """Record an engine."""
    where.record.write_text(json.dumps(record._asdict(), indent=1))


def alive(record: Record) -> bool:
    """Whether the recorded process is still that process."""
    return born(record.pid) == record.born != ""


def accepts(where: Home) -> bool:
    """Whether something listens on the engine's socket: a dead engine leaves the file behind."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(where.socket))
        except OSError:
            return False
    return True


def running(where: Home) -> Record | None:
    """The engine that can be used now, if there is one."""
    record = read(where)
    return record if record and alive(record) and accepts(where) else None
