"""Two plans: what differs between them, entry by entry and in figures."""

from dataclasses import dataclass

from localai_ci.plan.saved_plan import SavedEntry, SavedPlan
from localai_ci.text import hours, listed, markdown_text, plural, table


@dataclass(frozen=True)
class ChangedEntry:
    """An entry that both plans build, for other reasons or with another row.

    ``fields`` are the row's, by LocalAI's names, with the old and the new value.
    """

    id: str
    fields: dict[str, tuple[str, str]]
    old_why: tuple[str, ...]
    new_why: tuple[str, ...]

    def __str__(self) -> str:
        """What is different, in a line."""
        said = [
            f"{name}: {a or '(none)'} → {b or '(none)'}" for name, (a, b) in self.fields.items()
        ]
        if self.old_why != self.new_why:
            said.append(f"now because {'; '.join(self.new_why)}")
        return "; ".join(said)


@dataclass(frozen=True)
class PlanDiff:
    """What differs: entries that only one of the two plans builds, and those that both do.

    Attributes:
        added: Built by the new plan alone.
        removed: Built by the old plan alone.
        changed: Built by both, but not for the same reasons or not from the same row.
        reused: The removed ones of which the new plan names an image that exists.
        figures: What is counted, in the old plan and in the new one; minutes for times.
    """

    added: tuple[SavedEntry, ...]
    removed: tuple[SavedEntry, ...]
    changed: tuple[ChangedEntry, ...]
    reused: frozenset[str]
    figures: dict[str, tuple[float, float]]

    def __bool__(self) -> bool:
        """Whether anything that is built differs."""
        return bool(self.added or self.removed or self.changed)


def plan_diff(old: SavedPlan, new: SavedPlan) -> PlanDiff:
    """Compare two plans, entry by entry; order does not count."""
    before, after = old.by_id(), new.by_id()
    return PlanDiff(
        tuple(e for id_, e in after.items() if id_ not in before),
        tuple(e for id_, e in before.items() if id_ not in after),
        tuple(
            ChangedEntry(id_, _fields(before[id_].row, e.row), before[id_].why, e.why)
            for id_, e in after.items()
            if id_ in before and (before[id_].row != e.row or before[id_].why != e.why)
        ),
        frozenset(id_ for id_ in before if id_ not in after and id_ in new.built),
        {
            "images": (len(before), len(after)),
            "jobs": (old.budget.jobs, new.budget.jobs),
            RUNNER_TIME: (old.budget.runner_minutes, new.budget.runner_minutes),
            DONE_AFTER: (old.budget.makespan_minutes, new.budget.makespan_minutes),
        },
    )


RUNNER_TIME, DONE_AFTER = "runner time", "done after"


def _fields(old: dict[str, str], new: dict[str, str]) -> dict[str, tuple[str, str]]:
    names = dict.fromkeys([*old, *new])
    return {n: (old.get(n, ""), new.get(n, "")) for n in names if old.get(n, "") != new.get(n, "")}


def headline(found: PlanDiff) -> str:
    """One sentence."""
    if not found:
        return "Both plans build the same, for the same reasons."
    counts = [
        (len(found.added), "more to build"),
        (len(found.removed), "not built any more"),
        (len(found.changed), "built for other reasons or from another row"),
    ]
    said = ", ".join(f"{plural(n, 'image')} {what}" for n, what in counts if n)
    return f"{said}."


def figure(name: str, value: float) -> str:
    """A figure with its unit."""
    return hours(value) if name in {RUNNER_TIME, DONE_AFTER} else f"{value:g}"


def groups(found: PlanDiff) -> list[tuple[str, str, tuple[str, ...]]]:
    """What became of entries, why, and which: one group for all with the same answers."""
    told = [
        *(("added", "; ".join(e.why), e.id) for e in found.added),
        *((_gone(e.id, found), f"was: {'; '.join(e.why)}", e.id) for e in found.removed),
        *(("changed", str(c), c.id) for c in found.changed),
    ]
    grouped: dict[tuple[str, str], list[str]] = {}
    for what, why, id_ in told:
        grouped.setdefault((what, why), []).append(id_)
    return [(what, why, tuple(ids)) for (what, why), ids in grouped.items()]


def _gone(id_: str, found: PlanDiff) -> str:
    return "exists already" if id_ in found.reused else "removed"


def _rows(found: PlanDiff) -> list[list[str]]:
    return [[what, str(len(ids)), listed(ids), why] for what, why, ids in groups(found)]


_HEAD = ["", "images", "which", "because"]


def as_text(found: PlanDiff) -> str:
    """For a terminal or a log."""
    lines = [headline(found)]
    if rows := _rows(found):
        lines.append(table(_HEAD, rows))
    lines += [
        f"{name}: {figure(name, a)} → {figure(name, b)}"
        for name, (a, b) in found.figures.items()
        if a != b
    ]
    return "\n".join(lines)


def as_markdown(found: PlanDiff) -> str:
    """For a step summary or a comment."""
    lines = [f"### {markdown_text(headline(found))}", ""]
    if rows := _rows(found):
        lines += ["| | images | which | because |", "|---|--:|---|---|"]
        lines += ["| " + " | ".join(map(markdown_text, row)) + " |" for row in rows] + [""]
    lines += ["| | before | now |", "|---|--:|--:|"]
    lines += [
        f"| {name} | {figure(name, a)} | {figure(name, b)} |"
        for name, (a, b) in found.figures.items()
    ]
    return "\n".join(lines)


def as_json(found: PlanDiff) -> dict[str, object]:
    """All of it, for programs; times in minutes."""
    return {
        "added": [{"id": e.id, "minutes": e.minutes, "reasons": list(e.why)} for e in found.added],
        "removed": [
            {
                "id": e.id,
                "minutes": e.minutes,
                "reasons": list(e.why),
                "reused": e.id in found.reused,
            }
            for e in found.removed
        ],
        "changed": [
            {
                "id": c.id,
                "fields": {name: list(both) for name, both in c.fields.items()},
                "reasons": [list(c.old_why), list(c.new_why)],
            }
            for c in found.changed
        ],
        "figures": {name: list(both) for name, both in found.figures.items()},
    }
