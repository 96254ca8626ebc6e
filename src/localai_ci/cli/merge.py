"""`localai-ci merge`: from pushed legs to released images."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localai_ci.cli import output
from localai_ci.cli.options import (
    Epoch,
    EventName,
    Ref,
    RegistriesPath,
    Sha,
    event_of,
    load_registries,
    transport_to,
)
from localai_ci.cli.output import Format, FormatOption
from localai_ci.config.kind import ImageKind
from localai_ci.errors import LocalaiCiError
from localai_ci.text import printable

if TYPE_CHECKING:
    from localai_ci.config.registries import Registries
    from localai_ci.release.merge import Merge
    from localai_ci.release.result import ImageRow, MergeResult
    from localai_ci.release.sign import Cosign

    Report = Callable[[ImageRow], None]


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    app.command()(merge)


def merge(
    receipts: Annotated[Path, typer.Option("--receipts", help="The folder of all receipts.")],
    event: EventName,
    ref: Ref,
    sha: Sha,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="The run's plan: all it promised is demanded."),
    ] = None,
    run_id: Annotated[
        str, typer.Option("--run-id", help="Refuse receipts of any other run than this one.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read, and show all.")] = False,
    force_latest: Annotated[
        bool, typer.Option("--force-latest", help="Move `latest` to an older version too.")
    ] = False,
    keep_anchors: Annotated[
        bool, typer.Option("--keep-anchors", help="Do not delete the anchors of merged legs.")
    ] = False,
    provenance: Annotated[
        bool, typer.Option("--provenance", help="Attach SLSA provenance to every image.")
    ] = False,
    sign: Annotated[bool, typer.Option("--sign", help="Sign before tags move.")] = False,
    sign_key: Annotated[
        str, typer.Option("--sign-key", help="A private key's file; absent: keyless.")
    ] = "",
    verify_key: Annotated[str, typer.Option("--verify-key", help="Its public half.")] = "",
    verify_identity: Annotated[
        str, typer.Option("--verify-identity", help="Keyless: the expected identity (regexp).")
    ] = "",
    verify_issuer: Annotated[
        str, typer.Option("--verify-issuer", help="Keyless: who vouches for it; default: GitHub.")
    ] = "",
    signing_config: Annotated[
        str, typer.Option("--signing-config", help="Another Sigstore: cosign's signing config.")
    ] = "",
    cosign: Annotated[str, typer.Option("--cosign", help="cosign 3, if not on PATH.")] = "cosign",
    epoch: Epoch = None,
    result: Annotated[
        Path, typer.Option("--result", help="Where to write what was done; rollback reads it.")
    ] = Path("merge-result.json"),
    registries_file: RegistriesPath = None,
    format_: FormatOption = Format.table,
) -> None:
    """Merge the legs of every image into one index, the same in all registries, tags last."""
    import anyio

    from localai_ci.release.collect import collect
    from localai_ci.release.merge import Merge
    from localai_ci.release.merge_image import Options
    from localai_ci.release.targets import targets

    file = load_registries(registries_file)
    happened = event_of(file, event, ref, sha, epoch)
    who = (sign_key, verify_key, verify_identity, verify_issuer, signing_config)
    signer = _signer(file, cosign, who) if sign and not dry_run else None

    async def act() -> "MergeResult":
        if signer:
            await signer.check()
        async with transport_to(file, dry_run=dry_run) as transport:
            found = await collect(
                transport, receipts, plan, file, happened, output.note, run_id=run_id
            )
            images = found.images
            places = {kind: targets(file, kind) for kind in ImageKind}
            options = Options(dry_run, force_latest, keep_anchors, provenance)
            work = Merge(transport, places, options, signer)
            work.result.unusable = list(found.unusable)
            with progress(len(images)) as report:
                if dry_run:
                    work.report = report
                    return await work.run(images)
                with _recorded(work, result, report):
                    return await work.run(images)

    done = anyio.run(act)
    _show(done, format_)
    if not done.ok:
        raise typer.Exit(1)


@contextmanager
def _recorded(work: "Merge", path: Path, report: "Report") -> "Iterator[None]":
    """Tell of each image, and keep the record of moved tags."""
    from localai_ci.release.journal import Journal

    journal = Journal(path, work.result)

    def both(row: "ImageRow") -> None:
        report(row)
        journal.note(row)

    work.report, work.promise, work.remembered = both, journal.promise, journal.remembered
    try:
        yield
    finally:
        try:
            left = journal.close()
        except LocalaiCiError as e:  # what was done is told all the same
            work.result.ok, left = False, False
            output.note(f"error: {e}")
        if left:
            output.note(f"note: what an earlier merge moved is in {journal.beside}")


def _signer(file: "Registries", program: str, who: tuple[str, ...]) -> "Cosign":
    from localai_ci.release.sign import Cosign, identity
    from localai_ci.release.targets import plain_http

    return Cosign(identity(*who), plain_http=plain_http(file), program=program)


def _show(done: "MergeResult", format_: Format) -> None:
    if format_ is Format.json:
        output.line(done.as_text().rstrip("\n"))
        return
    rows = [
        [
            row.suffix or "(no suffix)",
            row.status.value,
            row.digest,
            str(len(row.legs)),
            ", ".join(dict.fromkeys(tag.image.rpartition(":")[2] for tag in row.tags)),
            "\n".join([*([row.error] if row.error else []), *row.notes]),
        ]
        for row in done.images
    ]
    caption = f"{len(rows)} images, {sum(done.requests.values())} requests, {done.writes} writes"
    output.table(
        ["image", "", "digest", "legs", "tags", "remarks"], rows, f"{caption}, {done.seconds} s"
    )
    if done.dry_run:
        for row in done.images:
            output.line(f"{row.suffix} {row.index}")


@contextmanager
def progress(total: int) -> Iterator[Callable[["ImageRow"], None]]:
    """Yield what is to be called with every image that is done; failures are told at once."""
    from rich.console import Console
    from rich.progress import Progress

    from localai_ci.release.result import Status

    console = Console(stderr=True, highlight=False)
    with Progress(console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("merging", total=total)

        def report(row: "ImageRow") -> None:
            bar.advance(task)
            if row.status in {Status.failed, Status.refused}:
                told = f"{row.suffix}: {row.status}: {row.error}"
                console.print(printable(told, lines=True), markup=False)

        yield report
