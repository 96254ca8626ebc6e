"""What a CI's variables say, as GitHub and GitLab document them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.errors import InputError
from localai_ci.plan.ci_run import Ci, CiRun, run_of
from localai_ci.plan.event import Event

SHA, BEFORE = "a" * 40, "b" * 40


def github(folder: Path, name: str, ref: str, payload: object) -> CiRun:
    path = folder / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    environ = {"GITHUB_EVENT_NAME": name, "GITHUB_REF": ref, "GITHUB_SHA": SHA}
    return run_of(Ci.github, environ | {"GITHUB_EVENT_PATH": str(path)})


@pytest.mark.parametrize(
    ("name", "ref", "payload", "expected"),
    [
        ("push", "refs/heads/master", {"before": BEFORE}, CiRun(Event.push, SHA, BEFORE)),
        ("push", "refs/heads/new", {"before": "0" * 40}, CiRun(Event.push, SHA, "0" * 40)),
        ("push", "refs/tags/v4.2.2", {"before": "0" * 40}, CiRun(Event.tag, SHA)),
        (
            "pull_request", "refs/pull/7/merge",
            {"pull_request": {"base": {"sha": BEFORE}}}, CiRun(Event.pull_request, SHA, f"{SHA}^1"),
        ),
        (
            "pull_request_target", "refs/heads/master",
            {"pull_request": {"base": {"sha": BEFORE}}}, CiRun(Event.pull_request, SHA, BEFORE),
        ),
        (
            "merge_group", "refs/heads/gh-readonly-queue/master/pr-7",
            {"merge_group": {"base_sha": BEFORE}}, CiRun(Event.merge_group, SHA, BEFORE),
        ),
        ("schedule", "refs/heads/master", {"schedule": "0 6 * * 0"}, CiRun(Event.schedule, SHA)),
        ("workflow_dispatch", "refs/heads/x", {}, CiRun(Event.workflow_dispatch, SHA)),
    ],
)  # fmt: skip
def test_github_says_what_happened_and_since_when(
    tmp_path: Path, name: str, ref: str, payload: object, expected: CiRun
) -> None:
    assert github(tmp_path, name, ref, payload) == expected


def test_an_event_that_does_not_say_what_was_before_builds_everything(tmp_path: Path) -> None:
    """A base of zeros is no revision: the plan says so and builds all."""
    assert github(tmp_path, "push", "refs/heads/master", {}).base == "0" * 40


@pytest.mark.parametrize("before", ["--upload-pack=x", "HEAD", 7, "", "b" * 65, "B" * 40])
def test_what_is_no_commit_in_an_event_is_refused(tmp_path: Path, before: object) -> None:
    with pytest.raises(InputError, match="before of the event is no commit"):
        github(tmp_path, "push", "refs/heads/master", {"before": before})


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', "[" * 100_000])
def test_a_file_that_is_no_event_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="not what GitHub writes"):
        github(tmp_path, "push", "refs/heads/master", text)


def test_a_variable_that_is_missing_is_named() -> None:
    with pytest.raises(InputError, match="GITHUB_REF is not set"):
        run_of(Ci.github, {"GITHUB_EVENT_NAME": "push"})
    with pytest.raises(InputError, match="CI_COMMIT_SHA is not set"):
        run_of(Ci.gitlab, {"CI_PIPELINE_SOURCE": "push"})


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BEFORE_SHA": BEFORE},
         CiRun(Event.push, SHA, BEFORE)),
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v4.2.2", "CI_COMMIT_BEFORE_SHA": BEFORE},
         CiRun(Event.tag, SHA)),
        ({"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_DIFF_BASE_SHA": BEFORE},
         CiRun(Event.pull_request, SHA, BEFORE)),
        ({"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train",
          "CI_MERGE_REQUEST_DIFF_BASE_SHA": BEFORE}, CiRun(Event.merge_group, SHA, BEFORE)),
        ({"CI_PIPELINE_SOURCE": "schedule"}, CiRun(Event.schedule, SHA)),
        ({"CI_PIPELINE_SOURCE": "web"}, CiRun(Event.workflow_dispatch, SHA)),
    ],
)  # fmt: skip
def test_gitlab_says_it_in_its_own_words(variables: dict[str, str], expected: CiRun) -> None:
    assert run_of(Ci.gitlab, variables | {"CI_COMMIT_SHA": SHA}) == expected


@given(st.recursive(st.none() | st.text() | st.integers(), lambda one: st.lists(one, max_size=3)
       | st.dictionaries(st.sampled_from(["before", "base_sha", "merge_group", "sha"]), one,
                         max_size=3), max_leaves=8),
       st.sampled_from(["push", "merge_group", "pull_request_target", "schedule"]))  # fmt: skip
def test_whatever_an_event_holds_it_is_a_run_or_an_input_error(payload: object, name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        try:
            run = github(Path(folder), name, "refs/heads/master", payload)
        except InputError:
            return
    assert run.base == "" or set(run.base) <= set("0123456789abcdef")
