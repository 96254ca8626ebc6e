"""`./daggerw engine …`."""

import os
import shutil
import time
from collections.abc import Callable

from native import engine, record
from native.errors import EngineError
from native.home import VERSION, Home, home
from native.wrapper import say

USAGE = """\
usage: ./daggerw engine <command>

  start [--insecure-registry HOST:PORT …]
          set up and start the native engine; plain HTTP to these registries
          (default: LOCALAI_CI_INSECURE_REGISTRIES, comma separated, else the engine's
          own address, ports 5000 to 5009)
  stop    end it and all it started, take back what it changed on this machine
  status  whether it runs, where, and what it uses
  logs    what it has logged; -f follows
  clean   stop, and remove everything that was built and cached
  exec -- COMMAND …
          run a command of this machine in the engine's network

Everything else goes to Dagger's own CLI: ./daggerw call --help"""


def command(arguments: list[str]) -> int:
    """Run one command."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name in ("--help", "-h", "help"):
        print(USAGE)
        return 0
    if name not in COMMANDS:
        raise EngineError(f"no such engine command: {name!r}" if name else "which command?", USAGE)
    return COMMANDS[name](home(), rest)


def _start(where: Home, rest: list[str]) -> int:
    insecure = os.environ.get("LOCALAI_CI_INSECURE_REGISTRIES", "").replace(",", " ").split()
    while rest:
        if rest[0] != "--insecure-registry" or len(rest) == 1:
            raise EngineError(f"engine start does not know {rest[0]!r}", USAGE)
        insecure.append(rest[1])
        rest = rest[2:]
    found = record.running(where) or engine.ensure(where, insecure)
    if not set(insecure) <= set(found.insecure):
        raise EngineError(
            f"the engine runs with other plain registries: {', '.join(found.insecure)}",
            "./daggerw engine stop, then start it again",
        )
    return _status(where, [])


def _stop(where: Home, rest: list[str]) -> int:
    _none(rest)
    say("engine stopped" if engine.stop(where) else "the engine did not run")
    return 0


def _status(where: Home, rest: list[str]) -> int:
    _none(rest)
    found = record.running(where)
    if found is None:
        print(f"not running; {where.folder}")
        return 1
    print(
        f"running     {VERSION}, process {found.pid}, {time.time() - found.since:.0f} s\n"
        f"socket      unix://{where.socket}\n"
        f"cli         {found.cli}\n"
        f"address     {found.address} (this machine: {found.gateway})\n"
        f"plain http  {' '.join(found.insecure)}\n"
        f"log         {where.log}"
    )
    return 0


def _logs(where: Home, rest: list[str]) -> int:
    follow = rest in (["-f"], ["--follow"])
    _none([] if follow else rest)
    if not where.log.exists():
        raise EngineError("there is no log yet", "./daggerw engine start")
    if follow:
        os.execvp("tail", ["tail", "-n", "50", "-F", str(where.log)])  # noqa: S606
    print(where.log.read_text(errors="replace"), end="")
    return 0


def _clean(where: Home, rest: list[str]) -> int:
    _none(rest)
    engine.clean(where)
    say(f"removed {where.folder}")
    return 0


def _exec(where: Home, rest: list[str]) -> int:
    words = rest[1:] if rest[:1] == ["--"] else rest
    if not words or not shutil.which(words[0]):
        raise EngineError("engine exec: which command?", USAGE)
    found = record.running(where)
    if found is None:
        raise EngineError("the engine does not run", "./daggerw engine start")
    os.execvp("nsenter", ["nsenter", "--net", f"--target={found.pid}", "--", *words])  # noqa: S606


def _none(rest: list[str]) -> None:
    if rest:
        raise EngineError(f"what is {' '.join(rest)!r} to mean here?", USAGE)


COMMANDS: dict[str, Callable[[Home, list[str]], int]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
    "logs": _logs,
    "clean": _clean,
    "exec": _exec,
}
