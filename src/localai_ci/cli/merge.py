"""`localai-ci merge`, `tags`, `gc`, `rollback`: from receipts to tags, and back."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localai_ci.cli import output
from localai_ci.cli.output import Format, FormatOption
from localai_ci.matrix.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from localai_ci.matrix.registries import Registries
    from localai_ci.registry.anchors import Swept
    from localai_ci.registry.image_merge import Options
    from localai_ci.registry.plan import Image
    from localai_ci.registry.results import ImageRow, MergeResult, TagRow
    from localai_ci.registry.signing import Signing
    from localai_ci.registry.transport import Transport

EventName = Annotated[
    str, typer.Option("--event", envvar="GITHUB_EVENT_NAME", help="push, schedule, …")
]
Ref = Annotated[
    str, typer.Option(envvar="GITHUB_REF", help="refs/heads/<branch> or refs/tags/<tag>.")
]
Sha = Annotated[str, typer.Option(envvar="GITHUB_SHA", help="The commit, 40 hex digits.")]
Epoch = Annotated[
    int | None, typer.Option(help="Seconds since 1970 for the tags of a branch's server images.")
]
RegistriesFile = Annotated[
    Path | None,
    typer.Option("--registries", help="Another file like registries.yaml, the installed one."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only read; tell what would be written.")]


def merge(
    receipts: Annotated[Path, typer.Option(help="A folder of receipts (*.json), searched deep.")],
    ref: Ref,
    sha: Sha,
    event: EventName = "push",
    epoch: Epoch = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="From `plan --format json`: what must be there, not only what arrived."),
    ] = None,
    dry_run: DryRun = False,
    force_latest: Annotated[
        bool, typer.Option("--force-latest", help="Let `latest` go back to an older version.")
    ] = False,
    keep_anchors: Annotated[
        bool, typer.Option("--keep-anchors", help="Leave the tags that kept the legs alive.")
    ] = False,
    sign_key: Annotated[
        str, typer.Option(help="Sign with this key: a file, env://NAME or a KMS address.")
    ] = "",
    verify_key: Annotated[str, typer.Option(help="The public key that belongs to it.")] = "",
    sign_keyless: Annotated[
        str,
        typer.Option(metavar="REGEXP", help="Sign as this CI run, whose identity matches it."),
    ] = "",
    log: Annotated[
        bool,
        typer.Option("--log/--no-log", help="Note signatures in the public transparency log."),
    ] = True,
    registries: RegistriesFile = None,
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the result here, for `rollback`."),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Merge all legs of a run: one index an image, the same in every registry, tags last.

    Run it again after any failure: what is done is found, and only the rest is written.
    """
    import anyio

    from localai_ci.plan.promise import promised
    from localai_ci.registry.image_merge import Options
    from localai_ci.registry.plan import images
    from localai_ci.registry.receipt import read_all
    from localai_ci.registry.signing import Signing
    from localai_ci.registry.tags import Event
    from localai_ci.registry.targets import naming

    known = _registries(registries)
    entries = promised(plan) if plan else None
    happened = Event(event, ref, sha, epoch=epoch)
    wanted = images(read_all(receipts), entries, naming(known, happened), sha)
    options = Options(dry_run=dry_run, force_latest=force_latest, keep_anchors=keep_anchors)
    asked = sign_key or verify_key or sign_keyless
    signing = Signing(sign_key, verify_key, sign_keyless, log=log) if asked else None
    result = anyio.run(_merge, known, wanted, options, signing, out)
    if form is Format.json:
        output.line(result.model_dump_json(indent=1))
    else:
        _tell(result)
    if not result.ok:
        raise typer.Exit(1)


def tags(
    ref: Ref,
    sha: Sha,
    event: EventName = "push",
    suffix: Annotated[str, typer.Option(help="With its dash; empty for the server image.")] = "",
    kind: Annotated[Kind, typer.Option(help="Whose rules.")] = Kind.backends,
    epoch: Epoch = None,
    registries: RegistriesFile = None,
    form: FormatOption = Format.table,
) -> None:
    """Print the tags of one image, as docker/metadata-action names them, one a line."""
    from localai_ci.registry.tags import Event
    from localai_ci.registry.targets import naming

    named = naming(_registries(registries), Event(event, ref, sha, epoch=epoch))(kind, suffix)
    if form is Format.json:
        about = {"tags": named.names, "version": named.version, "latest": named.latest}
        output.line(json.dumps(about))
    else:
        for name in named.names:
            output.line(name)


def gc(
    older_than: Annotated[int, typer.Option(min=1, metavar="DAYS", help="Only older anchors.")],
    delete: Annotated[
        bool, typer.Option("--delete", help="Do it; without this they are only told.")
    ] = False,
    registries: RegistriesFile = None,
    form: FormatOption = Format.table,
) -> None:
    """Delete the anchors of runs that were never merged: by tag name, never by digest."""
    import anyio

    found = anyio.run(_gc, _registries(registries), older_than, delete)
    if form is Format.json:
        output.line(json.dumps([vars(one) for one in found], indent=1))
    else:
        output.table(["anchor", "result"], [[one.image, one.done or one.error] for one in found])
        if not delete and any(one.done for one in found):
            output.note("nothing was deleted: --delete does it")
    if any(one.error for one in found):
        raise typer.Exit(1)


