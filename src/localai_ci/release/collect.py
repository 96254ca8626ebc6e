"""From a folder of receipts, a plan and an event to the images that a merge makes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import Registries
from localai_ci.errors import InputError
from localai_ci.names import split_entry_id
from localai_ci.oci.transport import Transport
from localai_ci.release import reused
from localai_ci.release.merge_plan import Image, images
from localai_ci.release.receipt import read_all
from localai_ci.release.tags import GitEvent, TagSet, tags
from localai_ci.release.targets import targets


@dataclass(frozen=True)
class Promise:
    """What a plan says of the images that are merged: Darwin's are pushed by other means.

    Attributes:
        entries: Ids of what the run builds.
        built: What was built before, by id, with the image's place.
    """

    entries: tuple[str, ...]
    built: Mapping[str, str]


async def collect(
    transport: Transport,
    folder: Path,
    plan: Path | None,
    file: Registries,
    event: GitEvent,
    tell: Callable[[str], None],
) -> tuple[Image, ...]:
    """The images of a run, each with its index and its tags, or why it is refused.

    Args:
        transport: Reads what the plan says was built before.
        folder: That of all receipts.
        plan: What ``localai-ci plan --format json`` wrote: all it promised is demanded.
        file: Where images go, and which kinds of tags each family of images gets.
        event: What happened.
        tell: Told of what cannot be used.

    Raises:
        InputError: a receipt or the plan cannot be read.
    """
    promise = read_promise(plan) if plan else None
    built = promise.built if promise else {}
    arrived = read_all(folder, empty=bool(built))
    old = await reused.receipts(transport, targets(file, ImageKind.backends), built, tell)
    ids = [*promise.entries, *built] if promise else None
    return images([*arrived, *old], ids, partial(named, file, event), event.sha)


def named(file: Registries, event: GitEvent, kind: ImageKind, suffix: str) -> TagSet:
    """The tags of one image, of the kinds that registries.yaml gives its family."""
    return tags(event, file.tags.get(kind, ()), suffix)


def read_promise(path: Path) -> Promise:
    """Read a plan.

    Raises:
        InputError: it is not there, or is none.
    """
    try:
        plan = json.loads(path.read_bytes())
        ids = (entry["id"] for entry in plan["entries"])
        built = {name: str(image) for name, image in plan.get("built", {}).items()}
        return Promise(
            tuple(name for name in ids if _is_linux(name)),
            {name: image for name, image in built.items() if _is_linux(name)},
        )
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path)) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "not a plan", where=str(path), remedy="Give what `localai-ci plan --format json` wrote."
        ) from None


def _is_linux(entry: str) -> bool:
    return not split_entry_id(entry)[1].startswith("darwin")
