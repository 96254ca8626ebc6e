"""Started by ./daggerw: `dagger` with the engine that suits this machine."""

import sys
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036 - it runs before anything is installed
    sys.exit(
        "daggerw: needs Python 3.10 or newer, this is "
        + sys.version.split()[0]
        + ": set PYTHON=/path/to/python3"
    )

sys.path[0] = str(Path(__file__).resolve().parents[1])

from native.wrapper import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
