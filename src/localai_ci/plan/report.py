"""A plan as data, as a table, and as Markdown for a step summary."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from localai_ci.config.estimates import Estimates
from localai_ci.config.profiles import AS_LOCALAI, DarwinWorkflow
from localai_ci.errors import InputError
from localai_ci.matrix import limits
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.localai import row
from localai_ci.matrix.server_image import ServerLeg
from localai_ci.matrix.tables import Tables
from localai_ci.plan.alone import AloneFile, alone
from localai_ci.plan.decide import FORCED, Plan, Planned
from localai_ci.plan.ending import Ending, ending, sentences
from localai_ci.plan.estimates import build_minutes
from localai_ci.plan.jobs import Job, packed, server_jobs, single
from localai_ci.plan.server_legs import NO_SERVER_IMAGE, ServerImagePlan, decide_images
from localai_ci.plan.simulate import SimulatedRun, best_packing, simulate
from localai_ci.text import and_more, hours, listed, markdown_code, markdown_text, plural


@dataclass(frozen=True)
class Report:
    """A plan with its jobs and what a run of them would take."""

    plan: Plan
    jobs: tuple[Job, ...]
    run: SimulatedRun
    runners: int
    estimates: Estimates
    budget: float | None = None
    pack: bool = False
    images: ServerImagePlan = NO_SERVER_IMAGE
    server_jobs: tuple[Job, ...] = ()
    darwin: DarwinWorkflow = AS_LOCALAI

    @property
    def all_jobs(self) -> tuple[Job, ...]:
        """The jobs of the backends, then those of the server image, one a leg."""
        return (*self.jobs, *self.server_jobs)

    def weigh(self, entries: Sequence[Entry]) -> tuple[int, float]:
        """Build jobs and runner minutes of some entries, in jobs like the plan's own."""
        jobs = _arranged(entries, self.estimates, self.runners, self.budget, pack=self.pack)
        run = simulate(jobs, self.runners, self.estimates, one_merge=True)
        return len(jobs), run.runner_minutes

    @cached_property
    def alone(self) -> tuple[AloneFile, ...]:
        """What each changed file would build alone, the dearest first."""
        return alone(self.plan, self.weigh)

    @cached_property
    def ending(self) -> Ending | None:
        """What ends last, and why."""
        return ending(self.all_jobs, self.run, self.runners, self.estimates)


def report_of(
    plan: Plan, known: Tables, runners: int, budget: float | None = None, *, pack: bool
) -> Report:
    """The jobs of a plan, and what they take.

    Args:
        plan: What is built.
        known: The tables of the tree: how long things take, and what else it builds.
        runners: How many jobs run at once.
        budget: Minutes of a packed job.
        pack: Several entries a job, in jobs that end first on these runners if no budget is given.

    Raises:
        InputError: a budget that no hosted runner has.
    """
    if budget is not None and not 0 <= budget <= limits.JOB_MINUTES:
        raise InputError(
            f"a job of {budget:g} minutes is not possible",
            where="--budget",
            remedy=f"GitHub ends a job after {limits.JOB_MINUTES} minutes; give at most that.",
        )
    entries, estimates = [p.entry for p in plan.entries], known.estimates
    images = decide_images(known, plan.change)
    of_server = server_jobs(images.legs, estimates)
    jobs = _arranged(entries, estimates, runners, budget, pack=pack)
    run = simulate((*jobs, *of_server), runners, estimates, one_merge=True)
    return Report(
        plan, jobs, run, runners, estimates, budget, pack,
        images=images, server_jobs=of_server, darwin=known.profiles.darwin,
    )  # fmt: skip


def _arranged(
    entries: Sequence[Entry],
    estimates: Estimates,
    runners: int,
    budget: float | None,
    *,
    pack: bool,
) -> tuple[Job, ...]:
    if budget is not None:
        return packed(entries, estimates, budget)
    return best_packing(entries, estimates, runners) if pack else single(entries, estimates)


def entry_json(entry: Entry) -> dict[str, object]:
    """What a job needs to know of an entry: our names, and LocalAI's row."""
    return {
        "id": entry.id,
        "backend": entry.backend,
        "arch": entry.arch,
        "os": entry.os,
        "suffix": entry.suffix,
        "runner": entry.runner,
        "builder": entry.builder,
        "profile": entry.profile,
        "folders": list(entry.folders),
        "row": row(entry),
    }


def image_json(leg: ServerLeg, report: Report) -> dict[str, object]:
    """A leg of the server image, as a merge demands it."""
    reason = report.images.reason
    return {
        "id": leg.id,
        "suffix": leg.suffix,
        "arch": leg.arch,
        "runner": leg.runner,
        "minutes": report.estimates.server_image,
        "reasons": [reason.as_json()] if reason else [],
    }


def as_json(report: Report) -> dict[str, object]:
    """The whole plan as data; ``entries`` is what there is to build."""
    plan = report.plan
    paths = plan.change.paths
    return {
        "event": plan.change.event.value,
        "matrix": plan.matrix.source,
        "complete": plan.complete,
        "changed": None if paths is None else len(paths),
        "unknown": plan.change.unknown,
        "notes": list(plan.change.notes),
        "entries": [
            entry_json(p.entry)
            | {
                "minutes": build_minutes(report.estimates, p.entry),
                "reasons": [r.as_json() for r in p.reasons],
            }
            for p in plan.entries
        ],
        "alone": [
            {
                "path": one.path,
                "images": len(one.entries),
                "jobs": one.jobs,
                "runner_minutes": round(one.minutes),
            }
            for one in report.alone
        ],
        "images": [image_json(leg, report) for leg in report.images.legs],
        "no_images": report.images.idle,
        "idle": plan.idle,
        "built": plan.built,
        "jobs": [job.as_json() for job in report.all_jobs],
        "budget": {
            "runners": report.runners,
            "jobs": report.run.jobs,
            "runner_minutes": round(report.run.runner_minutes),
            "makespan_minutes": round(report.run.makespan),
            "ends_last": sentences(report.ending) if report.ending else [],
        },
    }


