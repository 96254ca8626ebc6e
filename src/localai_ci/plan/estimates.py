"""What stands in estimates.yaml: how long things take, in minutes."""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median
from typing import Annotated

from pydantic import Field

from localai_ci.errors import InputError
from localai_ci.matrix.data import data_dir
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.yamlfile import Strict, load

Minutes = Annotated[float, Field(ge=0, le=24 * 60)]


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

    def build(self, entry: Entry) -> float:
        """Minutes of the build alone."""
        if entry.id in self.measured:
            return self.measured[entry.id]
        return next(
            (e.minutes for e in self.entries if fnmatchcase(entry.id, e.match)), self.default
        )

    def job(self, entries: Iterable[Entry]) -> float:
        """Minutes of a job that builds these one after the other."""
        listed = list(entries)
        bases: dict[str, float] = {}
        for entry in listed:  # entries of several build types may share a plain image
            minutes = self.base.get(entry.build_type, 0)
            bases[base_of(entry)] = max(minutes, bases.get(base_of(entry), 0))
        return (
            max((self.setup.get(e.runner, 0) for e in listed), default=0)
            + sum(bases.values())
            + sum(map(self.build, listed))
        )


def base_of(entry: Entry) -> str:
    """What an entry builds on: entries with the same one can share what is fetched for it."""
    return entry.builder or entry.base_image or entry.arch


def load_estimates(path: Path | None = None) -> Estimates:
    """Read estimates.yaml, by default the installed one.

    Raises:
        InputError: a fault in it, with file and line.
    """
    return load(path or data_dir() / "estimates.yaml", Estimates)[0]


def from_receipts(folder: Path) -> dict[str, float]:
    """Minutes by entry: the median over all receipts (``*.json``) below a folder.

    A receipt is an object with ``entry`` (its id) and ``seconds`` (of the build); receipts
    without them, and of builds that took no time because they were cached, are passed over.

    Raises:
        InputError: no such folder, or no receipt in it says how long it took.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no such folder",
            where=str(folder),
            remedy="Give the folder with a run's receipts.",
        )
    found: dict[str, list[float]] = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            receipt = json.loads(path.read_bytes())
        except ValueError as e:
            raise InputError(f"not JSON: {e}", where=str(path)) from None
        if not isinstance(receipt, Mapping):
            continue
        entry, seconds = receipt.get("entry"), receipt.get("seconds")
        if isinstance(entry, str) and isinstance(seconds, int | float) and seconds > 0:
            found.setdefault(entry, []).append(seconds / 60)
    if not found:
        raise InputError(
            "no receipt here says how long its build took",
            where=str(folder),
            remedy="A receipt is a JSON object with `entry` and `seconds`.",
        )
    return {entry: round(median(minutes), 1) for entry, minutes in sorted(found.items())}


def with_measured(text: str, measured: Mapping[str, float]) -> str:
    """The text of estimates.yaml with its last section, ``measured``, replaced."""
    head, _, _ = text.partition("\nmeasured:")
    lines = [f"  {json.dumps(entry)}: {minutes:g}" for entry, minutes in sorted(measured.items())]
    section = "measured:\n" + "\n".join(lines) if lines else "measured: {}"
    return f"{head}\n{section}\n"
