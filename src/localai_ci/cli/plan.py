"""`localai-ci plan`: what to build and why; `simulate`: how a run goes; `plan-diff`: two plans."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localai_ci import json_text
from localai_ci.cli import output
from localai_ci.cli.matrix import MatrixPath
from localai_ci.cli.options import RegistriesPath, load_registries, transport_to
from localai_ci.errors import InputError
from localai_ci.plan.event import likely, parse
from localai_ci.plan.form import PlanFormat
from localai_ci.text import and_more

if TYPE_CHECKING:
    from localai_ci.config.registries import Registries
    from localai_ci.matrix.tables import Tables
    from localai_ci.plan.decide import Plan
    from localai_ci.plan.report import Report
    from localai_ci.plan.saved_plan import SavedPlan
    from localai_ci.plan.sources import PlanRequest


def register(commands: typer.Typer) -> None:
    """Add the commands."""
    commands.command()(plan)
    commands.command()(simulate)
    commands.command("plan-diff")(plan_diff)


Source = Annotated[
    Path | None,
    typer.Option(help="A clone of LocalAI: its matrix at --head, its changes since --base."),
]
Base = Annotated[str, typer.Option(help="The revision before the change, in --source.")]
Head = Annotated[str, typer.Option(help="The revision to build, in --source.")]
ChangedFiles = Annotated[
    str, typer.Option(metavar="FILE", help="A list of changed paths, one a line; - reads it.")
]
EventOption = Annotated[
    str,
    typer.Option(
        help="What started the run, by GitHub's name (github.event_name)."
        " Absent: a pull request if a change is given."
    ),
]
Previous = Annotated[
    Path | None, typer.Option(help="The matrix before the change, where --source cannot tell.")
]
Forced = Annotated[
    list[str] | None, typer.Option("--force", help="Build what matches this glob in any case.")
]
Rebuilt = Annotated[
    list[str] | None, typer.Option("--rebuilt-base", help="A builder variant that is new.")
]
Pack = Annotated[
    bool, typer.Option("--pack", help="Entries that share a base share a job, not one each.")
]
Budget = Annotated[
    float | None,
    typer.Option(help="Minutes of a packed job; absent, what ends first on --runners."),
]
Runners = Annotated[int, typer.Option(min=1, help="How many jobs run at once.")]


Built = Annotated[
    str,
    typer.Option(
        metavar="REGISTRY",
        help="Drop what this registry has been built from the same inputs: a name of"
        " registries.yaml, or HOST/PATH. Needs --source.",
    ),
]
Refresh = Annotated[
    str, typer.Option(help="For --built: DEPS_REFRESH of the builds; absent, this ISO week.")
]
Epoch = Annotated[str, typer.Option(help="For --built: --epoch of the builder bases.")]
Snapshot = Annotated[
    str, typer.Option("--apt-snapshot", help="For --built: --apt-snapshot of the builder bases.")
]


def plan(
    source: Source = None,
    base: Base = "",
    head: Head = "HEAD",
    changed_files: ChangedFiles = "",
    event: EventOption = "",
    matrix: MatrixPath = None,
    previous_matrix: Previous = None,
    force: Forced = None,
    rebuilt_base: Rebuilt = None,
    built: Built = "",
    registries_file: RegistriesPath = None,
    refresh: Refresh = "",
    epoch: Epoch = "",
    apt_snapshot: Snapshot = "",
    pack: Pack = False,
    budget: Budget = None,
    runners: Runners = 20,
    format_: Annotated[PlanFormat, typer.Option("--format")] = PlanFormat.table,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write there instead of printing.")
    ] = None,
    shard_size: Annotated[int, typer.Option(help="Most jobs of a GitHub matrix.")] = 240,
    blocks: Annotated[int, typer.Option(help="Shards the workflow has jobs for; 0: any.")] = 0,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD", help="A plan as JSON; a page (--format html) shows what differs."
        ),
    ] = None,
    why: Annotated[str, typer.Option(metavar="ID", help="Why this entry is built.")] = "",
    why_not: Annotated[str, typer.Option(metavar="ID", help="Why it is not.")] = "",
) -> None:
    """Say what a change builds, and why. On any doubt: everything, and the doubt is named."""
    from localai_ci.plan.sources import PlanRequest

    request = PlanRequest(
        event=parse(event) if event else likely(changed=bool(changed_files or base)),
        source=source,
        base=base,
        head=head,
        changed_files=changed_files,
        matrix=matrix,
        previous_matrix=previous_matrix,
        bases=tuple(rebuilt_base or ()),
        forced=tuple(force or ()),
    )
    asked = None
    if built:
        asked = Asked(built, load_registries(registries_file), refresh, epoch, apt_snapshot)
    old = _earlier(against, format_)
    report = _report(request, runners, budget, pack=pack, asked=asked)
    if why or why_not:
        from localai_ci.plan.explain import explain

        output.line(explain(report.plan, why or why_not))
        return
    if format_ is PlanFormat.table and not out:
        _print_table(report)
        return
    from localai_ci.plan.form import render

    text = render(report, format_, shard_size, blocks, old)
    if format_ is PlanFormat.github:
        _print_head(report, output.note)  # the outputs do not say how much is built, nor why
    if out:
        output.write(out, text)
    else:
        output.line(text.removesuffix("\n"))


def _earlier(path: Path | None, form: PlanFormat) -> "SavedPlan | None":
    """The plan that a page is compared with."""
    if path is None:
        return None
    if form is not PlanFormat.html:
        raise InputError(
            "--against is for a page",
            where="--against",
            remedy="Add --format html, or compare two plans with `localai-ci plan-diff OLD NEW`.",
        )
    from localai_ci.plan.saved_plan import load_plan

    return load_plan(path)


def _report(
    request: "PlanRequest",
    runners: int,
    budget: float | None,
    *,
    pack: bool,
    asked: "Asked | None" = None,
) -> "Report":
    from localai_ci.plan.decide import decide
    from localai_ci.plan.report import report_of
    from localai_ci.plan.sources import gather

    known, change = gather(request, sys.stdin.buffer.read)
    decided = decide(known.matrix, known.rules, change)
    if asked:
        decided = _without_built(decided, request, known, asked)
    return report_of(decided, known, runners, budget, pack=pack)


@dataclass(frozen=True)
class Asked:
    """Which registry is asked for what is built, and by which weekly arguments it was."""

    registry: str
    file: "Registries"
    refresh: str
    epoch: str
    apt_snapshot: str


def _without_built(
    decided: "Plan", request: "PlanRequest", known: "Tables", asked: Asked
) -> "Plan":
    import anyio

    from localai_ci.backends.input_hash import this_week
    from localai_ci.bases.mirrors import Mirrors
    from localai_ci.bases.recipe import CurrentBases
    from localai_ci.oci.lookup import PATIENCE, Lookup
    from localai_ci.plan.built import PublishedImages, without_built
    from localai_ci.plan.sources import snapshot

    tree = snapshot(request, known)
    named = asked.file.registries.get(asked.registry)
    if not named and "/" not in asked.registry:
        raise InputError(
            f"{asked.registry!r} is not a registry of registries.yaml",
            where="--built",
            remedy=f"Give one of {', '.join(asked.file.registries)}, or HOST/PATH.",
        )
    images = named.backends if named else asked.registry
    bases = CurrentBases(Mirrors(epoch=asked.epoch, apt_snapshot=asked.apt_snapshot))

    async def ask() -> "Plan":
        async with transport_to(asked.file, dry_run=True, policy=PATIENCE) as transport:
            lookup = Lookup(transport)
            where = PublishedImages(lookup, images, bases, asked.refresh or this_week())
            left = await without_built(decided, tree, where)
            for failure in lookup.failures.values():
                output.note(f"note: counted as not built: {failure}")
            return left

    return anyio.run(ask)


def _print_head(report: "Report", say: Callable[[str], None]) -> None:
    from localai_ci.plan.report import headline

    say(headline(report))
    for note in report.plan.change.notes:
        output.note(f"note: {note}")


def _print_table(report: "Report") -> None:
    from localai_ci.plan.report import budget_line, table_rows

    _print_head(report, output.line)
    rows = table_rows(report.plan.entries)
    if rows:
        output.table(["backend", "entries", "which", "because"], rows)
        output.line(budget_line(report))
    idle = [[path, why] for path, why in report.plan.idle.items()]
    if idle:
        output.table(["without effect", "because"], idle[:IDLE_SHOWN])
    if more := and_more(idle, IDLE_SHOWN):
        output.line(f"… {more} without effect (all in --format json)")


IDLE_SHOWN = 12
"""Paths without effect that the table names."""


def simulate(
    source: Source = None,
    base: Base = "",
    head: Head = "HEAD",
    changed_files: ChangedFiles = "",
    event: EventOption = "",
    matrix: MatrixPath = None,
    runners: Runners = 20,
    budget: Budget = None,
) -> None:
    """Compare one entry a job, as LocalAI does, with packed jobs; without a change, three shapes.

    The shapes: everything, one input that all Go backends share, and one backend.
    """
    from localai_ci.plan.change import Change
    from localai_ci.plan.decide import decide
    from localai_ci.plan.event import Event
    from localai_ci.plan.report import comparison
    from localai_ci.plan.sources import PlanRequest, gather

    changed = bool(changed_files or base)
    request = PlanRequest(
        event=parse(event) if event else likely(changed=changed),
        source=source,
        base=base,
        head=head,
        changed_files=changed_files,
        matrix=matrix,
    )
    known, change = gather(request, sys.stdin.buffer.read)
    changes = {"this change": change}
    if not changed:
        changes = {
            "everything": change,
            "pkg/grpc/server.go": Change(Event.push, ("pkg/grpc/server.go",)),
            "backend/go/whisper/": Change(Event.push, ("backend/go/whisper/main.go",)),
        }
    rows = []
    for name, one in changes.items():
        entries = [p.entry for p in decide(known.matrix, known.rules, one).entries]
        rows += [[name, *cells] for cells in comparison(entries, known.estimates, runners, budget)]
    columns = ["change", "jobs are", "jobs", "done after", "runner time", "median wait"]
    output.table(columns, rows, f"Simulated on {runners} runners, times from estimates.yaml.")


class DiffFormat(StrEnum):
    """How `plan-diff` prints."""

    table = "table"
    json = "json"
    markdown = "markdown"


def plan_diff(
    old: Annotated[Path, typer.Argument(help="What `plan --format json` wrote before.")],
    new: Annotated[Path, typer.Argument(help="What it wrote now.")],
    format_: Annotated[DiffFormat, typer.Option("--format")] = DiffFormat.table,
) -> None:
    """Say what differs between two plans: images, reasons and time; exit with 1 if they differ."""
    from localai_ci.plan import plan_diff as comparing
    from localai_ci.plan.saved_plan import load_plan

    found = comparing.plan_diff(load_plan(old), load_plan(new))
    if format_ is DiffFormat.json:
        output.line(json_text.write(comparing.as_json(found), indent=1))
    elif format_ is DiffFormat.markdown:
        output.line(comparing.as_markdown(found))
    else:
        output.line(comparing.as_text(found))
    if found:
        raise typer.Exit(output.ExitCode.FINDINGS)
