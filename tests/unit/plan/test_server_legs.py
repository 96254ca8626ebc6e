"""Which legs of the server image a change builds: against LocalAI's own shell and its filter."""

import re
import subprocess
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.matrix.tables import tables
from localai_ci.plan.change import Change
from localai_ci.plan.event import Event
from localai_ci.plan.server_legs import ServerImagePlan, choose, decide_images

FILE, LEGS = tables().images
PIECES = st.sampled_from(
    ["gallery", "docs", "examples", "backend", "cpp", "go", "python", "rust", "README.md", "a.go",
     "x.md", "md", ".md", "core", "Makefile", "gallery.md", "docsx", "backend.proto"]
)  # fmt: skip
PATHS = st.lists(st.lists(PIECES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=5)


def plan(event: Event, paths: Sequence[str] | None) -> ServerImagePlan:
    return choose(FILE, LEGS, Change(event, None if paths is None else tuple(paths), "not said"))


# The line of image.yml's job `changes` that decides.
GATE = "if grep -qvE '^(gallery/|docs/|examples/)|\\.md$'; then echo build; fi"


@given(PATHS)
def test_a_push_builds_all_ten_legs_where_localais_gate_says_so(paths: list[str]) -> None:
    text = "".join(f"{path}\n" for path in paths)
    told = subprocess.run(
        ["sh", "-c", GATE], input=text, capture_output=True, text=True, check=True
    )
    assert len(plan(Event.push, paths).legs) == (10 if told.stdout else 0), paths


IGNORED = re.compile(r"(gallery|docs|examples|backend/cpp|backend/go|backend/python)/.*|.*\.md")


@given(PATHS)
def test_a_pull_request_builds_seven_legs_unless_localai_ignores_all_its_paths(
    paths: list[str],
) -> None:
    built = any(not IGNORED.fullmatch(path) for path in paths)
    assert len(plan(Event.pull_request, paths).legs) == (7 if built else 0), paths


@pytest.mark.parametrize(
    ("event", "legs"),
    [
        (Event.tag, 10),
        (Event.workflow_dispatch, 10),
        (Event.push, 10),
        (Event.pull_request, 7),
        (Event.merge_group, 7),
        (Event.schedule, 0),
    ],
)
def test_without_a_known_change_all_that_the_event_may_build_is_built(
    event: Event, legs: int
) -> None:
    assert len(plan(event, None).legs) == legs


def test_a_release_builds_it_whatever_changed() -> None:
    assert len(plan(Event.tag, ["docs/page.md"]).legs) == 10


def test_why_is_said_both_ways() -> None:
    built = plan(Event.push, ["docs/a", "core/b.go", "core/c.go"])
    assert "core/b.go, core/c.go changed" in str(built.reason)
    assert "docs" not in str(built.reason)
    assert plan(Event.push, ["docs/a"]).idle
    assert "LocalAI builds its server image on pushes" in plan(Event.schedule, None).idle


def test_a_tree_without_its_dockerfile_has_no_server_image() -> None:
    change = Change(Event.tag, None)
    assert not decide_images(tables(read={"Makefile": b""}.get), change).legs
    assert len(decide_images(tables(read={"Dockerfile": b"FROM x"}.get), change).legs) == 10
    assert len(decide_images(tables(), change).legs) == 10
