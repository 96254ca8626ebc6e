"""Push one leg under its run's anchor, and name it by its inputs once it is proven."""

import datetime as dt
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from dagger import Container

from localai_ci import json_text
from localai_ci.backends import build, server_build
from localai_ci.backends.request import BackendRequest
from localai_ci.backends.server_build import ServerRequest
from localai_ci.backends.smoke import Health
from localai_ci.backends.source_tree import open_tree
from localai_ci.bases.push import push
from localai_ci.config.kind import ImageKind
from localai_ci.names import anchor_tag, input_tag, leg_labels
from localai_ci.oci import copy
from localai_ci.oci.login import Login
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport


class AnyLeg(Protocol):
    """What a leg is called, of whichever family."""

    @property
    def id(self) -> str:
        """``cpu-llama-cpp/amd64``."""

    @property
    def suffix(self) -> str:
        """With its dash; empty for the plain server image."""

    @property
    def arch(self) -> str:
        """``amd64``."""


@dataclass(frozen=True)
class MadeLeg:
    """A leg that is built, or was found built: an image, and nothing is written yet.

    Attributes:
        kind: Its family.
        leg: What was built.
        legs: All legs of the same image: what a merge without a plan demands.
        container: The image.
        inputs: Hash of all that went into it.
        found: Where it was found built, by the tag that names its inputs; else empty.
        seconds: Of the build; 0 where it was found built.
        revision: The commit that it was built from; empty where the tree does not say.
        smoke: Starts it, and waits until it says that it is well.
        needs_driver: Whether it starts only where its accelerator's driver is.
    """

    kind: ImageKind
    leg: AnyLeg
    legs: tuple[str, ...]
    container: Container
    inputs: str
    found: str
    seconds: float
    smoke: Callable[[], Awaitable[Health]]
    revision: str = ""
    needs_driver: bool = False


async def make_backend(request: BackendRequest) -> MadeLeg:
    """Build a backend.

    Raises:
        LocalaiCiError: it cannot be built.
    """
    began = time.monotonic()
    built = await build.build(request)
    took = time.monotonic() - began - built.waited
    matrix = (await open_tree(request.source)).tables.matrix
    suffix = built.entry.suffix
    return MadeLeg(
        ImageKind.backends,
        built.entry,
        tuple(e.id for e in matrix.entries if e.os == "linux" and e.suffix == suffix),
        built.container,
        built.inputs,
        built.found,
        0.0 if built.found else round(took, 1),
        partial(build.smoke, request, built),
        needs_driver=bool(built.entry.build_type),
    )


async def make_server(request: ServerRequest) -> MadeLeg:
    """Build a leg of the server image.

    Raises:
        LocalaiCiError: it cannot be built.
    """
    began = time.monotonic()
    built = await server_build.build(request)
    return MadeLeg(
        ImageKind.images,
        built.leg,
        built.legs,
        built.container,
        built.inputs,
        built.found,
        0.0 if built.found else round(time.monotonic() - began, 1),
        partial(server_build.smoke, built),
        built.head.revision,
    )


@dataclass(frozen=True)
class PushedLeg:
    """A leg that was pushed, and not read back yet.

    Attributes:
        entry: What was built.
        inputs: Hash of all that went into it.
        day: UTC; the anchor's name starts with it.
        anchors: Where it was pushed, by the registry's name.
        legs: All legs of the same image: what a merge without a plan demands.
        seconds: Of the build; 0 where it was found built.
        found: Where it was found built, by the tag that names its inputs; else empty.
    """

    entry: AnyLeg
    inputs: str
    day: dt.date
    anchors: Mapping[str, Reference]
    legs: tuple[str, ...]
    seconds: float
    found: str = ""

    @property
    def input_tag(self) -> str:
        """The name of its inputs."""
        return input_tag(self.inputs, self.entry.suffix, self.entry.arch)


@dataclass(frozen=True)
class ReadyLeg:
    """A leg that is built and named, and not pushed yet.

    Attributes:
        leg: What it is, and where it will be.
        container: Exactly what is pushed; of a leg that was found built, nothing is.
        labels: What its configuration will say of it.
    """

    leg: PushedLeg
    container: Container
    labels: Mapping[str, str]

    def as_json(self) -> str:
        """What a push would do, for a dry run."""
        shown = {
            "dry_run": True,
            "entry": self.leg.entry.id,
            "inputs": self.leg.inputs,
            "found": self.leg.found,
            "labels": dict(self.labels),
            "anchors": {name: str(anchor) for name, anchor in self.leg.anchors.items()},
            "input_tag": self.leg.input_tag,
        }
        return json_text.write(shown, indent=1) + "\n"


async def ready_leg(
    made: MadeLeg, repositories: Mapping[str, Repository], run_id: str, revision: str = ""
) -> ReadyLeg:
    """Name what was built: nothing is written.

    Args:
        made: The leg.
        repositories: Where anchors stand, by the registry's name.
        run_id: Names the run.
        revision: The commit that is built; the image's labels say it, and its entry.

    Raises:
        LocalaiCiError: the run has no name that a tag can have.
    """
    # On the finished image, so no build and no hash of inputs knows of them.
    labels = {} if made.found else leg_labels(made.kind, made.leg.id, revision)
    container = made.container
    for name, value in labels.items():
        container = container.with_label(name, value)
    container = await container.sync()
    day = dt.datetime.now(dt.UTC).date()
    tag = anchor_tag(day.strftime("%Y%m%d"), run_id, made.leg.id)
    anchors = {name: repository.at(tag) for name, repository in repositories.items()}
    leg = PushedLeg(made.leg, made.inputs, day, anchors, made.legs, made.seconds, made.found)
    return ReadyLeg(leg, container, labels)


async def push_leg(ready: ReadyLeg, transport: Transport, login: Login) -> PushedLeg:
    """Push it to all registries from one evaluated container; one found built is copied instead.

    Raises:
        LocalaiCiError: a registry refused it.
    """
    for anchor in ready.leg.anchors.values():
        if ready.leg.found:
            await copy.copy(transport, Reference.parse(ready.leg.found), anchor)
        else:
            await push(ready.container, anchor, login)
    return ready.leg


async def name_by_inputs(
    transport: Transport, leg: PushedLeg, repositories: Iterable[tuple[str, Repository]]
) -> None:
    """Under the name of its inputs it is found by the next plan and the next build."""
    for name, repository in repositories:
        await copy.copy(transport, leg.anchors[name], repository.at(leg.input_tag))
