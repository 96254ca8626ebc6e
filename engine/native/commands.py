"""`./daggerw engine …`."""

import os
import shutil
import time
from collections.abc import Callable

from native import emulation, engine, record
from native.errors import EngineError
from native.home import Home, home
from native.terminal import say

USAGE = """\
usage: ./daggerw engine <command>

  start   set up and start the native engine
            --insecure-registry HOST:PORT   speak plain HTTP to it; may be repeated
                (or LOCALAI_CI_INSECURE_REGISTRIES, comma separated; default: the
                engine's own address, ports 5000 to 5009)
            --emulate arm64                 run that architecture's containers too
                (or LOCALAI_CI_EMULATE)
  stop    end it and all it started, take back what it changed on this machine
  status  whether it runs, where, and what it uses
  logs    what it has logged; -f follows
  clean   stop, and remove everything that was built and cached
  exec -- COMMAND …
          run a command in the engine's network: one of this machine's or, where
          this machine has none of that name, one of the engine's (docker-registry)

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
    options = engine.requested_options(os.environ)
    while rest:
        match rest:
            case ["--insecure-registry", value, *rest]:
                options = options._replace(insecure=(*options.insecure, value))
            case ["--emulate", value, *rest]:
                options = options._replace(emulated=(*options.emulated, value))
            case _:
                raise EngineError(f"engine start does not know {' '.join(rest)!r}", USAGE)
    emulation.check(options.emulated)
    found = record.running(where) or engine.ensure(where, options)
    engine.demand(found, options)
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
        for other in where.versions():
            if left := record.running(other):
                print(f"of another version: {other.version}, process {left.pid}")
        return 1
    print(
        f"running     {where.version}, process {found.pid}, {time.time() - found.since:.0f} s\n"
        f"socket      unix://{where.socket}\n"
        f"cli         {found.cli}\n"
        f"address     {found.address} (this machine: {found.gateway})\n"
        f"plain http  {' '.join(found.insecure)}\n"
        f"emulates    {' '.join(found.emulated) or 'nothing'}\n"
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
    say(f"removed {where.base}")
    return 0


def _exec(where: Home, rest: list[str]) -> int:
    words = rest[1:] if rest[:1] == ["--"] else rest
    found = record.running(where)
    if found is None:
        raise EngineError("the engine does not run", "./daggerw engine start")
    root = next(where.steps.glob("root-*/out/root"))
    path = f"{os.environ['PATH']}:{root}/usr/sbin:{root}/usr/bin"
    if not words or not shutil.which(words[0], path=path):
        raise EngineError("engine exec: which command?", USAGE)
    environ = {**os.environ, "PATH": path}
    os.execvpe("nsenter", ["nsenter", "--net", f"--target={found.pid}", "--", *words], environ)  # noqa: S606


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
