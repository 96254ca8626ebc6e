"""What started a run. Apart from the rest of the plan: commands name it without loading that."""

from enum import StrEnum

from localai_ci.errors import InputError


class Event(StrEnum):
    """What started the run; only the first two look at what changed."""

    pull_request = "pull_request"
    push = "push"
    tag = "tag"
    schedule = "schedule"
    workflow_dispatch = "workflow_dispatch"


def parse(text: str) -> Event:
    """The event of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return Event(text)
    except ValueError:
        raise InputError(
            f"unknown event {text!r}", where="--event", remedy=f"Known: {', '.join(Event)}."
        ) from None


def likely(*, changed: bool) -> Event:
    """What a user means who names no event: to look at a change, or to build all by hand."""
    return Event.pull_request if changed else Event.workflow_dispatch
