"""A plan as one self-contained page: the grid of images, why each is built, and the run."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files

from localai_ci import names
from localai_ci.config.registries import registries
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.localai import row
from localai_ci.plan.decide import Plan
from localai_ci.plan.estimates import build_minutes
from localai_ci.plan.jobs import SHARD, Job, shards, single
from localai_ci.plan.reasons import ReasonKind
from localai_ci.plan.report import Report, headline, hours
from localai_ci.plan.simulate import SimulatedRun, best_packing, simulate
from localai_ci.text import plural

ACCELERATORS = {
    "": "CPU",
    "vulkan": "Vulkan",
    "hipblas": "ROCm",
    "intel": "Intel",
    "sycl_f16": "SYCL f16",
    "sycl_f32": "SYCL f32",
}
ORDER = ["CPU", "CUDA 12", "CUDA 13", "JetPack", "Vulkan", "ROCm", "Intel", "SYCL f16",
         "SYCL f32", "macOS"]  # fmt: skip


def accelerator(entry: Entry) -> str:
    """The column of an entry: what its user has in the machine."""
    if entry.os == "darwin":
        return "macOS"
    if "l4t-jetpack" in entry.base_image:
        return "JetPack"
    if entry.build_type in {"cublas", "l4t"}:
        return f"CUDA {entry.cuda.partition('.')[0]}"
    return ACCELERATORS.get(entry.build_type, entry.build_type)


def page(report: Report) -> str:
    """The page's text; it loads nothing and sends nothing."""
    from jinja2 import Environment, PackageLoader, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("localai_ci.plan", "page"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = files("localai_ci.plan") / "page"
    data = json.dumps(_data(report), separators=(",", ":")).replace("<", "\\u003c")
    return environment.get_template("page.html").render(
        style=Markup((folder / "page.css").read_text("utf-8")),  # noqa: S704 - our own file
        script=Markup((folder / "page.js").read_text("utf-8")),  # noqa: S704 - our own file
        data=Markup(data),  # noqa: S704 - every < is escaped above
        headline=headline(report),
        cards=_cards(report),
        columns=_columns(report.plan.matrix.entries),
        rows=_rows(report.plan),
        kinds=_kinds(report.plan),
        idle=report.plan.idle,
        notes=report.plan.change.notes,
        source=report.plan.matrix.source,
        event=report.plan.change.event.value,
    )


def _cards(report: Report) -> list[tuple[str, str, str]]:
    """Figures at the top: number, unit, explanation."""
    plan, run = report.plan, report.run
    return [
        (str(len(plan.entries)), f"of {len(plan.matrix.entries)} images", "to build"),
        (str(len(report.jobs)), "jobs", plural(len(shards(report.jobs, SHARD)), "shard")),
        (hours(run.makespan), "until done", f"estimated, on {report.runners} runners"),
        (hours(run.runner_minutes), "of runners", "estimated"),
        (str(len(plan.built)), "images", "exist already and are only tagged"),
    ][: 5 if plan.built else 4]


def _columns(entries: Iterable[Entry]) -> list[tuple[str, list[str]]]:
    """Accelerators and their architectures, in a reader's order."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        found.setdefault(accelerator(entry), set()).add(entry.arch)
    ordered = sorted(found, key=lambda a: (ORDER.index(a) if a in ORDER else len(ORDER), a))
    return [(name, sorted(found[name])) for name in ordered]


def _rows(plan: Plan) -> list[dict[str, object]]:
    """The grid: for each backend, the entries of each column with what happens to them."""
    columns = [(a, arch) for a, arches in _columns(plan.matrix.entries) for arch in arches]
    grid: dict[tuple[str, str], dict[tuple[str, str], list[Entry]]] = {}
    for entry in plan.matrix.entries:
        cells = grid.setdefault((entry.build, entry.backend), {})
        cells.setdefault((accelerator(entry), entry.arch), []).append(entry)
    return [
        {
            "build": build,
            "backend": backend,
            "cells": [[_cell(plan, e) for e in cells.get(c, ())] for c in columns],
        }
        for (build, backend), cells in grid.items()
    ]


def _cell(plan: Plan, entry: Entry) -> dict[str, str]:
    planned = plan.by_id.get(entry.id)
    if planned:
        return {"id": entry.id, "kind": planned.reasons[0].kind.value, "state": "to build"}
    state = "exists already" if entry.id in plan.built else "not built"
    return {"id": entry.id, "kind": "", "state": state}


def _kinds(plan: Plan) -> list[tuple[str, int]]:
    """The kinds of reasons that occur, with how many entries have each as the first."""
    counted = Counter(p.reasons[0].kind for p in plan.entries)
    return [(kind.value, counted[kind]) for kind in ReasonKind if counted[kind]]


def _data(report: Report) -> dict[str, object]:
    """What the script shows on a click; sentences stand once, entries point at them."""
    plan = report.plan
    reasons: dict[str, int] = {}
    entries = {}
    for entry in plan.matrix.entries:
        planned = plan.by_id.get(entry.id)
        why = [str(r) for r in planned.reasons] if planned else []
        entries[entry.id] = {
            "row": row(entry),
            "names": _names(entry),
            "minutes": round(build_minutes(report.estimates, entry)),
            "why": [reasons.setdefault(text, len(reasons)) for text in why],
            "built": plan.built.get(entry.id, ""),
        }
    planned_entries = [p.entry for p in plan.entries]
    one = single(planned_entries, report.estimates)
    pack = best_packing(planned_entries, report.estimates, report.runners)
    runs = {
        # The grid has no cells for the server image's legs, which are jobs of the run too.
        "as planned": (
            report.jobs,
            simulate(report.jobs, report.runners, report.estimates, one_merge=True),
        ),
        "one entry a job": (one, simulate(one, report.runners, report.estimates, one_merge=False)),
        "packed": (pack, simulate(pack, report.runners, report.estimates, one_merge=True)),
    }
    return {
        "entries": entries,
        "reasons": list(reasons),
        "runs": {name: _run(jobs, run) for name, (jobs, run) in runs.items()},
    }


def _names(entry: Entry) -> dict[str, str]:
    """Every name that the entry has outside."""
    if entry.os == "darwin":
        return {"image": f"{registries().registries['quay'].backends}:master{entry.suffix}"}
    quay = registries().registries["quay"]
    return {
        "image": f"{quay.backends}:master{entry.suffix}",
        "cache": f"{quay.cache}:{names.cache_tag(entry.suffix, entry.platform_tag)}",
        "receipt": names.receipt_file(entry.id),
    }


def _run(jobs: Sequence[Job], run: SimulatedRun) -> dict[str, object]:
    position = {job.name: number for number, job in enumerate(jobs)}
    return {
        "jobs": [
            {"name": j.name, "runner": j.runner, "entries": [e.id for e in j.entries]} for j in jobs
        ],
        "slots": [
            [position[s.job.name], round(s.start, 1), round(s.end, 1), s.lane] for s in run.slots
        ],
        "makespan": round(run.makespan, 1),
        "text": f"{run.jobs} jobs (with {run.merges} to merge), done after"
        f" {hours(run.makespan)}, {hours(run.runner_minutes)} of runners",
    }
