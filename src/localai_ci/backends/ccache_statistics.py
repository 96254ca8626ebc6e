"""What a compiler cache was worth in one build. Pure."""

import re
from dataclasses import asdict, dataclass
from typing import Any

_COUNT = re.compile("[0-9]{1,18}")
WARM_ENOUGH = 0.95
"""Hits that an unchanged rebuild must have; below, the cache is broken."""


@dataclass(frozen=True)
class Statistics:
    """One build's use of its cache.

    Attributes:
        hits: Objects that were found.
        misses: Objects that were compiled.
        uncacheable: Calls that no cache can answer: linking, configure's tries.
        restored: The image that the cache came from; empty for the engine's own or none.
        unchanged: Whether that cache was saved by a build of the very same inputs.
    """

    hits: int
    misses: int
    uncacheable: int
    restored: str = ""
    unchanged: bool = False

    @property
    def objects(self) -> int:
        """What ccache was asked for."""
        return self.hits + self.misses

    @property
    def rate(self) -> float:
        """Hits among all objects, 0 to 1; 1 where nothing was compiled."""
        return self.hits / self.objects if self.objects else 1.0

    @property
    def is_broken(self) -> bool:
        """An unchanged rebuild that compiled more than it may."""
        return self.unchanged and self.rate < WARM_ENOUGH

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the fields and the rate."""
        return asdict(self) | {"rate": round(self.rate, 4)}

    def as_line(self) -> str:
        """For logs."""
        found = f"{self.hits} of {self.objects} objects ({self.rate:.0%})"
        return f"ccache: {found} found, cache: {self.restored or 'this engine alone'}"


def read(text: str, restored: str = "", *, unchanged: bool = False) -> Statistics:
    """Statistics from ``ccache --print-stats``: lines of name, tab, number."""
    pairs = (line.split("\t") for line in text.splitlines() if line.count("\t") == 1)
    counts = {name: int(value) for name, value in pairs if _COUNT.fullmatch(value)}
    no_objects = ("called_for_link", "called_for_preprocessing", "autoconf_test", "no_input_file")
    return Statistics(
        hits=counts.get("direct_cache_hit", 0) + counts.get("preprocessed_cache_hit", 0),
        misses=counts.get("cache_miss", 0),
        uncacheable=sum(counts.get(name, 0) for name in no_objects),
        restored=restored,
        unchanged=unchanged,
    )
