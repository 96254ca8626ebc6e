"""Entries into jobs: one each, or packed by base and time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from localai_ci import names
from localai_ci.config.estimates import Estimates
from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError
from localai_ci.matrix import limits
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.server_image import ServerLeg
from localai_ci.plan.estimates import base_of, build_minutes, job_minutes

SHARD = 240
"""Jobs of a shard: below the limit, with room for a matrix that grows."""

T = TypeVar("T")


class Leg(Protocol):
    """One architecture of one image, of whichever family."""

    @property
    def id(self) -> str:
        """What users type."""

    @property
    def suffix(self) -> str:
        """What the image's tags end in."""

    @property
    def arch(self) -> str:
        """``amd64``, ``arm64`` or ``darwin-arm64``."""

    @property
    def os(self) -> str:
        """``linux`` or ``darwin``."""

    @property
    def runner(self) -> str:
        """The machine that builds it."""


@dataclass(frozen=True)
class Job:
    """Legs of one family that one runner builds, one after the other; minutes are estimated."""

    name: str
    runner: str
    entries: tuple[Leg, ...]
    minutes: float
    kind: ImageKind = ImageKind.backends

    @property
    def os(self) -> str:
        """``linux`` or ``darwin``: they run in different workflows."""
        return self.entries[0].os

    def as_json(self) -> dict[str, object]:
        """What a workflow's matrix needs, as short as it can be."""
        return {
            "name": self.name,
            "runner": self.runner,
            "arch": self.entries[0].arch,
            "entries": " ".join(e.id for e in self.entries),
            "minutes": round(self.minutes),
            "kind": self.kind.value,
            "artifact": names.receipts_artifact(self.kind, self.name),
        }


def server_jobs(legs: Iterable[ServerLeg], estimates: Estimates) -> tuple[Job, ...]:
    """One leg a job: each needs a machine for itself."""

    def minutes(leg: ServerLeg) -> float:
        fetched = estimates.base.get(leg.build_type, 0)
        return estimates.setup.get(leg.runner, 0) + fetched + estimates.server_image

    return _ordered(
        Job(names.server_job(leg.id), leg.runner, (leg,), minutes(leg), ImageKind.images)
        for leg in legs
    )


def single(entries: Iterable[Entry], estimates: Estimates) -> tuple[Job, ...]:
    """One entry a job, the longest first."""
    return _ordered(Job(e.id, e.runner, (e,), job_minutes(estimates, [e])) for e in entries)


def packed(entries: Iterable[Entry], estimates: Estimates, budget: float) -> tuple[Job, ...]:
    """Entries with the same runner and base share a job within the budget, longest first.

    Args:
        entries: What to build.
        estimates: How long each takes.
        budget: Minutes a job may take; a single entry that takes longer gets its own job.
    """
    groups: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    jobs: list[Job] = []
    for entry in entries:
        if entry.os == "darwin":  # LocalAI's workflow takes one backend
            jobs += single([entry], estimates)
        else:
            groups[entry.runner, base_of(entry)].append(entry)
    for (runner, base), members in groups.items():
        bins = _fill(members, estimates, budget)
        for number, content in enumerate(bins, 1):
            name = names.packed_job(base, content[0].arch, number, len(bins))
            name = name if len(content) > 1 else content[0].id
            jobs.append(Job(name, runner, content, job_minutes(estimates, content)))
    return _ordered(jobs)


def _fill(members: Sequence[Entry], estimates: Estimates, budget: float) -> list[tuple[Entry, ...]]:
    """First fit, longest first."""
    minutes = {e.id: build_minutes(estimates, e) for e in members}
    once = job_minutes(estimates, members) - sum(minutes.values())
    bins: list[tuple[float, list[Entry]]] = []
    for entry in sorted(members, key=lambda e: (-minutes[e.id], e.id)):
        for index, (taken, content) in enumerate(bins):
            if taken + minutes[entry.id] <= budget:
                bins[index] = (taken + minutes[entry.id], [*content, entry])
                break
        else:
            bins.append((once + minutes[entry.id], [entry]))
    return [tuple(content) for _, content in bins]


def _ordered(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Darwin first, of which few run at once; then the longest: what starts last is short."""
    return tuple(sorted(jobs, key=lambda j: (j.os != "darwin", -j.minutes, j.name)))


def shards(items: Sequence[T], size: int = SHARD) -> tuple[tuple[T, ...], ...]:
    """Contiguous shards of at most ``size``.

    Raises:
        InputError: a size that GitHub would not run.
    """
    if not 0 < size < limits.MATRIX:
        raise InputError(
            f"a shard of {size} jobs is not possible",
            remedy=f"GitHub silently runs nothing of a matrix of {limits.MATRIX} or more; "
            f"choose between 1 and {limits.MATRIX - 1}.",
        )
    return tuple(tuple(items[i : i + size]) for i in range(0, len(items), size))
