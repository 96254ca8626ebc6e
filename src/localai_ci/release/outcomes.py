"""What became of the entries of a job, as data, as a table and as the text of what failed. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from localai_ci import json_text
from localai_ci.text import markdown_text, plural, printable


class LegResult(StrEnum):
    """What became of a leg."""

    published = "published"
    found = "found"
    """It was built before from the very same inputs, and only named."""
    built = "built"
    """Of a pull request: nothing is published."""
    dry_run = "dry-run"
    failed = "failed"


@dataclass(frozen=True)
class LegOutcome:
    """What became of one entry.

    Attributes:
        entry: Its id.
        outcome: What became of it.
        seconds: Of its build.
        bytes: Of its layers, as they were pushed; 0 where nothing was.
        disk: Bytes of the engine's disk that it took at most; 0 where that is not known.
        smoke: What it answered when it was started, or why it was not.
        error: What went wrong, and what to do.
    """

    entry: str
    outcome: LegResult
    seconds: float = 0.0
    bytes: int = 0
    disk: int = 0
    smoke: str = ""
    error: str = ""


@dataclass(frozen=True)
class JobReport:
    """A whole job.

    Attributes:
        kind: The family of its entries.
        run: The run's id; empty where nothing is published.
        entries: In their order.
        bases: Of each base that was had: variant, seconds, and why this one.
        seconds: From start to end.
        also: What else failed, of a run.
    """

    kind: str
    run: str
    entries: tuple[LegOutcome, ...]
    bases: tuple[tuple[str, float, str], ...] = ()
    seconds: float = 0.0
    also: tuple[str, ...] = field(default=())

    @property
    def failures(self) -> tuple[str, ...]:
        """One paragraph for each that failed."""
        legs = [one for one in self.entries if one.outcome is LegResult.failed]
        return (*(f"{one.entry}: {one.error}" for one in legs), *self.also)

    @property
    def headline(self) -> str:
        """How many legs are done, and how many failed."""
        bad = sum(one.outcome is LegResult.failed for one in self.entries)
        good = len(self.entries) - bad
        word = "done" if not self.run else "published"
        told = f", {bad} failed" if bad else ""
        return f"{good} of {plural(len(self.entries), 'leg')} {word}{told}."

    def as_json(self) -> str:
        """Everything that was measured."""
        told = {
            "ok": not self.failures,
            "kind": self.kind,
            "run": self.run,
            "entries": [asdict(one) for one in self.entries],
            "bases": [dict(zip(("variant", "seconds", "why"), b, strict=True)) for b in self.bases],
            "failures": list(self.failures),
            "seconds": self.seconds,
        }
        return json_text.write(told, indent=1) + "\n"

    def as_markdown(self) -> str:
        """The same for a step summary."""
        lines = [
            f"### {markdown_text(self.headline)}",
            "",
            "| entry | outcome | seconds | MB | disk MB | remark |",
            "|---|---|--:|--:|--:|---|",
        ]
        for one in self.entries:
            cells = [
                markdown_text(one.entry),
                markdown_text(one.outcome.value),
                f"{one.seconds:.0f}",
                _megabytes(one.bytes),
                _megabytes(one.disk),
                markdown_text(_first(one.error) or one.smoke),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        lines += [
            f"| {markdown_text(variant)} | base | {seconds:.0f} | | | {markdown_text(why)} |"
            for variant, seconds, why in self.bases
        ]
        lines += ["", *(f"> {markdown_text(_first(what))}" for what in self.also)]
        return "\n".join(lines).rstrip() + "\n"

    def as_failures(self) -> str:
        """What failed, for a log; empty where nothing did."""
        return "".join(f"{printable(text, lines=True)}\n" for text in self.failures)


def joined(reports: Sequence[JobReport], run: str, seconds: float) -> JobReport:
    """The jobs of a run as one."""
    kinds = dict.fromkeys(report.kind for report in reports)
    return JobReport(
        " and ".join(kinds),
        run,
        tuple(one for report in reports for one in report.entries),
        tuple(base for report in reports for base in report.bases),
        seconds,
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}" if size else ""


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]
