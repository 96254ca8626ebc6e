"""`localai-ci estimates`: how long builds take."""

from pathlib import Path
from typing import Annotated

import typer

from localai_ci.cli import output

app = typer.Typer(
    help="How long builds take: what packing and simulation count with.", no_args_is_help=True
)


@app.callback()
def _estimates() -> None:
    """Keep `update` a word of its own, as its documentation writes it."""


@app.command()
def update(
    receipts: Annotated[Path, typer.Argument(help="The folder with a run's receipts.")],
    file: Annotated[
        Path | None, typer.Option(help="The estimates to update; the installed ones if absent.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be measured, write nothing.")
    ] = False,
) -> None:
    """Take the minutes of each entry from the receipts of a run; entries it lacks stay."""
    from localai_ci.config.data import data_dir
    from localai_ci.config.estimates import load_estimates
    from localai_ci.plan.estimates import from_receipts, with_measured

    path = file or data_dir() / "estimates.yaml"
    measured = load_estimates(path).measured | (found := from_receipts(receipts))
    for entry, minutes in found.items():
        output.line(f"{entry}: {minutes:g} min")
    if not dry_run:
        output.write(path, with_measured(path.read_text("utf-8"), measured))
        output.note(f"{len(found)} entries measured, {len(measured)} in {path}")
