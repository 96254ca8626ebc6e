"""`localai-ci go-modules`: what Go packages link, asked from Go."""

from pathlib import Path
from typing import Annotated

import typer

from localai_ci.cli import output

app = typer.Typer(help="Which modules the Go backends link.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A group, although it has one command."""


@app.command()
def update(
    tree: Annotated[Path, typer.Argument(help="A clone of LocalAI.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="The go-modules.yaml to write; the installed one.")
    ] = None,
) -> None:
    """Add to go-modules.yaml what the Go backends of a tree link. Needs Go; plans do not."""
    from localai_ci.backends.go_list import as_text, go_packages, merged, rows
    from localai_ci.config.data import data_dir
    from localai_ci.config.go_modules import load_go_modules

    path = file or data_dir() / "go-modules.yaml"
    table = load_go_modules(path)
    new = merged(table, rows(go_packages(tree, table.generated)))
    output.write(path, as_text(new, path.read_text("utf-8")))
    more = len(new.links) - len(table.links)
    output.line(f"{path}: {more} new sets of modules, {len(new.links)} in all")
