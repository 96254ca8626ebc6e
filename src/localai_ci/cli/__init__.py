"""`localai-ci`: everything that needs no engine, in milliseconds."""

import sys
from typing import Any

from localai_ci.cli.output import ExitCode, OutputError, guarded, note
from localai_ci.errors import InputError, LocalaiCiError


def __getattr__(name: str) -> Any:
    """The program, when it is asked for: it loads what reads all commands and writes their help."""
    if name == "commands":
        from localai_ci.cli.program import commands

        return commands
    raise AttributeError(name)


def _command(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "localai-ci"


def app() -> None:
    """The console script: faults are told in words, and by `ExitCode`."""
    try:
        # Typer's own words for a wrong option would repeat it as it is, in a box.
        with guarded():
            code = _run()
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
    except Exception as e:  # noqa: BLE001 - a fault of ours must not look like a finding
        if type(e).__name__ == "Abort":  # typer's, which a plain plan does not load
            note("interrupted")
            sys.exit(ExitCode.INTERRUPTED)
        if told := getattr(e, "format_message", None):  # a wrong option: typer names no class
            if words := told():
                note(f"error: {words}\n  {_command(e)} --help tells what it takes.")
            sys.exit(ExitCode.INPUT)
        import traceback

        note(traceback.format_exc())
        note("This is a fault of localai-ci itself; please report it with the lines above.")
        sys.exit(ExitCode.FAULT)


def _run() -> Any:
    """A plain call of `plan` at once; all else, help and faulty calls too, by the program."""
    if sys.argv[1:2] == ["plan"]:
        from localai_ci.cli.quick import plain_plan

        if options := plain_plan(sys.argv[2:]):
            import gc

            from localai_ci.cli.planning import run

            gc.disable()  # it ends before there is enough to collect
            run(options)
            return None
    from localai_ci.cli.program import commands

    return commands(standalone_mode=False)
