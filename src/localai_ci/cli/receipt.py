"""`localai-ci receipt`: a leg that another workflow built and pushed joins a run."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localai_ci.cli import output
from localai_ci.cli.options import RegistriesPath, load_registries, transport_to
from localai_ci.config.kind import ImageKind

if TYPE_CHECKING:
    from localai_ci.release.receipt import Receipt


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    app.command()(receipt)


def receipt(
    entry: Annotated[str, typer.Option(help="metal-darwin-arm64-whisper/darwin-arm64")],
    image: Annotated[str, typer.Option(help="What was pushed: HOST/PATH:TAG or @DIGEST.")],
    run_id: Annotated[str, typer.Option("--run-id", help="The run that it joins.")],
    revision: Annotated[str, typer.Option(help="The commit it was built from, 40 hex digits.")],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Where the receipt goes.")],
    run_url: Annotated[str, typer.Option("--run-url", help="Where the run can be seen.")] = "",
    seconds: Annotated[float, typer.Option(min=0, help="How long its build took.")] = 0.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say where it would be copied to.")
    ] = False,
    registries_file: RegistriesPath = None,
) -> None:
    """Copy an image under the run's anchors, prove it there, and write its receipt."""
    import anyio

    from localai_ci.oci.reference import Reference
    from localai_ci.release.adopt import adopt, anchors
    from localai_ci.release.receipt import Run
    from localai_ci.release.targets import targets

    file = load_registries(registries_file)
    places = targets(file, ImageKind.backends)
    source = Reference.parse(image)
    run = Run(id=run_id, day=dt.datetime.now(dt.UTC).date(), url=run_url, revision=revision)
    there = anchors(places, run.day, run.id, entry)
    if dry_run:
        for anchor in there.values():
            output.line(f"would copy {source} to {anchor}")
        return

    async def act() -> "Receipt":
        async with transport_to(file, dry_run=False) as transport:
            return await adopt(transport, source, places, entry, run)

    made = anyio.run(act)
    path = made.model_copy(update={"seconds": seconds}).write(folder)
    output.line(f"{entry}: {made.digest} for {made.platform} in {', '.join(there)}; {path}")
