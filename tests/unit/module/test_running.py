"""A whole run: what it takes an event for, before anything is asked of an engine."""

from typing import Any, cast

import anyio
import pytest

from localai_ci.errors import InputError
from localai_ci.module.running import WholeRun, run
from localai_ci.plan.event import Event
from localai_ci.release.merge_image import Options
from localai_ci.release.tags import GitEvent

SHA = "a" * 40
NOBODY = cast("Any", None)


def told(event: str, ref: str, at_once: int = 1) -> WholeRun:
    happened = GitEvent(event, ref, SHA)
    return WholeRun(
        NOBODY, None, None, happened, NOBODY, NOBODY, at_once, None, Options()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "ref", "plan"),
    [
        ("push", "refs/tags/v4.2.2", Event.tag),
        ("push", "refs/heads/master", Event.push),
        ("pull_request", "refs/pull/7/merge", Event.pull_request),
        ("merge_group", "refs/heads/gh-readonly-queue/master/pr-7", Event.merge_group),
        ("schedule", "refs/heads/master", Event.schedule),
        ("release", "refs/tags/v4.2.2", Event.tag),
    ],
)
def test_the_push_of_a_tag_is_a_release(event: str, ref: str, plan: Event) -> None:
    assert told(event, ref).event is plan


def test_no_jobs_at_once_are_refused_before_anything_is_built() -> None:
    with pytest.raises(InputError, match="0 jobs at once build nothing"):
        anyio.run(run, told("push", "refs/heads/master", 0), NOBODY)
