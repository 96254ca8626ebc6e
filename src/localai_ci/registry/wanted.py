"""From a folder of receipts, a plan and an event to the images that a merge makes."""

import json
from functools import partial
from pathlib import Path

from localai_ci.errors import InputError
from localai_ci.matrix.kind import Kind
from localai_ci.matrix.registries import Registries
from localai_ci.registry.plan import Image, images
from localai_ci.registry.receipt import read_all
from localai_ci.registry.tags import Event, TagSet, tags


def wanted(receipts: Path, plan: Path | None, file: Registries, event: Event) -> tuple[Image, ...]:
    """The images of a run, each with its index and its tags, or why it is refused.

    Args:
        receipts: The folder of all receipts.
        plan: What ``localai-ci plan --format json`` wrote: all it promised is demanded.
        file: Which kinds of tags each family of images gets.
        event: What happened.

    Raises:
        InputError: a receipt or the plan cannot be read.
    """
    promised = _promise(plan) if plan else None
    return images(read_all(receipts), promised, partial(named, file, event), event.sha)


def named(file: Registries, event: Event, kind: Kind, suffix: str) -> TagSet:
    """The tags of one image, of the kinds that registries.yaml gives its family."""
    return tags(event, file.tags.get(kind, ()), suffix)


def _promise(path: Path) -> list[str]:
    """The Linux entries of a plan: Darwin's are pushed by other means."""
    try:
        entries = json.loads(path.read_bytes())["entries"]
        return [entry["id"] for entry in entries if entry.get("os", "linux") == "linux"]
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path)) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "not a plan", where=str(path), remedy="Give what `localai-ci plan --format json` wrote."
        ) from None
