"""What a plan says of the images that are merged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.config.kind import ImageKind
from localai_ci.errors import InputError
from localai_ci.files import read_file
from localai_ci.names import is_entry_id
from localai_ci.release.merge_plan import Promised

_REMEDY = "Give what `localai-ci plan --format json` wrote."


@dataclass(frozen=True)
class Promise:
    """All that a run owes, and nothing else is merged.

    Attributes:
        entries: Ids of the backends that the run builds.
        built: Backends that were built before, by id, with the image's place.
        images: Ids of the server image's legs; a plan of backends promises none.
        complete: Whether it is a plan of everything, not of what a change touches.
    """

    entries: tuple[str, ...]
    built: Mapping[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    complete: bool = False

    @property
    def by_kind(self) -> Promised:
        """All ids by family."""
        return {ImageKind.backends: {*self.entries, *self.built}, ImageKind.images: {*self.images}}


def read_promise(path: Path) -> Promise:
    """Read a plan.

    Raises:
        InputError: it is not there, cannot be read, or is not a plan.
    """
    try:
        plan = json_text.read(read_file(path, bounds.PLAN_BYTES, _REMEDY))
        built = {_entry(name): _text(image) for name, image in plan.get("built", {}).items()}
        return Promise(
            _ids(plan["entries"]),
            built,
            _ids(plan.get("images", [])),
            plan.get("complete") is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError("not a plan", where=str(path), remedy=_REMEDY) from None


def _ids(rows: Any) -> tuple[str, ...]:
    return tuple(_entry(row["id"]) for row in rows)


def _entry(text: Any) -> str:
    if not is_entry_id(_text(text)):
        raise ValueError(text)
    return str(text)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
