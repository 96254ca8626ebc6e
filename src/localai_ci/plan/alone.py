"""What each changed file would build if it had changed alone: what a reviewer weighs it by."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from localai_ci.matrix.entry import Entry
from localai_ci.plan.decide import Plan
from localai_ci.plan.reasons import Reason

Weigh = Callable[[Sequence[Entry]], tuple[int, float]]
"""Jobs and runner minutes of some entries, in jobs as the plan makes them."""


@dataclass(frozen=True)
class AloneFile:
    """A changed file that builds backends; the server image is told once, for all files.

    Attributes:
        path: The file.
        entries: What of the plan it would build alone.
        jobs: Their build jobs.
        minutes: Runner minutes of these jobs and of tagging, estimated.
        reasons: Why, each once.
    """

    path: str
    entries: tuple[Entry, ...]
    jobs: int
    minutes: float
    reasons: tuple[Reason, ...]


def alone(plan: Plan, weigh: Weigh) -> tuple[AloneFile, ...]:
    """The files that build something, the dearest first; none where the change is not known.

    Args:
        plan: What is built, with its reasons.
        weigh: Jobs and minutes of entries. It is asked once for each set of them: hundreds of
            files of one folder have one.
    """
    entries: defaultdict[int, list[Entry]] = defaultdict(list)
    reasons: dict[int, Reason] = {}
    for planned in plan.entries:
        for reason in planned.reasons:  # one object for all entries that have it
            reasons[id(reason)] = reason
            entries[id(reason)].append(planned.entry)
    of: defaultdict[str, list[int]] = defaultdict(list)
    for key, reason in reasons.items():
        for path in reason.files:
            of[path].append(key)
    weighed: dict[tuple[int, ...], tuple[tuple[Entry, ...], int, float]] = {}
    found = []
    for path, keys in of.items():
        same = tuple(keys)
        if same not in weighed:
            built = _whole(plan, {e.id for key in keys for e in entries[key]})
            weighed[same] = (built, *weigh(built))
        found.append(AloneFile(path, *weighed[same], tuple(reasons[key] for key in keys)))
    return tuple(sorted(found, key=lambda one: (-one.minutes, one.path)))


def _whole(plan: Plan, ids: Iterable[str]) -> tuple[Entry, ...]:
    """Those entries and, where images get names afterwards, the other legs that come with them."""
    wanted = set(ids)
    if plan.change.event.publishes:
        suffixes = {p.entry.suffix for p in plan.entries if p.entry.id in wanted}
        wanted |= {p.entry.id for p in plan.entries if p.entry.suffix in suffixes}
    return tuple(p.entry for p in plan.entries if p.entry.id in wanted)
