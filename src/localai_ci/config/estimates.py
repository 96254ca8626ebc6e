"""What stands in estimates.yaml: how long things take, in minutes."""

from pathlib import Path
from typing import Annotated

from localai_ci.config.data import data_dir
from localai_ci.config.model import Field, Strict
from localai_ci.config.reader import load

LONGEST = 24 * 60
"""Minutes that anything may take."""

Minutes = Annotated[float, Field(ge=0, le=LONGEST, allow_inf_nan=False)]


class Estimate(Strict):
    """Minutes to build the entries whose id matches."""

    match: str
    minutes: Minutes


class Estimates(Strict):
    """estimates.yaml."""

    setup: dict[str, Minutes] = Field(description="By runner, once a job.")
    base: dict[str, Minutes] = Field(description="By build type, once a job for each base.")
    merge: Minutes
    at_once: dict[str, int] = Field(description="Jobs of a runner at once, within the total.")
    own: dict[str, int] = Field(description="Machines of one's own, outside of the total.")
    default: Minutes
    entries: list[Estimate]
    measured: dict[str, Minutes] = Field(description="By entry, from receipts; wins.")


def load_estimates(path: Path | None = None, data: bytes | None = None) -> Estimates:
    """Read estimates.yaml, by default the installed one.

    Args:
        path: The file; only its name where ``data`` is given.
        data: The content, of a file that is not on disk.

    Raises:
        InputError: a fault in it, with file and line.
    """
    return load(path or data_dir() / "estimates.yaml", Estimates, data)[0]
