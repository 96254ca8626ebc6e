"""`localai-ci`: everything that needs no engine, in milliseconds."""

import sys
from typing import Any

from localai_ci.cli.output import ExitCode, note
from localai_ci.errors import InputError, LocalaiCiError


def __getattr__(name: str) -> Any:
    """The program, when it is asked for: it loads what reads all commands and writes their help."""
    if name == "commands":
        from localai_ci.cli.program import commands

        return commands
    raise AttributeError(name)


def app() -> None:
    """The console script: faults are told in words, and by `ExitCode`."""
    try:
        _run()
    except LocalaiCiError as e:
        note(f"error: {e}")
        sys.exit(ExitCode.INPUT if isinstance(e, InputError) else ExitCode.FAILED)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception:  # noqa: BLE001 - a fault of ours must not look like a finding
        import traceback

        traceback.print_exc()
        note("This is a fault of localai-ci itself; please report it with the lines above.")
        sys.exit(ExitCode.FAULT)


def _run() -> None:
    """A plain call of `plan` at once; all else, help and faulty calls too, by the program."""
    if sys.argv[1:2] == ["plan"]:
        from localai_ci.cli.quick import plain_plan

        if options := plain_plan(sys.argv[2:]):
            import gc

            from localai_ci.cli.planning import run

            gc.disable()  # it ends before there is enough to collect
            run(options)
            return
    from localai_ci.cli.program import commands

    commands()
