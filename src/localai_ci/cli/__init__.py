"""`localai-ci`: everything that needs no engine, in milliseconds."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from localai_ci.cli import matrix
from localai_ci.errors import LocalaiCiError


class _Group(TyperGroup):
    """Prints this project's errors as one message, without a traceback, and exits with 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except LocalaiCiError as e:
            print(f"error: {e}", file=sys.stderr)  # noqa: T201 - the message is the output
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Group,
    name="localai-ci",
    help="LocalAI's container builds: what to build, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(matrix.app, name="matrix")
