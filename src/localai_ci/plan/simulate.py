"""A run of jobs on a number of runners, simulated: who waits, and when it is over."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from statistics import median

from localai_ci.config.estimates import Estimates
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.server_image import ServerLeg
from localai_ci.plan.jobs import Job, packed

OWN_LANES = 10_000
"""The first number of a machine of one's own."""


@dataclass(frozen=True)
class Slot:
    """When a job runs: minutes from the start of the run, and on which runner (from 0)."""

    job: Job
    start: float
    end: float
    lane: int


@dataclass(frozen=True)
class SimulatedRun:
    """A simulated run; times in minutes. ``merges`` are the jobs that tag images at the end."""

    slots: tuple[Slot, ...]
    merges: int
    makespan: float
    runner_minutes: float

    @property
    def jobs(self) -> int:
        """All jobs, builds and merges."""
        return len(self.slots) + self.merges

    @property
    def waiting(self) -> float:
        """Minutes that the build jobs waited for a runner, added up."""
        return sum(s.start for s in self.slots)

    @property
    def median_wait(self) -> float:
        """Minutes that half of the build jobs waited at most."""
        return median(s.start for s in self.slots) if self.slots else 0.0


BUDGETS = (0.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0)
"""Minutes a packed job may take, to choose from; with 0 every entry has its own job."""

NEAR = 1.05
"""A run this much longer than the shortest is worth it if it takes fewer jobs."""


def best_packing(entries: Iterable[Entry], estimates: Estimates, runners: int) -> tuple[Job, ...]:
    """Pack for the run that ends first; among nearly equal ones the one with the fewest jobs.

    Packing saves set-up and queueing where there are more jobs than runners, and costs time
    where there are not: which it is, the simulation tells.
    """
    listed = list(entries)
    packings = [packed(listed, estimates, budget) for budget in BUDGETS]
    runs = [simulate(jobs, runners, estimates, one_merge=True) for jobs in packings]
    shortest = min(run.makespan for run in runs)
    fitting = [jobs for jobs, run in zip(packings, runs, strict=True)
               if run.makespan <= shortest * NEAR]  # fmt: skip
    return min(fitting, key=len)


def simulate(
    jobs: Sequence[Job], runners: int, estimates: Estimates, *, one_merge: bool
) -> SimulatedRun:
    """Run the jobs in their order, each on the first free runner that takes it.

    Args:
        jobs: In the order in which they are queued; all are queued at minute 0.
        runners: How many jobs may run at once, machines of one's own not counted.
        estimates: Limits of single runners, and the minutes of a merge.
        one_merge: One job tags all images, instead of one for each image.

    Raises:
        InputError: no runner at all.
    """
    if runners < 1:
        raise InputError(f"{runners} runners cannot run anything", remedy="Give at least one.")
    slots = _schedule(jobs, runners, estimates)
    built = max((s.end for s in slots), default=0.0)
    # Where every image has a merge job of its own, as at LocalAI, Darwin's builds push themselves.
    tagged = (e for j in jobs for e in j.entries if one_merge or e.os == "linux")
    suffixes = len({(isinstance(e, ServerLeg), e.suffix) for e in tagged})
    merges = min(1, suffixes) if one_merge else suffixes
    start_up = min(estimates.setup.values(), default=0.0)
    tagging = suffixes * estimates.merge + merges * start_up
    last = (start_up + estimates.merge if merges > 1 else tagging) if merges else 0.0
    total = sum(s.end - s.start for s in slots) + tagging
    return SimulatedRun(slots, merges, built + last, total)


def _schedule(jobs: Sequence[Job], runners: int, estimates: Estimates) -> tuple[Slot, ...]:
    """Start what can start, in queue order; wait for the next end; and again."""
    queues: defaultdict[str, deque[tuple[int, Job]]] = defaultdict(deque)
    for position, job in enumerate(jobs):
        queues[job.runner].append((position, job))
    running: list[tuple[float, int, str]] = []
    busy: Counter[str] = Counter()
    lanes = _Lanes()
    slots = []
    now = 0.0
    while True:
        ready = [q for r, q in queues.items() if q and _free(r, busy, runners, estimates)]
        if ready:
            _, job = min(ready, key=lambda q: q[0][0]).popleft()
            busy[job.runner] += 1
            lane = lanes.take(job.runner if job.runner in estimates.own else "")
            slots.append(Slot(job, now, now + job.minutes, lane))
            heappush(running, (now + job.minutes, lane, job.runner))
        elif running:
            now, lane, runner = heappop(running)
            busy[runner] -= 1
            lanes.give(lane, runner if runner in estimates.own else "")
        else:
            return tuple(slots)


def _free(runner: str, busy: Counter[str], runners: int, estimates: Estimates) -> bool:
    if runner in estimates.own:
        return busy[runner] < estimates.own[runner]
    hosted = sum(n for name, n in busy.items() if name not in estimates.own)
    return hosted < runners and busy[runner] < estimates.at_once.get(runner, runners)


class _Lanes:
    """Numbers for runners, the lowest free one first; one's own machines are counted after."""

    def __init__(self) -> None:
        self._free: defaultdict[str, list[int]] = defaultdict(list)
        self._next = {False: 0, True: OWN_LANES}

    def take(self, machine: str) -> int:
        """A lane; those of one kind of machine serve no other. Hosted ones have no name."""
        if self._free[machine]:
            return heappop(self._free[machine])
        self._next[bool(machine)] += 1
        return self._next[bool(machine)] - 1

    def give(self, lane: int, machine: str) -> None:
        heappush(self._free[machine], lane)
