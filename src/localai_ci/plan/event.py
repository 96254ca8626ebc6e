"""What started a run. Apart from the rest of the plan: commands name it without loading that."""

from enum import StrEnum

from localai_ci.errors import InputError
from localai_ci.text import quoted


class Event(StrEnum):
    """What started the run, as far as a plan differs by it; the first three look at a change."""

    pull_request = "pull_request"
    merge_group = "merge_group"
    push = "push"
    tag = "tag"
    schedule = "schedule"
    workflow_dispatch = "workflow_dispatch"

    @property
    def publishes(self) -> bool:
        """Whether images get names afterwards: then all legs of an image have to be there."""
        return self not in {Event.pull_request, Event.merge_group}

    @property
    def branches_off(self) -> bool:
        """Whether the change counts from where it left its base, not from the base as it is."""
        return not self.publishes


_GITHUB = {
    "pull_request_target": Event.pull_request,
    "pull_request_review": Event.pull_request,
    "pull_request_review_comment": Event.pull_request,
    "release": Event.tag,
    "repository_dispatch": Event.workflow_dispatch,
    "workflow_run": Event.workflow_dispatch,
    "workflow_call": Event.workflow_dispatch,
    "create": Event.workflow_dispatch,
    "deployment": Event.workflow_dispatch,
    "issue_comment": Event.workflow_dispatch,
    "issues": Event.workflow_dispatch,
    "label": Event.workflow_dispatch,
    "registry_package": Event.workflow_dispatch,
}
"""GitHub's other names of events. Those that tell of no change build everything."""

NAMES = (*Event, *_GITHUB)
"""Every name that is understood."""


def parse(text: str) -> Event:
    """The event of that name, by our word or GitHub's (``github.event_name``).

    Raises:
        InputError: there is none.
    """
    if text in _GITHUB:
        return _GITHUB[text]
    try:
        return Event(text)
    except ValueError:
        raise InputError(
            f"unknown event {quoted(text)}", where="--event", remedy=f"Known: {', '.join(NAMES)}."
        ) from None


def likely(*, changed: bool) -> Event:
    """What a user means who names no event: to look at a change, or to build all by hand."""
    return Event.pull_request if changed else Event.workflow_dispatch
