"""A plan as one self-contained page: the grid of images, why each is built, and the run."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from localai_ci import json_text
from localai_ci.plan import grid, plan_diff
from localai_ci.plan.decide import Plan
from localai_ci.plan.ending import sentences
from localai_ci.plan.estimates import build_minutes
from localai_ci.plan.jobs import SHARD, shards
from localai_ci.plan.page_data import FILES_LISTED, LETTERS, page_data
from localai_ci.plan.plan_diff import PlanDiff
from localai_ci.plan.reasons import ReasonKind
from localai_ci.plan.report import Report, alone_text, as_json, headline
from localai_ci.plan.saved_plan import SavedPlan
from localai_ci.text import and_more, hours, listed, plural, printable

STYLES = ("colours.css", "page.css", "parts.css", "print.css")
SCRIPTS = ("base.js", "details.js", "filters.js", "timeline.js", "keys.js", "start.js")

FILES_SHOWN = 12
"""Changed files that are there at once; the others unfold."""


def page(report: Report, old: SavedPlan | None = None) -> str:
    """The page's text; it loads nothing and sends nothing.

    Args:
        report: The plan.
        old: An earlier plan; the page then shows what differs.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("localai_ci.plan", "page"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finished,
    )

    def breakable(path: str) -> Markup:
        """A path that a line may end in after each slash."""
        return Markup("/<wbr>").join(printable(part) for part in path.split("/"))

    environment.filters["breakable"] = breakable
    difference = None
    if old:
        difference = plan_diff.plan_diff(old, SavedPlan.model_validate(as_json(report)))
    plan, entries = report.plan, report.plan.matrix.entries
    minutes = {e.id: build_minutes(report.estimates, e) for e in entries}
    data = json_text.write(_shown(page_data(report, minutes))).replace("<", "\\u003c")
    return environment.get_template("page.html").render(
        style=Markup(_ours(STYLES)),  # noqa: S704 - our own files
        script=Markup(_ours(SCRIPTS)),  # noqa: S704 - our own files
        data=Markup(data),  # noqa: S704 - every < is escaped above
        headline=headline(report),
        ends=sentences(report.ending)[0] if report.ending else "",
        cards=_cards(report),
        columns=grid.columns(entries),
        lines=grid.lines(plan, minutes, _marks(difference)),
        kinds=_kinds(plan),
        idle_cells=len(plan.entries) + len(plan.built) < len(entries),
        letters=LETTERS,
        files=_files(report),
        files_shown=FILES_SHOWN,
        more_files=and_more(report.alone, FILES_LISTED),
        difference=difference and _difference(difference),
        reused=_reused(plan),
        saved=hours(sum(minutes[id_] for id_ in plan.built if id_ in minutes)),
        idle=plan.idle,
        notes=plan.change.notes,
        source=plan.matrix.source,
        event=plan.change.event.value,
    )


def _finished(value: object) -> object:
    """What a value of the template is shown as: all but our own markup."""
    from markupsafe import Markup

    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _shown(value: Any) -> Any:
    """Data whose every string may be shown: the script puts them on the page as they are."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {_shown(key): _shown(inner) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return [_shown(inner) for inner in value]
    return value


TITLES = {
    ReasonKind.own_folder: "own sources",
    ReasonKind.matrix_new: "new row",
    ReasonKind.matrix_field: "row changed",
    ReasonKind.proto: "protocol",
    ReasonKind.forced: "all or asked for",
    ReasonKind.unknown: "not known",
}


def _ours(parts: Iterable[str]) -> str:
    folder = files("localai_ci.plan") / "page"
    return "\n".join((folder / name).read_text("utf-8") for name in parts)


def _cards(report: Report) -> list[tuple[str, str, str]]:
    """Figures at the top: number, unit, explanation."""
    plan, run = report.plan, report.run
    number_of_shards = len(shards(report.jobs, SHARD))
    cards = [
        (str(len(plan.entries)), f"of {len(plan.matrix.entries)} images", "to build"),
        (str(len(report.jobs)), "build jobs", f"in {plural(number_of_shards, 'shard')}"),
        (hours(run.makespan), "until done", f"on {plural(report.runners, 'runner')}, estimated"),
        (hours(run.runner_minutes), "of runner time", "all together, estimated"),
    ]
    if plan.built:
        cards.append((str(len(plan.built)), "images reused", "they exist and are only tagged"))
    return cards


def _kinds(plan: Plan) -> list[tuple[str, str, int]]:
    """The kinds of reasons that occur: value, title, and how many entries have it first."""
    counted = Counter(p.reasons[0].kind for p in plan.entries)
    return [
        (kind.value, TITLES.get(kind, kind.value.replace("-", " ")), counted[kind])
        for kind in ReasonKind
        if counted[kind]
    ]


def _files(report: Report) -> list[dict[str, object]]:
    """The changed files that build something, each with what it would build alone."""
    most = max((one.minutes for one in report.alone), default=0) or 1
    return [
        {
            "path": one.path,
            "alone": alone_text(one),
            "share": max(1, round(100 * one.minutes / most)),
            "why": [r.brief for r in one.reasons],
        }
        for one in report.alone[:FILES_LISTED]
    ]


def _marks(difference: PlanDiff | None) -> dict[str, str]:
    if not difference:
        return {}
    return {e.id: "added" for e in difference.added} | {e.id: "removed" for e in difference.removed}


def _difference(found: PlanDiff) -> dict[str, object]:
    return {
        "headline": plan_diff.headline(found),
        "groups": [
            {"what": what, "why": why, "count": len(ids), "ids": ids, "brief": listed(ids)}
            for what, why, ids in plan_diff.groups(found)
        ],
        "figures": [
            (name, plan_diff.figure(name, a), plan_diff.figure(name, b), a != b)
            for name, (a, b) in found.figures.items()
        ],
    }


def _reused(plan: Plan) -> list[tuple[str, list[tuple[str, str]]]]:
    """By backend, the entries whose image exists, each with its reference."""
    found: dict[str, list[tuple[str, str]]] = {}
    known = plan.matrix.by_id()
    for id_, reference in plan.built.items():
        backend = known[id_].backend if id_ in known else id_
        found.setdefault(backend, []).append((id_, reference))
    return list(found.items())