def headline(report: Report) -> str:
    """One sentence on how much is built, of how much, and why at all."""
    plan = report.plan
    systems = Counter(p.entry.os for p in plan.entries)
    number = f"{len(plan.entries)} of {len(plan.matrix.entries)} entries"
    paths = plan.change.paths
    what = "" if paths is None else f" for {plural(len(paths), 'changed file')}"
    unknown = paths is None and plan.change.event not in FORCED
    why = f", because {plan.change.unknown}" if unknown else ""
    legs = len(report.images.legs)
    server = f"; and {plural(legs, 'leg')} of the server image" if legs else ""
    kinds = f"({systems['linux']} Linux, {systems['darwin']} Darwin)"
    return f"{number} to build {kinds}{what}{why}{server}."


def budget_line(report: Report) -> str:
    """Jobs, runner time and wall clock."""
    run = report.run
    return (
        f"{plural(run.jobs - run.merges, 'build job')} and {plural(run.merges, 'merge job')}:"
        f" {hours(run.runner_minutes)} of runner time, done after about {hours(run.makespan)}"
        f" on {plural(report.runners, 'runner')}."
    )


def groups(planned: Sequence[Planned]) -> list[tuple[str, list[Entry]]]:
    """The entries by why they are built: one group for each set of reasons."""
    found: dict[tuple[str, ...], list[Entry]] = {}
    for p in planned:
        found.setdefault(tuple(map(str, p.reasons)), []).append(p.entry)
    return [("; ".join(reasons), entries) for reasons, entries in found.items()]


def table_rows(planned: Sequence[Planned]) -> list[list[str]]:
    """A row for each set of reasons: the backends, how many entries, which, why."""
    return [
        [
            listed(tuple(dict.fromkeys(e.backend for e in entries))),
            str(len(entries)),
            listed(tuple(e.id for e in entries), 2),
            why,
        ]
        for why, entries in groups(planned)
    ]


def markdown(report: Report) -> str:
    """The plan for a step summary, cut where GitHub would drop it."""
    plan = report.plan
    lines = [f"### {markdown_text(headline(report))}", "", budget_line(report), ""]
    lines += [f"> {markdown_text(note)}" for note in plan.change.notes]
    if plan.entries:
        lines += ["| backend | entries | which | because |", "|---|--:|---|---|"]
        lines += ["| " + " | ".join(map(markdown_text, r)) + " |" for r in table_rows(plan.entries)]
        if report.ending:
            lines += ["", markdown_text(" ".join(sentences(report.ending)))]
        lines += _alone(report)
        lines += ["", "<details><summary>All entries</summary>", ""]
        lines += [f"- {markdown_code(p.entry.id)}" for p in plan.entries] + ["", "</details>"]
    if report.images.reason:
        lines += ["", f"Server image: {markdown_text(str(report.images.reason))}."]
    if plan.idle:
        lines += ["", f"<details><summary>{len(plan.idle)} without effect</summary>", ""]
        lines += [
            f"- {markdown_code(path)}: {markdown_text(why)}" for path, why in plan.idle.items()
        ] + ["", "</details>"]
    text = "\n".join(lines) + "\n"
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limits.SUMMARY:
        return data.decode()
    return data[: limits.SUMMARY].decode("utf-8", "ignore") + "\n\n(cut: the rest is too long)\n"


def alone_text(one: AloneFile) -> str:
    """``alone: 12 images, 12 jobs, 2 h 41 min``; the time is that of all runners together."""
    images, jobs = plural(len(one.entries), "image"), plural(one.jobs, "job")
    return f"alone: {images}, {jobs}, {hours(one.minutes)}"


def _alone(report: Report) -> list[str]:
    """What each file would build alone, as far as a reader looks; all of it is in the JSON."""
    if len(report.alone) < 2:  # noqa: PLR2004 - one file is the whole plan
        return []
    shown = report.alone[:FILES_SHOWN]
    lines = ["", "| changed file | |", "|---|---|"]
    lines += [f"| {markdown_text(one.path)} | {alone_text(one)} |" for one in shown]
    more = and_more(report.alone, FILES_SHOWN)
    return [*lines, *([f"| {more}, each at most as much | |"] if more else [])]


FILES_SHOWN = 20
"""Changed files that a step summary weighs."""


def comparison(
    entries: Sequence[Entry], estimates: Estimates, runners: int, budget: float | None
) -> list[list[str]]:
    """One entry a job with a merge job for each image, against packed jobs with one merge job."""
    jobs = single(entries, estimates)
    packing = (
        best_packing(entries, estimates, runners)
        if budget is None
        else packed(entries, estimates, budget)
    )
    runs = {
        "one entry each": simulate(jobs, runners, estimates, one_merge=False),
        "packed": simulate(packing, runners, estimates, one_merge=True),
    }
    return [
        [name, str(r.jobs), hours(r.makespan), hours(r.runner_minutes), hours(r.median_wait)]
        for name, r in runs.items()
    ]
