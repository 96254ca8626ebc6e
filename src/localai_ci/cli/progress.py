"""A progress bar on standard error, only where a person looks at it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from localai_ci.text import printable

if TYPE_CHECKING:
    from localai_ci.release.result import ImageRow


@contextmanager
def progress(total: int) -> Iterator[Callable[["ImageRow"], None]]:
    """Yield what is to be called with every image that is done; failures are told at once."""
    from rich.console import Console
    from rich.progress import Progress

    from localai_ci.release.result import Status

    console = Console(stderr=True, highlight=False)
    with Progress(console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("merging", total=total)

        def report(row: "ImageRow") -> None:
            bar.advance(task)
            if row.status in {Status.failed, Status.refused}:
                told = f"{row.suffix}: {row.status}: {row.error}"
                console.print(printable(told, lines=True), markup=False)

        yield report
