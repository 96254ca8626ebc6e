"""`localai-ci bases …`: the builder bases as they were really built."""

from pathlib import Path
from typing import Annotated

import typer

from localai_ci import json_text
from localai_ci.cli import output
from localai_ci.cli.options import FormatOption
from localai_ci.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Compare builder bases.")

Report = Annotated[
    Path, typer.Argument(help="From `dagger call base --variant V toolchain --as-json`.")
]


@app.callback()
def _bases() -> None:
    """Keep one command a sub-command too, as its documentation writes it."""


@app.command()
def differ(left: Report, right: Report, form: FormatOption = Format.table) -> None:
    """Compare two bases: tools, packages, environment. Exit 1 where they differ."""
    from localai_ci.bases.report import differences, load_report

    rows = differences(load_report(left), load_report(right))
    if form is Format.json:
        output.line(
            json_text.write([dict(zip(("what", "left", "right"), r, strict=True)) for r in rows])
        )
    elif rows:
        output.table(("what", str(left), str(right)), rows)
    else:
        output.line("no difference in tools, packages and environment")
    if rows:
        raise typer.Exit(1)
