"""`localai-ci plan`: what to build and why; `simulate`: how a run goes; `plan-diff`: two plans."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from localai_ci import json_text
from localai_ci.cli import output
from localai_ci.cli.matrix import MatrixPath
from localai_ci.cli.options import RegistriesPath
from localai_ci.cli.planning import PlanOptions, run
from localai_ci.plan.ci_run import Ci
from localai_ci.plan.event import Event, likely, parse
from localai_ci.plan.form import PlanFormat


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


FromCi = Annotated[
    Ci | None,
    typer.Option("--ci", help="Take --event, --base and --head from this CI's variables."),
]
Written = Annotated[
    list[str] | None,
    typer.Option(
        "--write", metavar="FORM=FILE", help="Write the same plan in another form too: html=p.html."
    ),
]
Built = Annotated[
    str,
    typer.Option(
        metavar="REGISTRY",
        help="Drop what this registry has been built from the same inputs: a name of"
        " registries.yaml, or HOST/PATH. Needs --source.",
    ),
]
SincePublished = Annotated[
    str,
    typer.Option(
        metavar="REGISTRY",
        help="Compare with the newest commit whose images this registry has, so that a run that was"
        " cancelled is made up for. Needs --source.",
    ),
]
Refresh = Annotated[
    str,
    typer.Option(
        help="For --built and --since-published: DEPS_REFRESH of the builds; absent, this ISO week."
    ),
]
Epoch = Annotated[str, typer.Option(help="For --built: --epoch of the builder bases.")]
Snapshot = Annotated[
    str, typer.Option("--apt-snapshot", help="For --built: --apt-snapshot of the builder bases.")
]


ByInputs = Annotated[
    bool,
    typer.Option(
        "--by-inputs",
        help="Build exactly what has other inputs than at --base; rules only explain."
        " Needs --source.",
    ),
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
    by_inputs: ByInputs = False,
    built: Built = "",
    since_published: SincePublished = "",
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
    ci: FromCi = None,
    write: Written = None,
) -> None:
    """Say what a change builds, and why. On any doubt: everything, and the doubt is named."""
    given = locals()
    run(PlanOptions(**{name: given[name] for name in PlanOptions.__dataclass_fields__}))


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
