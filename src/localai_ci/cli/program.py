"""All commands of `localai-ci`; each group is a module beside this one."""

import sys
from typing import Annotated

import typer

from localai_ci.cli import (
    bases,
    ci,
    estimates,
    linked_modules,
    matrix,
    merge,
    plan,
    receipt,
    upkeep,
)
from localai_ci.cli.options import FormatOption
from localai_ci.cli.output import ExitCode, Format, line, note

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
commands.add_typer(linked_modules.app, name="go-modules")
receipt.register(commands)
merge.register(commands)
upkeep.register(commands)
ci.register(commands)


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
