"""What a CI says of its run, in the words of a plan: no script has to put revisions together."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from localai_ci import json_text
from localai_ci.errors import InputError
from localai_ci.plan.event import Event, parse
from localai_ci.text import quoted

_PAYLOAD_LIMIT = 32 * 1024 * 1024  # bytes of an event; GitHub's largest have 25 MB


class Ci(StrEnum):
    """Whose variables are read."""

    github = "github"
    """GITHUB_EVENT_NAME, GITHUB_REF, GITHUB_SHA and the file of GITHUB_EVENT_PATH."""
    gitlab = "gitlab"
    """CI_PIPELINE_SOURCE, CI_COMMIT_TAG, CI_COMMIT_BEFORE_SHA and those of merge requests."""


@dataclass(frozen=True)
class CiRun:
    """What started a run, and between which revisions its change lies; no base: everything."""

    event: Event
    head: str
    base: str = ""


def run_of(ci: Ci, environ: Mapping[str, str]) -> CiRun:
    """The run that this is.

    Raises:
        InputError: a variable that the CI always sets is missing or odd.
    """
    return _github(environ) if ci is Ci.github else _gitlab(environ)


def _github(environ: Mapping[str, str]) -> CiRun:
    name, ref, sha = (
        _needed(environ, variable) for variable in ("GITHUB_EVENT_NAME", "GITHUB_REF", "GITHUB_SHA")
    )
    event = parse(name)
    if event is Event.push and ref.startswith("refs/tags/"):
        event = Event.tag
    if event is Event.push:
        return CiRun(event, sha, _text(_payload(environ), "before"))
    if event is Event.merge_group:
        return CiRun(event, sha, _text(_payload(environ), "merge_group", "base_sha"))
    if event is Event.pull_request:
        # The checked-out commit merges the pull request into its branch as that is now. The
        # payload's base may be older, and what came since would count as the pull request's.
        if ref.startswith("refs/pull/") and ref.endswith("/merge"):
            return CiRun(event, sha, f"{sha}^1")
        return CiRun(event, sha, _text(_payload(environ), "pull_request", "base", "sha"))
    return CiRun(event, sha)


def _gitlab(environ: Mapping[str, str]) -> CiRun:
    source, sha = _needed(environ, "CI_PIPELINE_SOURCE"), _needed(environ, "CI_COMMIT_SHA")
    if environ.get("CI_COMMIT_TAG"):
        return CiRun(Event.tag, sha)
    if source == "merge_request_event":
        train = environ.get("CI_MERGE_REQUEST_EVENT_TYPE") == "merge_train"
        event = Event.merge_group if train else Event.pull_request
        return CiRun(event, sha, _needed(environ, "CI_MERGE_REQUEST_DIFF_BASE_SHA"))
    if source == "push":
        return CiRun(Event.push, sha, _needed(environ, "CI_COMMIT_BEFORE_SHA"))
    if source == "schedule":
        return CiRun(Event.schedule, sha)
    return CiRun(Event.workflow_dispatch, sha)


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise InputError(
            f"{name} is not set",
            where="--ci",
            remedy="Run it in that CI, or say --event, --base and --head instead of --ci.",
        )
    return value


def _payload(environ: Mapping[str, str]) -> Mapping[str, Any]:
    path = Path(_needed(environ, "GITHUB_EVENT_PATH"))
    try:
        with path.open("rb") as file:
            payload = json_text.read(file.read(_PAYLOAD_LIMIT + 1), _PAYLOAD_LIMIT)
    except (OSError, ValueError):
        payload = None
    if not isinstance(payload, dict):
        raise InputError(
            "this is not what GitHub writes of an event",
            where=str(path),
            remedy="GITHUB_EVENT_PATH names the file; a runner sets it.",
        )
    return payload


def _text(payload: Mapping[str, Any], *path: str) -> str:
    """A revision of the payload; absent, as in a first push, nothing is known of what was before.

    Raises:
        InputError: it is there, and is none.
    """
    found: Any = payload
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        return "0" * 40
    if not isinstance(found, str) or not 7 <= len(found) <= 64 or not _is_hex(found):  # noqa: PLR2004
        raise InputError(
            f"{'.'.join(path)} of the event is no commit: {quoted(found)}", where="--ci"
        )
    return found


def _is_hex(text: str) -> bool:
    return all(digit in "0123456789abcdef" for digit in text)
