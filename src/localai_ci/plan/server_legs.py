"""Which legs of the server image a change builds: all, those of pull requests, or none. Pure.

Source: LocalAI's image.yml (its job `changes`) and image-pr.yml (`paths-ignore`), at 82c191a.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from localai_ci.config.globs import compiled
from localai_ci.config.images import DOCKERFILE, Images
from localai_ci.matrix.server_image import ServerLeg
from localai_ci.matrix.tables import Tables
from localai_ci.plan.change import Change
from localai_ci.plan.decide import FORCED
from localai_ci.plan.reasons import Reason, ReasonKind


@dataclass(frozen=True)
class ServerImagePlan:
    """Which legs are built, and why; of none, why none.

    Attributes:
        legs: What is built.
        reason: Why; None where nothing is built.
        idle: Why nothing is.
    """

    legs: tuple[ServerLeg, ...] = ()
    reason: Reason | None = None
    idle: str = ""


NO_SERVER_IMAGE = ServerImagePlan()
"""Nothing is built, and nobody asks why."""


def decide_images(known: Tables, change: Change) -> ServerImagePlan:
    """What a change builds of the server image of a tree.

    Args:
        known: The tree's tables; a tree that was read and has no such Dockerfile has no image.
        change: What changed, or why that is not known.

    Raises:
        InputError: a fault in images.yaml.
    """
    file, legs = known.images
    if not legs or (known.is_tree and known.read(DOCKERFILE) is None):
        return ServerImagePlan(idle=f"the tree has no {DOCKERFILE} to build it by" * bool(legs))
    return choose(file, legs, change)


def choose(file: Images, legs: Sequence[ServerLeg], change: Change) -> ServerImagePlan:
    """The same for legs that there are."""
    pull_request = not change.event.publishes
    wanted = tuple(leg for leg in legs if leg.pull_requests or not pull_request)
    if why := file.never.get(change.event.value):
        return ServerImagePlan(idle=why)
    if change.event in FORCED:
        return ServerImagePlan(wanted, Reason(ReasonKind.forced, FORCED[change.event]))
    if change.paths is None:
        return ServerImagePlan(wanted, Reason(ReasonKind.unknown, change.unknown))
    seen = tuple(_seen(file, change.paths, pull_request=pull_request))
    if not seen:
        return ServerImagePlan(idle="no changed path can be seen in it")
    return ServerImagePlan(
        wanted, Reason(ReasonKind.shared_input, _WHY, "matrix/images.yaml", seen)
    )


_WHY = "All but the paths listed there are built from."


def _seen(file: Images, paths: Iterable[str], *, pull_request: bool) -> Iterable[str]:
    globs = [g for u in file.unseen if pull_request or not u.pull_requests for g in u.paths]
    unseen = compiled(globs)
    return (path for path in paths if not unseen.match(path))
