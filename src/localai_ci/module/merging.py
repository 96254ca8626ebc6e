"""The merge as a function: receipts from the engine, and its own client to the registries."""

import tempfile
from pathlib import Path

from dagger import Directory, File

from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import Registries
from localai_ci.module.signing import Signing
from localai_ci.oci.login import Login
from localai_ci.release.collect import collect
from localai_ci.release.merge import Merge
from localai_ci.release.merge_image import Options
from localai_ci.release.result import ImageRow, MergeResult
from localai_ci.release.tags import GitEvent
from localai_ci.release.targets import login, targets
from localai_ci.text import say


async def merge(
    receipts: Directory,
    plan: File | None,
    event: GitEvent,
    file: Registries,
    by: Login,
    options: Options,
    run_id: str = "",
    signing: Signing | None = None,
) -> MergeResult:
    """Merge all receipts of a folder; an image that fails is a row of the result.

    Raises:
        InputError: a receipt or the plan cannot be read, or it cannot be signed as asked for.
        LocalaiCiError: the given cosign does not run, or is another one than needed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await receipts.export(str(folder / "receipts"))
        signer = await signing.signer(folder, file, by) if signing and not options.dry_run else None
        if signer:
            await signer.check()
        promised = folder / "plan.json" if plan else None
        if plan:
            await plan.export(str(promised))
        places = {kind: targets(file, kind) for kind in ImageKind}
        all_of_them = [one.repository for kind in places for one in places[kind]]
        way = login(file, by)
        async with way.transport(all_of_them, read_only=options.dry_run) as transport:
            found = await collect(
                transport, folder / "receipts", promised, file, event, say, run_id=run_id
            )
            work = Merge(transport, places, options, signer, report=_tell)
            work.result.unusable = list(found.unusable)
            return await work.run(found.images)


def _tell(row: ImageRow) -> None:
    say(f"{row.suffix or '(no suffix)'}: {row.status}{f': {row.error}' if row.error else ''}")
