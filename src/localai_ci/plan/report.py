"""A plan as data, as a table, and as Markdown for a step summary."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from localai_ci.config.estimates import Estimates
from localai_ci.errors import InputError
from localai_ci.matrix import limits
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.localai import row
from localai_ci.plan.decide import FORCED, Plan
from localai_ci.plan.estimates import build_minutes
from localai_ci.plan.findings import Planned
from localai_ci.plan.jobs import Job, packed, single
from localai_ci.plan.simulate import SimulatedRun, best_packing, simulate
from localai_ci.text import listed, markdown_code, markdown_text, plural


@dataclass(frozen=True)
class Report:
    """A plan with its jobs and what a run of them would take."""

    plan: Plan
    jobs: tuple[Job, ...]
    run: SimulatedRun
    runners: int
    estimates: Estimates


def report_of(
    plan: Plan, estimates: Estimates, runners: int, budget: float | None = None, *, pack: bool
) -> Report:
    """The jobs of a plan, and what they take.

    Args:
        plan: What is built.
        estimates: How long things take.
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
    entries = [p.entry for p in plan.entries]
    if budget is not None:
        jobs = packed(entries, estimates, budget)
    elif pack:
        jobs = best_packing(entries, estimates, runners)
    else:
        jobs = single(entries, estimates)
    run = simulate(jobs, runners, estimates, one_merge=True)
    long = [j for j in jobs if j.minutes > limits.JOB_MINUTES and j.runner not in estimates.own]
    if long:
        note = (
            f"{plural(len(long), 'job')} above the {limits.JOB_MINUTES} minutes after which GitHub"
            f" ends one: {listed([f'{j.name} ({hours(j.minutes)})' for j in long])}; give such an"
            " entry a runner of your own, or make it faster"
        )
        plan = replace(plan, change=replace(plan.change, notes=(*plan.change.notes, note)))
    return Report(plan, jobs, run, runners, estimates)


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
        "idle": plan.idle,
        "built": plan.built,
        "same": list(plan.same),
        "jobs": [job.as_json() for job in report.jobs],
        "budget": {
            "runners": report.runners,
            "jobs": report.run.jobs,
            "runner_minutes": round(report.run.runner_minutes),
            "makespan_minutes": round(report.run.makespan),
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
    return f"{number} to build ({systems['linux']} Linux, {systems['darwin']} Darwin){what}{why}."


def budget_line(report: Report) -> str:
    """Jobs, runner time and wall clock."""
    run = report.run
    return (
        f"{plural(len(report.jobs), 'build job')} and {plural(run.merges, 'merge job')}:"
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
        lines += ["", "<details><summary>All entries</summary>", ""]
        lines += [f"- {markdown_code(p.entry.id)}" for p in plan.entries] + ["", "</details>"]
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


def hours(minutes: float) -> str:
    """``2 h 05 min``; below an hour only minutes."""
    whole = round(minutes)
    return f"{whole // 60} h {whole % 60:02} min" if whole >= 60 else f"{whole} min"  # noqa: PLR2004


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
