"""`./daggerw …`: choose an engine, say which, and become Dagger's own CLI."""

import os

from native.choice import GIVEN_BY, choose, demand_engine, detect
from native.errors import EngineError
from native.home import home, sources
from native.record import running
from native.terminal import say

# sudo and cron leave these out of PATH.
OFTEN_MISSING = "/usr/local/go/bin:/usr/sbin:/sbin"

ASKED_BY = ("LOCALAI_CI_INSECURE_REGISTRIES", "LOCALAI_CI_EMULATE")


def main(arguments: list[str]) -> int:
    """Run; returns only when nothing was handed over."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{OFTEN_MISSING}"
    try:
        if arguments[:1] == ["engine"]:
            from native.commands import command

            return command(arguments[1:])
        return _dagger(arguments)
    except (EngineError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; run it again and it goes on where it stopped")
        return 130


def _dagger(arguments: list[str]) -> int:
    detected = detect(os.environ)
    choice = choose(detected)
    environ = {"DAGGER_NO_NAG": "1", "DO_NOT_TRACK": "1"} | dict(os.environ)
    if choice.kind != "environment":
        for name in GIVEN_BY:
            environ.pop(name, None)  # the CLI would follow it all the same
    cli = detected.dagger
    if choice.kind == "native":
        cli = _native(environ)
    elif choice.kind == "environment":
        demand_engine(environ.get("_EXPERIMENTAL_DAGGER_RUNNER_HOST", ""))
    if not cli:
        cli = environ.get("_EXPERIMENTAL_DAGGER_CLI_BIN") or _own_cli()
    say(choice.why)
    os.execve(cli, ["dagger", *arguments], environ)  # noqa: S606 - no shell is meant


def _native(environ: dict[str, str]) -> str:
    """Make sure that the native engine runs; returns its CLI."""
    where = home()
    record = running(where)
    if record is None or any(os.environ.get(name) for name in ASKED_BY):
        from native.engine import demand, ensure, requested_options

        options = requested_options(os.environ)
        record = record or ensure(where, options)
        demand(record, options)
    if record.sources != sources():
        say("engine/ has changed since this engine was started: ./daggerw engine stop, then again")
    environ["_EXPERIMENTAL_DAGGER_RUNNER_HOST"] = f"unix://{where.socket}"
    environ["_EXPERIMENTAL_DAGGER_CLI_BIN"] = record.cli
    return record.cli


def _own_cli() -> str:
    from native.build import cli

    return str(cli(home()))
