"""Workflow and action files as data, and the walks over them that several tests take."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).parents[2]
OURS = REPO / ".github/workflows"
THEIRS = REPO / "examples/localai/.github/workflows"
ACTIONS = REPO / ".github/actions"
US = "OWNER/localai-ci"
"""This repository in the examples; LocalAI puts its address there."""
NOBODY = "0" * 40
"""The commit in the examples: the one of the release that is adopted."""

Yaml = dict[str, Any]


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Yaml:
    """A file; YAML 1.1 reads the key `on` as true."""
    data = yaml.load(path.read_text("utf-8"), Loader=LOADER)
    return {("on" if key is True else key): value for key, value in data.items()}


@cache
def workflows() -> dict[str, Yaml]:
    """All workflows, ours by their name and the example's as `localai/NAME`."""
    ours = {path.name: read(path) for path in sorted(OURS.glob("*.yml"))}
    theirs = {f"localai/{path.name}": read(path) for path in sorted(THEIRS.glob("*.yml"))}
    return ours | theirs


@cache
def actions() -> dict[str, Yaml]:
    """All composite actions, by their folder's name."""
    return {path.parent.name: read(path) for path in sorted(ACTIONS.glob("*/action.yml"))}


def jobs() -> Iterator[tuple[str, str, Yaml]]:
    """Every job: its workflow, its id, itself."""
    for name, workflow in workflows().items():
        for job_id, job in workflow["jobs"].items():
            yield name, job_id, job


def steps() -> Iterator[tuple[str, Yaml]]:
    """Every step of all jobs and actions, with the place for a message."""
    for name, job_id, job in jobs():
        for step in job.get("steps", ()):
            yield f"{name}, {job_id}", step
    for name, action in actions().items():
        for step in action["runs"]["steps"]:
            yield f"action {name}", step


def called(job: Yaml) -> str:
    """The workflow file that a job calls, by its name in `workflows`; empty if it is none here."""
    uses = str(job.get("uses", "")).partition("@")[0]
    if uses.startswith(f"{US}/.github/workflows/"):
        return uses.rpartition("/")[2]
    if uses.startswith("./.github/workflows/"):
        return f"localai/{uses.rpartition('/')[2]}"
    return ""
