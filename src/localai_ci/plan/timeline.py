"""The simulated runs of a plan, as the page draws them."""

from collections.abc import Sequence

from localai_ci.plan.ending import Ending, ending, sentences
from localai_ci.plan.jobs import Job, single
from localai_ci.plan.report import Report
from localai_ci.plan.simulate import OWN_LANES, SimulatedRun, best_packing, simulate
from localai_ci.text import hours


def runs(report: Report) -> dict[str, dict[str, object]]:
    """As planned, and what it would be the two other ways; by the name of each."""
    entries = [p.entry for p in report.plan.entries]
    one = single(entries, report.estimates)
    pack = best_packing(entries, report.estimates, report.runners)
    found = {
        "as planned": (report.all_jobs, report.run),
        "one image a job": (
            one,
            simulate(one, report.runners, report.estimates, one_merge=False),
        ),
        "packed": (pack, simulate(pack, report.runners, report.estimates, one_merge=True)),
    }
    return {
        name: _run(jobs, run, ending(jobs, run, report.runners, report.estimates))
        for name, (jobs, run) in found.items()
    }


def lanes(run: SimulatedRun) -> dict[int, str]:
    """What each lane is called: one's own machines by their runner's name."""
    found: dict[int, str] = {}
    seen: dict[str, int] = {}
    for slot in sorted(run.slots, key=lambda s: s.lane):
        if slot.lane in found:
            continue
        name = slot.job.runner if slot.lane >= OWN_LANES else "hosted"
        seen[name] = seen.get(name, 0) + 1
        found[slot.lane] = f"{name} {seen[name]}"
    return found


def _run(jobs: Sequence[Job], run: SimulatedRun, end: Ending | None) -> dict[str, object]:
    # Not by name: what two kinds of runners pack on one base is called the same.
    position = {id(job): number for number, job in enumerate(jobs)}
    return {
        "jobs": [
            {"name": j.name, "runner": j.runner, "entries": [e.id for e in j.entries]} for j in jobs
        ],
        "slots": [
            [position[id(s.job)], round(s.start, 1), round(s.end, 1), s.lane] for s in run.slots
        ],
        "lanes": lanes(run),
        "makespan": round(run.makespan, 1),
        "text": f"{run.jobs} jobs (with {run.merges} to merge), done after"
        f" {hours(run.makespan)}, {hours(run.runner_minutes)} of runner time",
        "ends": sentences(end) if end else [],
        "chain": [position[id(s.job)] for s in end.chain] if end else [],
        "pools": [
            [p.name, str(p.jobs), hours(p.work), hours(p.least), hours(p.end)] for p in end.pools
        ]
        if end
        else [],
    }
