"""Import times: the Dagger module against dagger-io alone, the console script against both."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from rich.table import Table

REPEATS = 15
IMPORTS = {
    "python alone": "pass",
    "dagger-io alone": "import dagger.mod.cli",
    "the Dagger module": "import dagger.mod.cli, localai_ci.main",
    "the console script": "import localai_ci.cli",
}


def tables() -> Iterator[Table]:
    """Medians of whole processes, in turns."""
    rounds = [{name: _once(code) for name, code in IMPORTS.items()} for _ in range(REPEATS)]
    seconds = {name: statistics.median(times[name] for times in rounds) for name in IMPORTS}
    table = Table("import", "seconds", "ratio to dagger-io", title="Import, whole processes")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.3f}", f"{value / seconds['dagger-io alone']:.2f}")
    yield table


def _once(code: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.monotonic() - began
