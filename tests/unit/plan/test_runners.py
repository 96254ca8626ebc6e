"""A pull request may change rows, not the machines that they run on."""

from collections.abc import Mapping

import pytest

from localai_ci.errors import InputError
from localai_ci.matrix.localai import MATRIX_FILE
from localai_ci.matrix.tables import Read
from localai_ci.matrix.tree_state import TreeState
from localai_ci.plan.event import Event
from localai_ci.plan.sources import Compared, PlanRequest, put_together

ROW = """\
  - backend: whisper
    tag-suffix: {suffix}
    dockerfile: ./backend/Dockerfile.golang
    platforms: linux/amd64
    runs-on: {runner}
"""


def tree(rows: Mapping[str, str]) -> Read:
    text = "include:\n" + "".join(ROW.format(suffix=s, runner=r) for s, r in rows.items())
    return {MATRIX_FILE: text.encode()}.get


def planned(
    before: Mapping[str, str], after: Mapping[str, str], event: Event = Event.pull_request
) -> list[str]:
    old, new = tree(before), tree(after)
    compared = Compared((MATRIX_FILE,), TreeState(old), TreeState(new))
    known, _ = put_together(PlanRequest(event), new, compared, None)
    return [entry.runner for entry in known.matrix.entries]


HOSTED = {"-cpu-x": "ubuntu-latest"}
OWN = {"-cpu-x": "bigger-runner"}


def test_a_row_may_keep_the_projects_own_machine() -> None:
    assert planned(OWN, OWN) == ["bigger-runner"]


def test_a_row_may_move_to_a_hosted_runner() -> None:
    assert planned(OWN, HOSTED) == ["ubuntu-latest"]


@pytest.mark.parametrize("after", [OWN, HOSTED | {"-cpu-y": "bigger-runner"}])
def test_no_row_moves_to_a_machine_that_its_base_does_not_give_it(
    after: Mapping[str, str],
) -> None:
    with pytest.raises(InputError, match="asks for the runner 'bigger-runner'") as refused:
        planned(HOSTED, after)
    assert str(refused.value).startswith(f"{MATRIX_FILE}:")


def test_a_merge_queue_is_asked_as_a_pull_request_and_a_push_is_not() -> None:
    with pytest.raises(InputError):
        planned(HOSTED, OWN, Event.merge_group)
    assert planned(HOSTED, OWN, Event.push) == ["bigger-runner"]
