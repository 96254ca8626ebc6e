"""`localai-ci tags`, `gc` and `rollback`: what images are called, and what is taken back."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localai_ci import json_text
from localai_ci.cli import output
from localai_ci.cli.options import (
    Epoch,
    EventName,
    FormatOption,
    Ref,
    RegistriesPath,
    Sha,
    event_of,
    load_registries,
    transport_to,
)
from localai_ci.cli.output import Format
from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError

if TYPE_CHECKING:
    from localai_ci.oci.reference import Reference

KindOption = Annotated[ImageKind, typer.Option("--kind", help="The family of images.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    for command in (tags, gc, rollback):
        app.command()(command)


def tags(
    event: EventName,
    ref: Ref,
    sha: Sha,
    suffix: Annotated[str, typer.Option("--suffix", help="With its dash; may be empty.")] = "",
    epoch: Epoch = None,
    kind: KindOption = ImageKind.backends,
    registries_file: RegistriesPath = None,
    format_: FormatOption = Format.table,
) -> None:
    """Print the tags that an image gets, as docker/metadata-action would name them."""
    from localai_ci.release.collect import named as named_tags

    file = load_registries(registries_file)
    named = named_tags(file, event_of(file, event, ref, sha, epoch), kind, suffix)
    if format_ is Format.json:
        shown = {"tags": named.names, "version": named.version, "latest": bool(named.latest)}
        output.line(json_text.write(shown, indent=1))
    else:
        for name in named.names:
            output.line(name)


def gc(
    older_than: Annotated[int, typer.Option("--older-than", min=1, help="Days.")],
    delete: Annotated[bool, typer.Option("--delete", help="Really delete; absent: show.")] = False,
    plan: Annotated[
        list[Path] | None,
        typer.Option(
            "--plan",
            help="A plan of everything (plan --built --format json): names of inputs that none of"
            " these names are collected too.",
        ),
    ] = None,
    registries_file: RegistriesPath = None,
) -> None:
    """Show, or delete with --delete, old anchors that were never merged, and old in-… tags."""
    import anyio

    from localai_ci.release.gc import collect_garbage, collect_input_tags
    from localai_ci.release.targets import targets

    file = load_registries(registries_file)
    everything = [target for kind in ImageKind for target in targets(file, kind)]
    named = _named(plan) if plan else None
    before = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=older_than)

    def report(tag: "Reference", what: str) -> None:
        output.line(f"{tag}: {what}")

    async def act() -> bool:
        async with transport_to(file, dry_run=not delete) as transport:
            places = [target.anchors for target in everything]
            well = await collect_garbage(transport, places, before, report, dry_run=not delete)
            if named is None:
                output.note("note: in-… tags stay; --plan names those that are in use")
                return well
            images = [target.repository for target in targets(file, ImageKind.backends)]
            return (
                await collect_input_tags(
                    transport, images, before, named, report, dry_run=not delete
                )
                and well
            )

    if not anyio.run(act):
        raise typer.Exit(1)


def rollback(
    result: Annotated[Path, typer.Option("--result", help="The --result file of a merge.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show.")] = False,
    registries_file: RegistriesPath = None,
) -> None:
    """Put every tag that a merge moved back to the digest it had before."""
    import anyio

    from localai_ci.release.result import MergeResult
    from localai_ci.release.rollback import rollback as undo

    file = load_registries(registries_file)
    recorded = MergeResult.read(result)

    async def act() -> bool:
        async with transport_to(file, dry_run=dry_run) as transport:
            return await undo(
                transport, recorded, lambda tag, what: output.line(f"{tag.image}: {what}"),
                dry_run=dry_run,
            )  # fmt: skip

    well = anyio.run(act)
    if not dry_run:
        recorded.write(result)
    if not well:
        raise typer.Exit(1)


def _named(plans: list[Path]) -> set[str]:
    """The tags of all that plans found built.

    Raises:
        InputError: one is not a plan, or not one of everything: it would leave out what is in use.
    """
    from localai_ci.release.promise import read_promise

    named: set[str] = set()
    for path in plans:
        promise = read_promise(path)
        if not promise.complete:
            raise InputError(
                "a plan of a change does not name all that is in use",
                where=str(path),
                remedy="Give one of everything: localai-ci plan --event schedule --built …",
            )
        named |= {image.rpartition(":")[2] for image in promise.built.values()}
    return named
