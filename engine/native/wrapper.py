"""`./daggerw …`: choose an engine, say which, and become Dagger's own CLI."""

import os
import sys

from native.choice import choose, look
from native.errors import EngineError
from native.home import home, sources
from native.record import running


def say(line: str) -> None:
    """Speak to the user without touching what the command prints."""
    print(f"daggerw: {line}", file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Show a step's progress, piece by piece in one line."""
    print(text, end="", file=sys.stderr, flush=True)


def say_waiting() -> None:
    """Tell why nothing happens for a while."""
    say("another daggerw is setting up, starting or stopping the engine; waiting for it")


def main(arguments: list[str]) -> int:
    """Run; returns only when nothing was handed over."""
    try:
        if arguments[:1] == ["engine"]:
            from native.commands import command

            return command(arguments[1:])
        return _dagger(arguments)
    except EngineError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; run it again and it goes on where it stopped")
        return 130


def _dagger(arguments: list[str]) -> int:
    seen = look(os.environ)
    choice = choose(seen)
    environ = {"DAGGER_NO_NAG": "1", "DO_NOT_TRACK": "1"} | dict(os.environ)
    cli = seen.dagger
    if choice.kind == "native":
        cli = _native(environ)
    elif not cli:
        cli = environ.get("_EXPERIMENTAL_DAGGER_CLI_BIN") or _own_cli()
    say(choice.why)
    os.execve(cli, ["dagger", *arguments], environ)  # noqa: S606 - no shell is meant


def _native(environ: dict[str, str]) -> str:
    """Make sure that the native engine runs; returns its CLI."""
    where = home()
    record = running(where)
    if record is None:
        from native.engine import ensure

        record = ensure(where)
    elif record.sources != sources():
        say("engine/ has changed since this engine was started: ./daggerw engine stop, then again")
    environ["_EXPERIMENTAL_DAGGER_RUNNER_HOST"] = f"unix://{where.socket}"
    environ["_EXPERIMENTAL_DAGGER_CLI_BIN"] = record.cli
    environ.pop("DAGGER_CLOUD_ENGINE", None)
    return record.cli


def _own_cli() -> str:
    from native.build import cli

    return str(cli(home()))
