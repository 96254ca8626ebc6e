"""What stands in estimates.yaml: how long things take, in minutes."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from localai_ci.config import bounds
from localai_ci.config.reader import Strict, load_table

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
    server_image: Minutes = Field(30, description="One leg of the LocalAI server image.")
    at_once: dict[str, int] = Field(description="Jobs of a runner at once, within the total.")
    own: dict[str, int] = Field(description="Machines of one's own, outside of the total.")
    default: Minutes
    entries: list[Estimate] = Field(max_length=bounds.RULES)
    measured: dict[str, Minutes] = Field(description="By entry, from receipts; wins.")


def load_estimates(path: Path | None = None, data: bytes | None = None) -> Estimates:
    """estimates.yaml, by default the installed one: `load_table` says more."""
    return load_table("estimates.yaml", Estimates, path, data)[0]
