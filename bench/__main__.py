"""Measure, and print tables with ratios: ``python -m bench [NAME …]``; a name is a file beside."""

import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console


def main() -> None:
    """Run the measurements named on the command line, or all."""
    files = Path(__file__).parent.glob("[!_]*.py")
    root = Path(__file__).parents[1]
    sys.path += [str(root / "engine"), str(root / "tests")]
    for name in sys.argv[1:] or sorted(file.stem for file in files):
        for table in import_module(f"bench.{name}").tables():
            Console(width=100 if not sys.stdout.isatty() else None).print(table)


main()
