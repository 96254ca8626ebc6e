"""`localai-ci`: everything that needs no engine, in milliseconds.

Each group of commands is a module beside this one.
"""

import sys
from typing import Annotated

import typer

from localai_ci.cli import bases, estimates, matrix, merge, plan, upkeep
from localai_ci.cli.output import Format, FormatOption
from localai_ci.errors import LocalaiCiError

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
commands.add_typer(plan.app, name="plan")
commands.add_typer(estimates.app, name="estimates")
merge.register(commands)
upkeep.register(commands)


@commands.callback()
def _main() -> None:
    """Keep one command a sub-command too, as its documentation writes it."""


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
        print(show(file))
    else:
        listed = module.load_variants()
        print(module.as_json(listed) if output is Format.json else module.as_table(listed))


def app() -> None:
    """The console script. Faults of the input are told in words and exit with 1."""
    try:
        commands()
    except LocalaiCiError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(1)