def rollback(
    result: Annotated[Path, typer.Argument(help="The file of `merge --output`.")],
    dry_run: DryRun = False,
    registries: RegistriesFile = None,
    form: FormatOption = Format.table,
) -> None:
    """Give every tag that a merge moved its previous image again, unless it moved on since."""
    import anyio

    from localai_ci.registry.results import MergeResult

    rows, well = anyio.run(_rollback, _registries(registries), MergeResult.read(result), dry_run)
    if form is Format.json:
        output.line(json.dumps([{"tag": tag, "result": done} for tag, done in rows], indent=1))
    else:
        output.table(["tag", "result"], rows)
    if not well:
        raise typer.Exit(1)


async def _merge(
    known: "Registries",
    wanted: "Sequence[Image]",
    options: "Options",
    signing: "Signing | None",
    out: Path | None,
) -> "MergeResult":
    from localai_ci.registry.credentials import Keyring
    from localai_ci.registry.merge import Merge
    from localai_ci.registry.signing import Cosign
    from localai_ci.registry.targets import targets

    where = {kind: targets(known, kind) for kind in Kind}
    async with _transport(known, read_only=options.dry_run) as transport:
        with _progress(len(wanted)) as report:
            signer = Cosign(transport, Keyring.default(), signing) if signing else None
            merge = Merge(transport, where, options, signer, report)
            try:
                return await merge.run(wanted)
            finally:  # also after an interruption: which tags moved must not be lost
                if out:
                    merge.result.write(out)


async def _gc(known: "Registries", older_than: int, delete: bool) -> "list[Swept]":
    from datetime import UTC, datetime

    from localai_ci.registry.anchors import sweep
    from localai_ci.registry.targets import targets

    where = [target.anchors for kind in Kind for target in targets(known, kind)]
    async with _transport(known, read_only=not delete) as transport:
        today = datetime.now(UTC).date()
        return await sweep(transport, where, older_than=older_than, today=today, delete=delete)


async def _rollback(
    known: "Registries", result: "MergeResult", dry_run: bool
) -> tuple[list[list[str]], bool]:
    from localai_ci.registry.rollback import rollback as restore

    rows: list[list[str]] = []

    def report(tag: "TagRow", done: str) -> None:
        rows.append([tag.image, done])

    async with _transport(known, read_only=dry_run) as transport:
        return rows, await restore(transport, result, report, dry_run=dry_run)


def _registries(file: Path | None) -> "Registries":
    from localai_ci.matrix.registries import registries

    return registries(file)


def _transport(known: "Registries", *, read_only: bool) -> "Transport":
    """Signed in as Docker is, and nowhere else."""
    from localai_ci.registry.credentials import Keyring
    from localai_ci.registry.targets import plain_http
    from localai_ci.registry.transport import Transport

    return Transport(Keyring.default(), plain_http=plain_http(known), read_only=read_only)


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[ImageRow], None]]":
    """How far it is, on a terminal's standard error; what fails is told there at once."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("merging", total=total)

        def report(row: "ImageRow") -> None:
            bar.advance(task)
            if row.error:
                bar.console.print(f"{row.name}: {row.status}", markup=False)

        yield report


def _tell(result: "MergeResult") -> None:
    """A row an image; a dry run tells everything that it would write instead."""
    if result.dry_run:
        for row in result.images:
            _tell_plan(row)
    else:
        columns = ["image", "result", "digest", "legs", "brought", "tags", "seconds"]
        output.table(columns, map(_cells, result.images))
    alike: dict[str, list[str]] = {}
    for row in result.images:
        for words in [*row.notes, *([row.error] if row.error else [])]:
            alike.setdefault(words, []).append(row.name)
    for words, names in alike.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        output.note(f"{names[0]}{more}: {words}")
    counts = ", ".join(f"{n} {status}" for status, n in result.counts.items())
    requests = sum(result.requests.values())
    output.line(
        f"{counts}; {requests} requests, {result.writes} of them writes, {result.seconds:.1f} s"
    )


def _cells(row: "ImageRow") -> list[str]:
    moved = sum(tag.state == "moved" for tag in row.tags)
    numbers = [str(len(row.legs)), str(len(row.healed)), str(moved)]
    return [row.name, row.status, row.digest[:19], *numbers, f"{row.seconds:.1f}"]


def _tell_plan(row: "ImageRow") -> None:
    output.line(f"{row.name}: {row.status} {row.digest}")
    for leg in row.healed:
        output.line(f"  bring {leg}")
    if row.status == "planned":
        output.line(f"  index {row.index}")
    for tag in row.tags:
        output.line(f"  tag   {tag.image} (now {tag.previous or 'nothing'})")
