"""Push one leg under its run's anchor, and name it by its inputs once it is proven."""

import datetime as dt
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from localai_ci.backends.build import build
from localai_ci.backends.request import BackendRequest
from localai_ci.backends.source_tree import open_tree
from localai_ci.bases.push import push
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.names import anchor_tag, input_tag
from localai_ci.oci import copy
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport


@dataclass(frozen=True)
class PushedLeg:
    """A leg that was pushed, and not read back yet.

    Attributes:
        entry: What was built.
        inputs: Hash of all that went into it.
        day: UTC; the anchor's name starts with it.
        anchors: Where it was pushed, by the registry's name.
        legs: All entries of the same image: what a merge without a plan demands.
        seconds: Of the build; 0 where it was found built.
    """

    entry: Entry
    inputs: str
    day: dt.date
    anchors: Mapping[str, Reference]
    legs: tuple[str, ...]
    seconds: float


async def push_leg(
    request: BackendRequest,
    transport: Transport,
    repositories: Mapping[str, Repository],
    run_id: str,
) -> PushedLeg:
    """Build an entry, and push it to all registries from one evaluated container.

    One that was found built is copied instead.

    Args:
        request: What to build.
        transport: Our client, for copies.
        repositories: Where anchors stand, by the registry's name.
        run_id: Names the run.

    Raises:
        LocalaiCiError: it cannot be built, or a registry refused it.
    """
    began = time.monotonic()
    built = await build(request)
    container = await built.container.sync()
    seconds = 0.0 if built.found else round(time.monotonic() - began, 1)
    day = dt.datetime.now(dt.UTC).date()
    tag = anchor_tag(day.strftime("%Y%m%d"), run_id, built.entry.id)
    anchors = {name: repository.at(tag) for name, repository in repositories.items()}
    for anchor in anchors.values():
        if built.found:
            await copy.copy(transport, Reference.parse(built.found), anchor)
        else:
            await push(container, anchor, request.login)
    tree = await open_tree(request.source)
    legs = _legs(tree.tables.matrix, built.entry.suffix)
    return PushedLeg(built.entry, built.inputs, day, anchors, legs, seconds)


async def name_by_inputs(
    transport: Transport, leg: PushedLeg, repositories: Iterable[tuple[str, Repository]]
) -> None:
    """Under the name of its inputs it is found by the next plan and the next build."""
    known = input_tag(leg.inputs, leg.entry.suffix, leg.entry.arch)
    for name, repository in repositories:
        await copy.copy(transport, leg.anchors[name], repository.at(known))


def _legs(matrix: Matrix, suffix: str) -> tuple[str, ...]:
    """All entries of the same image: what a merge without a plan demands."""
    return tuple(e.id for e in matrix.entries if e.os == "linux" and e.suffix == suffix)
