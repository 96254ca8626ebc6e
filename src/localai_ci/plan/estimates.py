"""How long things take: of entries and jobs by estimates.yaml, and measured ones for it."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.config.estimates import LONGEST, Estimates
from localai_ci.config.foreign import below, regular
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.text import quoted


def build_minutes(estimates: Estimates, entry: Entry) -> float:
    """Minutes of the build alone."""
    if entry.id in estimates.measured:
        return estimates.measured[entry.id]
    return next(
        (e.minutes for e in estimates.entries if _matches(e.match, entry.id)), estimates.default
    )


def _matches(pattern: str, text: str) -> bool:
    """`fnmatchcase`, without a regular expression where there are only stars."""
    if "[" in pattern or "?" in pattern:
        return fnmatchcase(text, pattern)
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    if not (text.startswith(first) and text.endswith(rest[-1])):
        return False
    at, end = len(first), len(text) - len(rest[-1])
    for part in rest[:-1]:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end


def job_minutes(estimates: Estimates, entries: Iterable[Entry]) -> float:
    """Minutes of a job that builds these one after the other."""
    listed = list(entries)
    bases: dict[str, float] = {}
    for entry in listed:  # entries of several build types may share a plain image
        minutes = estimates.base.get(entry.build_type, 0)
        bases[base_of(entry)] = max(minutes, bases.get(base_of(entry), 0))
    return (
        max((estimates.setup.get(e.runner, 0) for e in listed), default=0)
        + sum(bases.values())
        + sum(build_minutes(estimates, entry) for entry in listed)
    )


def base_of(entry: Entry) -> str:
    """What an entry builds on: entries with the same one can share what is fetched for it."""
    return entry.builder or entry.base_image or entry.arch


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
    from statistics import median

    found: dict[str, list[float]] = {}
    for path in below(folder, ".json"):
        try:
            receipt = json_text.read(regular(path, bounds.RECEIPT_BYTES))
        except (ValueError, OSError) as e:
            raise InputError(
                f"not a receipt: {quoted(e, 200)}",
                where=str(path),
                remedy="Drop it, or correct it.",
            ) from None
        if not isinstance(receipt, Mapping):
            continue
        entry, seconds = receipt.get("entry"), receipt.get("seconds")
        timed = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is not None and not (timed and 0 <= seconds <= LONGEST * 60):
            raise InputError(
                f"`seconds` is {quoted(seconds)}, expected a number up to {LONGEST * 60}",
                where=str(path),
                remedy="Drop the receipt, or correct it.",
            )
        if isinstance(entry, str) and seconds:
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
    lines = [
        f"  {json_text.write(entry)}: {minutes:g}" for entry, minutes in sorted(measured.items())
    ]
    section = "measured:\n" + "\n".join(lines) if lines else "measured: {}"
    return f"{head}\n{section}\n"
