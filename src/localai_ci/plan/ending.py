"""What of a simulated run ends last, and what it waited for."""

from collections.abc import Sequence
from dataclasses import dataclass

from localai_ci.config.estimates import Estimates
from localai_ci.plan.jobs import Job
from localai_ci.plan.simulate import SimulatedRun, Slot, simulate
from localai_ci.text import hours, listed, plural

HOSTED = ""
"""The pool of all runners that have no limit of their own."""


@dataclass(frozen=True)
class Pool:
    """Places that jobs share, and what they do there; times in minutes.

    Attributes:
        runner: The runner's name; empty for all hosted ones without a limit of their own.
        own: Whether they are machines of one's own.
        places: Jobs at once.
        jobs: How many jobs run there.
        work: Minutes of these jobs, added up.
        least: No order of these jobs ends sooner than this.
        end: When the last of them ends.
    """

    runner: str
    own: bool
    places: int
    jobs: int
    work: float
    least: float
    end: float

    @property
    def name(self) -> str:
        """What to call it."""
        if self.own:
            return f"{self.runner} ({plural(self.places, 'machine')} of your own)"
        if self.runner:
            return f"{self.runner} (at most {self.places} at once)"
        return f"hosted runners (at most {self.places} at once)"


@dataclass(frozen=True)
class Ending:
    """Why a run is not over sooner.

    Attributes:
        chain: From the job that ends last back to one that waited for nothing, by time: each
            started when the one before it gave its place free.
        pool: Where the last job runs.
        others: When everything outside of that pool is over.
        whole: When the run is over, tagging included.
        one_more: The same with one place more there; None where nothing waits for one.
        pools: All pools, the one that ends last first.
    """

    chain: tuple[Slot, ...]
    pool: Pool
    others: float
    whole: float
    one_more: float | None
    pools: tuple[Pool, ...]


def ending(
    jobs: Sequence[Job], run: SimulatedRun, runners: int, estimates: Estimates
) -> Ending | None:
    """What ends last and why; None of a run without jobs."""
    if not run.slots:
        return None
    last = max(run.slots, key=lambda s: s.end)
    pools = _pools(run, runners, estimates)
    pool = next(p for p in pools if p.runner == _pool(last.job, estimates))
    others = [s.end for s in run.slots if _pool(s.job, estimates) != pool.runner]
    chain = _chain(last, run.slots, estimates)
    more = None
    if last.start > 0:
        more = simulate(*_enlarged(jobs, pool, runners, estimates), one_merge=True).makespan
    return Ending(chain, pool, max(others, default=0.0), run.makespan, more, pools)


def _pool(job: Job, estimates: Estimates) -> str:
    limited = job.runner in estimates.own or job.runner in estimates.at_once
    return job.runner if limited else HOSTED


def _pools(run: SimulatedRun, runners: int, estimates: Estimates) -> tuple[Pool, ...]:
    found = []
    for runner in dict.fromkeys(_pool(s.job, estimates) for s in run.slots):
        slots = [s for s in run.slots if _pool(s.job, estimates) == runner]
        own = runner in estimates.own
        limit = estimates.own if own else estimates.at_once
        places = limit.get(runner, runners) if own else min(runners, limit.get(runner, runners))
        times = [s.end - s.start for s in slots]
        work = sum(times)
        least = max(work / places, *times)
        found.append(Pool(runner, own, places, len(slots), work, least, max(s.end for s in slots)))
    return tuple(sorted(found, key=lambda p: -p.end))


def _chain(last: Slot, slots: Sequence[Slot], estimates: Estimates) -> tuple[Slot, ...]:
    """Walk back over who gave way: on the same runner first, then in the same pool."""
    ends: dict[float, list[Slot]] = {}
    for slot in slots:
        ends.setdefault(slot.end, []).append(slot)
    chain = [last]
    while chain[-1].start > 0:
        this = chain[-1]
        before = [s for s in ends.get(this.start, ()) if s.end > s.start]
        if not before:
            break
        chain.append(
            min(
                before,
                key=lambda s: (
                    _pool(s.job, estimates) != _pool(this.job, estimates),
                    s.lane != this.lane,
                ),
            )
        )
    return tuple(reversed(chain))


def _enlarged(
    jobs: Sequence[Job], pool: Pool, runners: int, estimates: Estimates
) -> tuple[Sequence[Job], int, Estimates]:
    if pool.own:
        own = estimates.own | {pool.runner: pool.places + 1}
        return jobs, runners, estimates.model_copy(update={"own": own})
    if pool.runner:
        at_once = estimates.at_once | {pool.runner: pool.places + 1}
        return jobs, runners, estimates.model_copy(update={"at_once": at_once})
    return jobs, runners + 1, estimates


def sentences(found: Ending) -> list[str]:
    """For people: what ends last, what it waited for, and what would help."""
    last = found.chain[-1]
    said = [f"{last.job.name} ends last, after {hours(last.end)}, on {found.pool.name}."]
    before = [s.job.name for s in reversed(found.chain[:-1])]
    if before:
        said.append(f"It waits {hours(last.start)} for a place there, behind {listed(before)}.")
    else:
        said.append("It starts at once and takes that long: only a faster build ends sooner.")
    if len(found.pools) > 1:
        said.append(f"Everything that runs elsewhere is over after {hours(found.others)}.")
    if found.one_more is not None:
        what = "machine" if found.pool.own else "place"
        sooner, now = hours(found.one_more), hours(found.whole)
        helps = found.one_more < found.whole and sooner != now
        said.append(
            f"With one {what} more there the run would take {sooner} instead of {now}."
            if helps
            else f"One {what} more there would not help."
        )
    return said
