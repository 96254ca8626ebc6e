"""A plan as a GitLab child pipeline: one job a job of the plan, then one merge.

The parent pipeline keeps the text as an artifact and triggers it. The scripts that the jobs call
are those of the GitHub workflows; only the names of a CI's variables differ, and stand here.
"""

from collections.abc import Sequence
from typing import Any

from localai_ci.plan.jobs import Job

STAGES = ("build", "merge")
TAGS = {
    "ubuntu-latest": "linux-amd64",
    "ubuntu-24.04": "linux-amd64",
    "ubuntu-24.04-arm": "linux-arm64",
}
"""What GitLab's runners are tagged with, for the hosted ones of GitHub; others keep their name."""
MODULE = (
    'export LOCALAI_CI_HOME="$CI_PROJECT_DIR.localai-ci"',
    'rm -rf "$LOCALAI_CI_HOME"',
    'git clone --quiet "$LOCALAI_CI_REPOSITORY" "$LOCALAI_CI_HOME"',
    'git -C "$LOCALAI_CI_HOME" checkout --quiet "$LOCALAI_CI_COMMIT"',
    '. "$LOCALAI_CI_HOME/.ci/gitlab.sh"',
)
"""How a job gets this module: beside the tree, so that it is no part of it."""
TIMEOUT = "6h"


def child_pipeline(jobs: Sequence[Job], *, merges: bool, publishes: bool) -> dict[str, Any]:
    """The child pipeline as data: valid YAML once it is dumped.

    Args:
        jobs: All jobs of the plan. Darwin's have no place here: no Linux engine builds them.
        merges: Whether there is anything to merge.
        publishes: Whether images get pushed: a merge request only builds.
    """
    pipeline: dict[str, Any] = {
        "stages": list(STAGES),
        "workflow": {"rules": [{"when": "always"}]},
        "default": {
            "before_script": list(MODULE),
            "interruptible": not publishes,
            "retry": {"max": 1, "when": ["runner_system_failure", "stuck_or_timeout_failure"]},
        },
    }
    linux = [job for job in jobs if job.os == "linux"]
    for job in linux:
        pipeline[job.name] = _build(job, publishes=publishes)
    if publishes and merges:
        pipeline["the plan"] = _plan()
        pipeline["merge"] = _merge()
    if not linux:
        pipeline["nothing to build"] = {"stage": "build", "script": ["true"], "before_script": []}
    return pipeline


def _build(job: Job, *, publishes: bool) -> dict[str, Any]:
    row = job.as_json()
    return {
        "stage": "build",
        "tags": [TAGS.get(job.runner, job.runner)],
        "timeout": TIMEOUT,
        "variables": {
            "ENTRIES": str(row["entries"]),
            "KIND": str(row.get("kind", "backends")),
            "PUBLISH": "true" if publishes else "false",
        },
        "dependencies": [],  # nothing of other jobs may lie in the tree that is built
        "script": ['"$LOCALAI_CI_HOME/.ci/job.sh"'],
        "artifacts": {"when": "always", "paths": ["out/receipts/"], "expire_in": "30 days"},
    }


def _plan() -> dict[str, Any]:
    """The parent's plan, taken in: a job that needs another pipeline's waits for no stage."""
    return {
        "stage": STAGES[0],
        "tags": [TAGS["ubuntu-24.04"]],
        "timeout": "10m",
        "needs": [{"pipeline": "$PLANNED_BY", "job": "plan", "artifacts": True}],
        "before_script": [],
        "script": ["test -s plan/plan.json"],
        "artifacts": {"paths": ["plan/plan.json"], "expire_in": "30 days"},
    }


def _merge() -> dict[str, Any]:
    # No `needs`: GitLab allows 50, and a later stage waits for all and gets all their artifacts.
    # Always: an image whose legs are there is merged, whatever became of the others.
    return {
        "stage": "merge",
        "tags": [TAGS["ubuntu-24.04"]],
        "when": "always",
        "timeout": "2h",
        "id_tokens": {"SIGSTORE_ID_TOKEN": {"aud": "sigstore"}},
        "script": ['"$LOCALAI_CI_HOME/.ci/merge.sh"'],
        "artifacts": {"when": "always", "paths": ["merge-result.json"], "expire_in": "90 days"},
    }
