"""The option that says how a command prints."""

from typing import Annotated

import typer

from localai_ci.cli.output import Format

FormatOption = Annotated[Format, typer.Option("--format", help="For people, or for programs.")]
