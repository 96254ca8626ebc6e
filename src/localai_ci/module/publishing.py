"""Publish one leg: push it under its run's anchor to every registry, prove it, write a receipt."""

from dataclasses import dataclass, replace
from importlib.metadata import version

from dagger import Directory, dag

from localai_ci.backends.publish import (
    MadeLeg,
    ReadyLeg,
    make_backend,
    make_server,
    name_by_inputs,
    push_leg,
    ready_leg,
)
from localai_ci.backends.request import BackendRequest
from localai_ci.backends.server_build import ServerRequest
from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import Registries
from localai_ci.names import receipt_file
from localai_ci.oci.login import Login
from localai_ci.release import kept
from localai_ci.release.proof import prove_and_receipt
from localai_ci.release.receipt import Receipt, Run
from localai_ci.release.targets import Target, login, targets

LegRequest = BackendRequest | ServerRequest
"""What is asked of a leg, of either family."""


@dataclass(frozen=True)
class PublishingRun:
    """Where the legs of a run go, and what run it is.

    Attributes:
        file: The registries.
        run_id: Names the run.
        url: Where it can be looked at.
        revision: The commit that is built.
    """

    file: Registries
    run_id: str
    url: str = ""
    revision: str = ""

    def places(self, kind: ImageKind) -> tuple[Target, ...]:
        """Where a family goes."""
        return targets(self.file, kind)

    def wanted(self, request: LegRequest) -> LegRequest:
        """A request that finds bases and finished images where the run publishes them."""
        kind = ImageKind.images if isinstance(request, ServerRequest) else ImageKind.backends
        images = request.images or str(self.places(kind)[0].repository)
        by = login(self.file, request.login)
        if isinstance(request, ServerRequest):
            return replace(request, login=by, images=images, revision=self.revision)
        bases = request.preference.repository or self.file.bases
        preference = replace(request.preference, repository=bases)
        return replace(request, login=by, images=images, preference=preference)


async def make(request: LegRequest) -> MadeLeg:
    """Build a leg of either family.

    Raises:
        LocalaiCiError: it cannot be built.
    """
    if isinstance(request, ServerRequest):
        return await make_server(request)
    return await make_backend(request)


async def ready(made: MadeLeg, run: PublishingRun) -> ReadyLeg:
    """Name what was built as its run will; nothing is written."""
    anchors = {t.name: t.anchors for t in run.places(made.kind)}
    return await ready_leg(made, anchors, run.run_id, run.revision or made.revision)


async def push(made: MadeLeg, run: PublishingRun, by: Login) -> Receipt:
    """Push a leg to all registries from one evaluated container, and prove it.

    Args:
        made: The leg; one that the first registry has from the very same inputs is copied instead.
        run: Where to.
        by: How these registries are reached, as registries.yaml declares them.

    Raises:
        LocalaiCiError: a registry refused it, or does not have what the others have.
    """
    to, revision = run.places(made.kind), run.revision or made.revision
    named = await ready(made, run)
    async with by.transport([place for t in to for place in (t.repository, t.anchors)]) as way:
        leg = await push_leg(named, way, by)
        receipt = await prove_and_receipt(
            way,
            entry=leg.entry.id,
            anchors=leg.anchors,
            run=Run(id=run.run_id, day=leg.day, url=run.url, revision=revision),
            legs=leg.legs,
            kind=made.kind,
            input_hash=leg.inputs,
            built_by={"localai-ci": version("localai-ci"), "dagger": await dag.version()},
        )
        timed = receipt.model_copy(update={"seconds": leg.seconds})
        places = [t.repository.at(leg.input_tag) for t in to]
        if leg.found:
            timed = await kept.with_origin(way, places, timed)
        await name_by_inputs(way, leg, [(t.name, t.repository) for t in to])
        if timed.origin.id:
            for place in places:
                await kept.keep(way, place, timed)
    return timed


async def publish(request: LegRequest, run: PublishingRun, *, dry_run: bool = False) -> Directory:
    """Build a leg, push it to all registries, and prove it.

    Returns:
        A folder with the receipt, under the name that merges look for; of a dry run, with what
        would be pushed, under a name that no merge takes for a receipt.

    Raises:
        LocalaiCiError: it cannot be built, or a registry does not have what the others have.
    """
    made = await make(run.wanted(request))
    if dry_run:
        name = f"{receipt_file(made.leg.id).removesuffix('.json')}.dry-run"
        return dag.directory().with_new_file(name, (await ready(made, run)).as_json())
    receipt = await push(made, run, login(run.file, request.login))
    text = receipt.as_text()
    return dag.directory().with_new_file(receipt_file(receipt.entry), text)
