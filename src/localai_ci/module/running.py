"""A whole run on one machine: plan, jobs a few at a time, one merge."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.to_thread
from dagger import Directory, File, dag

from localai_ci.backends.dockerignore import NEVER
from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.module import merging, trees, working
from localai_ci.module.job import PackedJob
from localai_ci.module.publishing import PublishingRun
from localai_ci.module.working import Work
from localai_ci.names import receipt_file
from localai_ci.oci.login import Login
from localai_ci.plan.event import Event, parse
from localai_ci.plan.form import PlanFormat, render
from localai_ci.plan.jobs import Job
from localai_ci.plan.report import Report, headline
from localai_ci.plan.sources import PlanRequest
from localai_ci.release.inbox import read_folder
from localai_ci.release.merge_image import Options
from localai_ci.release.outcomes import JobReport, joined
from localai_ci.release.result import MergeResult, Status
from localai_ci.release.tags import GitEvent
from localai_ci.text import say


@dataclass(frozen=True)
class WholeRun:
    """What a run is told.

    Attributes:
        source: The tree, with its ``.git``.
        before: The tree before the change.
        changed_files: The changed paths, where there is no tree before.
        happened: The event, its reference and commit.
        to: Where the legs go, and the run's id.
        login: How registries are reached.
        at_once: Jobs that run at a time.
        receipts: Of legs that other machines built.
        options: How to merge.
    """

    source: Directory
    before: Directory | None
    changed_files: File | None
    happened: GitEvent
    to: PublishingRun
    login: Login
    at_once: int
    receipts: Directory | None
    options: Options

    @property
    def event(self) -> Event:
        """What a plan differs by; the push of a tag is a release."""
        event = parse(self.happened.name)
        return Event.tag if event is Event.push and self.happened.tag else event


MakeJob = Callable[[Job, str], PackedJob]
"""The job object of a planned job, for some of its entries."""


async def run(told: WholeRun, make: MakeJob) -> Directory:
    """Do it all: what fails costs its own image, and is in the result's `failed`.

    Raises:
        InputError: what is told cannot be used; nothing was built then.
    """
    if told.at_once < 1:
        raise InputError(f"{told.at_once} jobs at once build nothing", where="--parallel")
    began = time.monotonic()
    source = dag.directory().with_directory("", told.source, exclude=list(NEVER))
    request = PlanRequest(told.event)
    report = await trees.plan(
        request, source, told.before, told.changed_files, pack=True, runners=told.at_once
    )
    say(headline(report))
    receipts = await _arrived(told.receipts)
    work, jobs, missing = await _jobs(told, report, make, receipts)
    receipts |= work
    files = {"plan.json": render(report, PlanFormat.json)}
    whole = joined(jobs, told.to.run_id, 0.0)
    if told.event.publishes and _owed(report):
        result, also = await _merge(told, receipts, files["plan.json"])
        whole = replace(whole, also=(*missing, *also))
        if result:
            files["merge-result.json"] = result.as_text()
    elif not told.event.publishes:
        whole = replace(whole, run="", also=missing)
    whole = replace(whole, seconds=round(time.monotonic() - began, 1))
    say(whole.headline)
    return working.folder(receipts, whole, files, "run")


async def _jobs(
    told: WholeRun, report: Report, make: MakeJob, there: dict[str, str]
) -> tuple[dict[str, str], list[JobReport], tuple[str, ...]]:
    """All jobs, a few at a time; receipts, reports, and what this machine does not build."""
    done: dict[str, tuple[Work, JobReport]] = {}
    missing: list[str] = []
    places = anyio.CapacityLimiter(told.at_once)

    async def one(job: Job, entries: str) -> None:
        async with places:
            to = told.to if told.event.publishes else None
            done[job.name] = await make(job, entries).done(to, alone=told.at_once == 1)

    planned = (*report.jobs, *report.server_jobs)
    async with anyio.create_task_group() as group:
        for job in planned:
            names = {leg.id: _file(job.kind, leg.id) for leg in job.entries}
            left = [name for name, file in names.items() if file not in there]
            if job.os == "darwin":
                missing += [_ELSEWHERE.format(entry=name) for name in left]
            elif left:
                group.start_soon(one, job, " ".join(left))
    ordered = [done[job.name] for job in planned if job.name in done]
    receipts = {
        f"{each.kind}/{name}": text
        for work, each in ordered
        for name, text in work.receipts.items()
    }
    return receipts, [each for _, each in ordered], tuple(missing)


_ELSEWHERE = (
    "{entry}: only a Mac builds it, and no receipt of it was given (localai-ci receipt makes one,"
    " --receipts takes it)"
)


async def _merge(
    told: WholeRun, receipts: dict[str, str], plan: str
) -> tuple[MergeResult | None, tuple[str, ...]]:
    """The merge, and what it did not do."""
    folder = dag.directory().with_new_directory("receipts")
    for name, text in receipts.items():
        folder = folder.with_new_file(name, text)
    try:
        result = await merging.merge(
            folder,
            dag.file("plan.json", plan),
            told.happened,
            told.to.file,
            told.login,
            told.options,
            told.to.run_id,
        )
    except LocalaiCiError as e:
        return None, (f"nothing was merged: {e}",)
    good = (Status.merged, Status.unchanged)
    bad = [row for row in result.images if row.status not in good and not told.options.dry_run]
    return result, (
        *result.unusable,
        *(f"image {row.suffix or '(no suffix)'} {row.status.value}: {row.error}" for row in bad),
    )


async def _arrived(folder: Directory | None) -> dict[str, str]:
    """Receipts of other machines by file name; one that is none stops the run before it starts.

    Raises:
        InputError: there is none, or a file is no receipt.
    """
    if folder is None:
        return {}
    with tempfile.TemporaryDirectory() as name:
        await folder.export(name)
        arrived = await anyio.to_thread.run_sync(read_folder, Path(name))
    if arrived.unusable:
        raise InputError(str(arrived.unusable[0]), where="--receipts", remedy="Drop this file.")
    return {_file(receipt.kind, receipt.entry): receipt.as_text() for receipt in arrived.receipts}


def _file(kind: ImageKind, entry: str) -> str:
    """Where a receipt is among those of both families, whose entries may be called alike."""
    return f"{kind.value}/{receipt_file(entry)}"


def _owed(report: Report) -> bool:
    return bool(report.plan.entries or report.plan.built or report.images.legs)
