"""Where images are tagged, all legs of one are built or none."""

from unit.plan.deciding import plan

from localai_ci.plan.event import Event
from localai_ci.plan.reasons import ReasonKind


def test_a_release_builds_all_legs_of_an_image_or_none() -> None:
    """A tag moved to an index of one leg would lose the other architecture."""
    found = plan("README.md", event=Event.push, bases=frozenset({"amd64"}))
    assert "cpu-llama-cpp/arm64" in found.by_id
    assert ReasonKind.other_leg in {r.kind for r in found.by_id["cpu-llama-cpp/arm64"].reasons}


def test_a_pull_request_builds_no_leg_for_the_sake_of_a_tag() -> None:
    found = plan("README.md", event=Event.pull_request, bases=frozenset({"amd64"}))
    assert "cpu-llama-cpp/amd64" in found.by_id
    assert "cpu-llama-cpp/arm64" not in found.by_id
