"""The entries of a job, one after the other: what fails stops no other, and is told at the end."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dagger import Directory, dag

from localai_ci import json_text
from localai_ci.backends import disk
from localai_ci.backends.publish import MadeLeg
from localai_ci.backends.smoke import SmokeChoice
from localai_ci.errors import LocalaiCiError
from localai_ci.module import publishing
from localai_ci.module.publishing import LegRequest, PublishingRun
from localai_ci.names import receipt_file
from localai_ci.oci.login import Login
from localai_ci.release.outcomes import JobReport, LegOutcome, LegResult
from localai_ci.release.receipt import Receipt
from localai_ci.text import printable, say


@dataclass(frozen=True)
class HowToWork:
    """What is done with every entry of a job.

    Attributes:
        smoke: Whether it is started before it is published.
        publish: Where it goes; None builds alone.
        login: How its registries are reached.
        dry_run: Nothing is pushed.
        alone: Whether nothing else runs on this engine: else the disk is not an entry's own.
    """

    smoke: SmokeChoice
    publish: PublishingRun | None
    login: Login
    dry_run: bool = False
    alone: bool = True


@dataclass
class Work:
    """What a job has done so far: receipts by their file's name, and what became of each entry."""

    receipts: dict[str, str] = field(default_factory=dict)
    outcomes: list[LegOutcome] = field(default_factory=list)

    async def all(self, requests: Sequence[LegRequest], how: HowToWork) -> None:
        """Do all of them; none stops another."""
        for number, request in enumerate(requests, 1):
            say(f"[{number}/{len(requests)}] {request.entry}")
            outcome = await self._one(request, how)
            self.outcomes.append(outcome)
            told = printable(outcome.error, lines=True) if outcome.error else outcome.smoke
            say(f"[{number}/{len(requests)}] {request.entry}: {outcome.outcome} {told}".rstrip())

    async def _one(self, request: LegRequest, how: HowToWork) -> LegOutcome:
        began, use = time.monotonic(), disk.DiskUse()
        done: list[LegOutcome] = []

        async def act() -> None:
            done.append(await self._leg(request, how))

        try:
            await disk.watch(act, use)
        except LocalaiCiError as e:
            error = e.beside(request.entry)
        except Exception as e:  # noqa: BLE001 - whatever it is, the other entries go on
            error = f"a fault of localai-ci itself or of the engine: {e!r}"
        else:
            taken = use.taken if how.alone and done[0].outcome is not LegResult.found else 0
            outcome = replace(done[0], disk=taken)
            self._measured(outcome)
            return outcome
        seconds = round(time.monotonic() - began, 1)
        return LegOutcome(request.entry, LegResult.failed, seconds, disk=use.taken, error=error)

    async def _leg(self, request: LegRequest, how: HowToWork) -> LegOutcome:
        """Build it, start it, publish it."""
        run = how.publish
        made = await publishing.make(run.wanted(request) if run else request)
        said = await _started(made, how.smoke)
        entry = made.leg.id
        if run is None or how.dry_run:
            if run:
                await publishing.ready(made, run)
            else:
                await made.container.sync()
            result = LegResult.dry_run if run else LegResult.built
            return LegOutcome(entry, result, made.seconds, smoke=said)
        receipt = await publishing.push(made, run, how.login)
        self.receipts[receipt_file(entry)] = receipt.as_text()
        size = sum(layer.size for layer in receipt.layers)
        result = LegResult.found if made.found else LegResult.published
        return LegOutcome(entry, result, made.seconds, size, smoke=said)

    def _measured(self, outcome: LegOutcome) -> None:
        """The disk is known when all is done, and belongs into the receipt."""
        name = receipt_file(outcome.entry)
        if outcome.disk and name in self.receipts:
            receipt = Receipt.model_validate(json_text.read(self.receipts[name]))
            told = receipt.model_copy(update={"disk": outcome.disk})
            self.receipts[name] = told.as_text()


async def _started(made: MadeLeg, smoke: SmokeChoice) -> str:
    """What it answered, or why it was not asked.

    Raises:
        LocalaiCiError: it does not come up.
    """
    if made.found:
        return "not started: its very bytes were published before"
    if smoke is SmokeChoice.never:
        return "not started, as asked"
    if smoke is SmokeChoice.auto and made.needs_driver:
        return "not started: it needs its accelerator's driver"
    health = await made.smoke()
    return f"answered {health.answer!r} after {health.seconds:.1f} s"


def folder(
    receipts: Mapping[str, str], report: JobReport, more: Mapping[str, str], name: str = "out"
) -> Directory:
    """What a job hands out: receipts, report, table, and `failed` where something failed.

    Args:
        receipts: By file name.
        report: What became of the entries.
        more: Further files.
        name: Of the folder that it is put together in.
    """
    place = Path(name)
    files = {f"receipts/{file}": text for file, text in receipts.items()}
    files |= {"report.json": report.as_json(), "summary.md": report.as_markdown(), **more}
    if failed := report.as_failures():
        files["failed"] = failed
    for file, text in files.items():
        path = place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    made = dag.directory().with_directory("", dag.current_module().workdir(name))
    return made.with_new_directory("receipts")
