"""Publish one leg: push it under its run's anchor to every registry, prove it, write a receipt."""

from dataclasses import replace
from importlib.metadata import version

from dagger import Directory, dag

from localai_ci.backends.publish import name_by_inputs, push_leg, ready_leg
from localai_ci.backends.request import BackendRequest
from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import Registries
from localai_ci.names import receipt_file
from localai_ci.release import kept
from localai_ci.release.proof import prove_and_receipt
from localai_ci.release.receipt import Run
from localai_ci.release.targets import login, targets


async def publish(
    request: BackendRequest,
    file: Registries,
    run_id: str,
    url: str,
    revision: str,
    *,
    dry_run: bool = False,
) -> Directory:
    """Build an entry, push it to all registries from one evaluated container, and prove it.

    One that the first registry has from the very same inputs is copied instead.

    Returns:
        A folder with the receipt, under the name that merges look for; of a dry run, with what
        would be pushed, under a name that no merge takes for a receipt.

    Raises:
        LocalaiCiError: it cannot be built, or a registry does not have what the others have.
    """
    to = targets(file, ImageKind.backends)
    by = login(file, request.login)
    images = request.images or str(to[0].repository)
    preference = replace(request.preference, repository=request.preference.repository or file.bases)
    places = [place for t in to for place in (t.repository, t.anchors)]
    for_images = replace(request, login=by, images=images, preference=preference)
    ready = await ready_leg(for_images, {t.name: t.anchors for t in to}, run_id, revision)
    if dry_run:
        name = f"{receipt_file(ready.leg.entry.id).removesuffix('.json')}.dry-run"
        return dag.directory().with_new_file(name, ready.as_json())
    async with by.transport(places) as transport:
        leg = await push_leg(ready, transport, by)
        receipt = await prove_and_receipt(
            transport,
            entry=leg.entry.id,
            anchors=leg.anchors,
            run=Run(id=run_id, day=leg.day, url=url, revision=revision),
            legs=leg.legs,
            input_hash=leg.inputs,
            built_by={"localai-ci": version("localai-ci"), "dagger": await dag.version()},
        )
        timed = receipt.model_copy(update={"seconds": leg.seconds})
        named = [t.repository.at(leg.input_tag) for t in to]
        if leg.found:
            timed = await kept.with_origin(transport, named, timed)
        await name_by_inputs(transport, leg, [(t.name, t.repository) for t in to])
        if timed.origin.id:
            for place in named:
                await kept.keep(transport, place, timed)
    text = timed.as_text()
    return dag.directory().with_new_file(receipt_file(timed.entry), text)
