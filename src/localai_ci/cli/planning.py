"""What `localai-ci plan` does with its options."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from localai_ci.cli import output
from localai_ci.errors import InputError
from localai_ci.plan.ci_run import Ci
from localai_ci.plan.event import Event, likely, parse
from localai_ci.plan.form import PlanFormat
from localai_ci.text import and_more

if TYPE_CHECKING:
    from localai_ci.cli.registry_says import Asked
    from localai_ci.plan.report import Report
    from localai_ci.plan.saved_plan import SavedPlan
    from localai_ci.plan.sources import PlanRequest


@dataclass(frozen=True)
class PlanOptions:
    """The options of the command, by its parameters' names."""

    source: Path | None = None
    base: str = ""
    head: str = "HEAD"
    changed_files: str = ""
    event: str = ""
    matrix: Path | None = None
    previous_matrix: Path | None = None
    force: list[str] | None = None
    rebuilt_base: list[str] | None = None
    by_inputs: bool = False
    built: str = ""
    since_published: str = ""
    registries_file: Path | None = None
    refresh: str = ""
    epoch: str = ""
    apt_snapshot: str = ""
    pack: bool = False
    budget: float | None = None
    runners: int = 20
    format_: PlanFormat = PlanFormat.table
    out: Path | None = None
    shard_size: int = 240
    blocks: int = 0
    against: Path | None = None
    why: str = ""
    why_not: str = ""
    ci: Ci | None = None
    write: list[str] | None = None


def run(options: PlanOptions) -> None:
    """Plan, and print.

    Raises:
        InputError: something that was given cannot be used.
    """
    if options.ci:
        options = _told_by(options.ci, options)
    others = [_form_and_file(text) for text in options.write or ()]
    old = _earlier(options.against, options.format_)
    report = report_for(options)
    from localai_ci.plan.form import render

    for form, path in others:
        output.write(path, render(report, form, options.shard_size, options.blocks))
    if options.why or options.why_not:
        from localai_ci.plan.explain import explain

        output.line(explain(report.plan, options.why or options.why_not))
        return
    if options.format_ is PlanFormat.table and not options.out:
        _print_table(report)
        return
    text = render(report, options.format_, options.shard_size, options.blocks, old)
    if options.format_ is PlanFormat.github:
        _print_head(report, output.note)  # the outputs do not say how much is built, nor why
    if options.out:
        output.write(options.out, text)
    else:
        output.line(text.removesuffix("\n"))


def _told_by(ci: Ci, options: PlanOptions) -> PlanOptions:
    """Event, base and head of the run that this is."""
    import os

    from localai_ci.plan.ci_run import run_of

    if options.event or options.base or options.changed_files:
        raise InputError(
            "--ci says what happened, and so does another flag",
            where="--ci",
            remedy="Leave out --event, --base and --changed-files, or --ci.",
        )
    run = run_of(ci, os.environ)
    if options.source is None:
        raise InputError(
            "--ci names revisions, and there is no --source that could have them",
            remedy="Give the checkout as --source.",
        )
    return replace(options, event=run.event.value, base=run.base, head=run.head)


def _form_and_file(text: str) -> tuple[PlanFormat, Path]:
    form, _, path = text.partition("=")
    if form not in set(PlanFormat) or not path:
        raise InputError(
            f"{text!r} is not FORM=FILE",
            where="--write",
            remedy=f"The forms: {', '.join(PlanFormat)}.",
        )
    return PlanFormat(form), Path(path)


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


def _request(options: PlanOptions) -> "PlanRequest":
    from localai_ci.plan.sources import PlanRequest

    if options.event:
        event = parse(options.event)
    elif options.since_published:
        event = Event.push
    else:
        event = likely(changed=bool(options.changed_files or options.base))
    return PlanRequest(
        event=event,
        source=options.source,
        base=options.base,
        head=options.head,
        changed_files=options.changed_files,
        matrix=options.matrix,
        previous_matrix=options.previous_matrix,
        bases=tuple(options.rebuilt_base or ()),
        forced=tuple(options.force or ()),
    )


def _asked(options: PlanOptions, flag: str, registry: str) -> "Asked":
    from localai_ci.cli.options import load_registries
    from localai_ci.cli.registry_says import Asked

    file = load_registries(options.registries_file)
    return Asked(registry, flag, file, options.refresh, options.epoch, options.apt_snapshot)


def report_for(options: PlanOptions) -> "Report":
    """The plan that was asked for, with its jobs.

    Raises:
        InputError: something that was given cannot be used.
    """
    from localai_ci.plan.decide import decide
    from localai_ci.plan.report import report_of
    from localai_ci.plan.sources import gather, selected_by_inputs

    request, base = _request(options), None
    if options.since_published:
        from localai_ci.cli.registry_says import since_published, with_untagged

        if not request.event.publishes:
            raise InputError(
                f"a {request.event} publishes nothing that another run could have lost",
                where="--since-published",
                remedy="Give --event push.",
            )
        asked = _asked(options, "--since-published", options.since_published)
        request, base = since_published(request, asked)
    known, change = gather(request, sys.stdin.buffer.read)
    decided = decide(known.matrix, known.rules, change)
    if base:
        decided = with_untagged(decided, base)
    if options.by_inputs and not request.no_base:
        decided = selected_by_inputs(decided, request, known)
    if options.built:
        from localai_ci.cli.registry_says import without_built

        asked = _asked(options, "--built", options.built)
        decided = without_built(decided, request, known, asked)
    return report_of(decided, known, options.runners, options.budget, pack=options.pack)


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
