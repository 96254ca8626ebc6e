"""Publish one leg: push it under its run's anchor to every registry, prove it, write a receipt."""

import datetime as dt
import time
from importlib.metadata import version

from dagger import Directory, dag

from localai_ci import backend
from localai_ci.matrix.kind import Kind
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.registries import Registries
from localai_ci.names import anchor_tag, input_tag, receipt_file
from localai_ci.push import Login, push
from localai_ci.registry import copying
from localai_ci.registry.proving import prove_and_receipt
from localai_ci.registry.receipt import Run
from localai_ci.registry.targets import plain_http, targets
from localai_ci.registry.transport import Transport


async def publish(
    request: backend.Request, file: Registries, by: Login, run_id: str, url: str, revision: str
) -> Directory:
    """Build an entry, push it to all registries from one evaluated container, and prove it.

    Returns:
        A folder with the receipt, under the name that merges look for.

    Raises:
        LocalaiCiError: it cannot be built, or a registry does not have what the others have.
    """
    began = time.monotonic()
    built = await backend.build(request)
    container = await built.container.sync()
    seconds = time.monotonic() - began
    day = dt.datetime.now(dt.UTC).date()
    tag = anchor_tag(day.strftime("%Y%m%d"), run_id, built.entry.id)
    anchors = {t.name: t.anchors.at(tag) for t in targets(file, Kind.backends)}
    for anchor in anchors.values():
        await push(container, anchor, by)
    async with Transport(by.keyring, plain_http=plain_http(file)) as transport:
        receipt = await prove_and_receipt(
            transport,
            entry=built.entry.id,
            anchors=anchors,
            run=Run(id=run_id, day=day, url=url, revision=revision),
            legs=_legs(built.entry.suffix),
            input_hash=built.inputs,
            built_by={"localai-ci": version("localai-ci"), "dagger": await dag.version()},
        )
        # Under the name of its inputs it is found by the next plan and the next build.
        known = input_tag(built.inputs, built.entry.suffix, built.entry.arch)
        for target in targets(file, Kind.backends):
            await copying.copy(transport, anchors[target.name], target.repository.at(known))
    timed = receipt.model_copy(update={"seconds": 0.0 if built.found else round(seconds, 1)})
    text = timed.model_dump_json(indent=1) + "\n"
    return dag.directory().with_new_file(receipt_file(timed.entry), text)


def _legs(suffix: str) -> list[str]:
    """All entries of the same image: what a merge without a plan demands."""
    return [e.id for e in load_matrix().entries if e.os == "linux" and e.suffix == suffix]
