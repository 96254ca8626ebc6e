"""Publish one leg: push it under its run's anchor to every registry, prove it, write a receipt."""

import datetime as dt
import time
from dataclasses import replace
from importlib.metadata import version

from dagger import Directory, dag

from localai_ci import backend
from localai_ci.backend import tree
from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.kind import Kind
from localai_ci.matrix.registries import Registries
from localai_ci.names import anchor_tag, input_tag, receipt_file
from localai_ci.push import push
from localai_ci.registry import copying
from localai_ci.registry.proving import prove_and_receipt
from localai_ci.registry.receipt import Run
from localai_ci.registry.reference import Reference
from localai_ci.registry.targets import plain_http, targets


async def publish(
    request: backend.Request, file: Registries, run_id: str, url: str, revision: str
) -> Directory:
    """Build an entry, push it to all registries from one evaluated container, and prove it.

    One that the first registry has from the very same inputs is copied instead.

    Returns:
        A folder with the receipt, under the name that merges look for.

    Raises:
        LocalaiCiError: it cannot be built, or a registry does not have what the others have.
    """
    to = targets(file, Kind.backends)
    by = replace(request.login, plain_http=plain_http(file))
    images = request.images or str(to[0].repository)
    wish = replace(request.wish, repository=request.wish.repository or file.bases)
    began = time.monotonic()
    built = await backend.build(replace(request, login=by, images=images, wish=wish))
    container = await built.container.sync()
    seconds = 0.0 if built.found else round(time.monotonic() - began, 1)
    day = dt.datetime.now(dt.UTC).date()
    tag = anchor_tag(day.strftime("%Y%m%d"), run_id, built.entry.id)
    anchors = {t.name: t.anchors.at(tag) for t in to}
    places = [place for t in to for place in (t.repository, t.anchors)]
    async with by.transport(places) as transport:
        for anchor in anchors.values():
            if built.found:
                await copying.copy(transport, Reference.parse(built.found), anchor)
            else:
                await push(container, anchor, by)
        receipt = await prove_and_receipt(
            transport,
            entry=built.entry.id,
            anchors=anchors,
            run=Run(id=run_id, day=day, url=url, revision=revision),
            legs=_legs(await tree.matrix_of(request.source), built.entry.suffix),
            input_hash=built.inputs,
            built_by={"localai-ci": version("localai-ci"), "dagger": await dag.version()},
        )
        # Under the name of its inputs it is found by the next plan and the next build.
        known = input_tag(built.inputs, built.entry.suffix, built.entry.arch)
        for target in to:
            await copying.copy(transport, anchors[target.name], target.repository.at(known))
    timed = receipt.model_copy(update={"seconds": seconds})
    text = timed.model_dump_json(indent=1) + "\n"
    return dag.directory().with_new_file(receipt_file(timed.entry), text)


def _legs(matrix: Matrix, suffix: str) -> list[str]:
    """All entries of the same image: what a merge without a plan demands."""
    return [e.id for e in matrix.entries if e.os == "linux" and e.suffix == suffix]
