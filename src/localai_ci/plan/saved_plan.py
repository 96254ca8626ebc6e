"""A plan that `localai-ci plan --format json` wrote before, read back as far as it is compared."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.files import read_file
from localai_ci.text import printable


class _Saved(BaseModel):
    """What is read of a plan; keys that are not known are of no interest here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class SavedReason(_Saved):
    """Why an entry is built."""

    text: str


class SavedEntry(_Saved):
    """An entry that is built."""

    id: str
    row: dict[str, str]
    minutes: float = Field(ge=0, allow_inf_nan=False)
    reasons: list[SavedReason]

    @property
    def why(self) -> tuple[str, ...]:
        """Its reasons, as sentences."""
        return tuple(r.text for r in self.reasons)


class SavedBudget(_Saved):
    """What the run takes."""

    jobs: int
    runner_minutes: float = Field(ge=0, allow_inf_nan=False)
    makespan_minutes: float = Field(ge=0, allow_inf_nan=False)


class SavedPlan(_Saved):
    """A plan that was written as JSON."""

    event: str
    complete: bool = False
    entries: list[SavedEntry]
    built: dict[str, str] = {}
    budget: SavedBudget

    def by_id(self) -> dict[str, SavedEntry]:
        """The entries that are built, by id."""
        return {e.id: e for e in self.entries}


def load_plan(path: Path) -> SavedPlan:
    """Read a plan.

    Raises:
        InputError: it cannot be read, or it is not a plan.
    """
    return read_plan(read_file(path, bounds.PLAN_BYTES, _REMEDY), str(path))


def read_plan(data: bytes, where: str) -> SavedPlan:
    """A plan from its JSON; ``where`` is what errors call it.

    Raises:
        InputError: it is not a plan.
    """
    try:
        return SavedPlan.model_validate(json_text.read(data, bounds.PLAN_BYTES))
    except ValidationError as e:
        first = e.errors()[0]
        place = printable(".".join(str(part)[:60] for part in first["loc"]))
        what = f"{place}: {first['msg'].lower()}" if place else first["msg"].lower()
        raise InputError(
            f"not a plan: {printable(what)[:300]}", where=where, remedy=_REMEDY
        ) from None
    except ValueError as e:
        raise InputError(f"not a plan: {e}", where=where, remedy=_REMEDY) from None


_REMEDY = "Give what `localai-ci plan --format json` wrote."
