"""`localai-ci`: everything that needs no engine, in milliseconds.

Each group of commands is a module beside this one.
"""

import sys
from typing import Annotated

import typer

from localai_ci.cli import bases, estimates, matrix, merge, plan, receipt, upkeep
from localai_ci.cli.output import (
    ExitCode,
    Format,
    FormatOption,
    OutputError,
    guarded,
    line,
    note,
)
from localai_ci.errors import InputError, LocalaiCiError

commands = typer.Typer(
    name="localai-ci",
    help="LocalAI's container builds: what needs no engine.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


commands.add_typer(bases.app, name="bases")
commands.add_typer(matrix.app, name="matrix")
plan.register(commands)
commands.add_typer(estimates.app, name="estimates")
receipt.register(commands)
merge.register(commands)
upkeep.register(commands)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        line(f"localai-ci {version('localai-ci')}")
        raise typer.Exit


@commands.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Exit codes: 0 well, 1 findings or differences, 2 usage or input, 3 it could not be done."""


@commands.command()
def variants(
    output: FormatOption = Format.table,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="List the downloads that have no checksum yet.")
    ] = False,
) -> None:
    """List the builder bases, or what they download unverified."""
    from localai_ci.config import upstreams
    from localai_ci.config import variants as module

    if unverified:
        file, _ = upstreams.load_upstreams()
        show = upstreams.unverified_json if output is Format.json else upstreams.unverified_table
        line(show(file))
        _no_new(upstreams.new_unverified(file), upstreams.verified_since(file))
    else:
        listed = module.load_variants()
        line(module.as_json(listed) if output is Format.json else module.as_table(listed))


def _no_new(new: list[str], gone: list[str]) -> None:
    """Fail where something new is taken on trust, or the list of what is says too much."""
    for label in new:
        note(
            f"error: {label} is new and has no checksum: fill it in with"
            " `dagger call pin-upstreams`, or add it to known_unverified in matrix/upstreams.yaml"
        )
    for label in gone:
        note(f"error: {label} stands in known_unverified without need: remove it there")
    if new or gone:
        sys.exit(ExitCode.FINDINGS)


def _command(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "localai-ci"


def app() -> None:
    """The console script: faults are told in words, and by `ExitCode`."""
    try:
        # Typer's own words for a wrong option would repeat it as it is, in a box.
        with guarded():
            code = commands(standalone_mode=False)
        if code == ExitCode.INTERRUPTED:  # typer's own, without a word
            note("interrupted")
        sys.exit(code)
    except OutputError as e:
        if e.gone:
            sys.exit(ExitCode.READER_GONE)
        note(f"error: {e}")
        sys.exit(ExitCode.FAILED)
    except LocalaiCiError as e:
        note(f"error: {e}")
        sys.exit(ExitCode.INPUT if isinstance(e, InputError) else ExitCode.FAILED)
    except KeyboardInterrupt:
        note("interrupted")
        sys.exit(ExitCode.INTERRUPTED)
    except typer.Abort:
        note("interrupted")
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as e:  # noqa: BLE001 - a fault of ours must not look like a finding
        if told := getattr(e, "format_message", None):  # a wrong option: typer names no class
            if words := told():
                note(f"error: {words}\n  {_command(e)} --help tells what it takes.")
            sys.exit(ExitCode.INPUT)
        import traceback

        note(traceback.format_exc())
        note("This is a fault of localai-ci itself; please report it with the lines above.")
        sys.exit(ExitCode.FAULT)
