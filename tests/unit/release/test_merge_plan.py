"""What a merge does with tags, decided from what registries have: `latest` never goes back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registries.legs import RELEASE, SHA, leg, planned

from localai_ci.oci.reference import Repository
from localai_ci.release.merge_plan import Image, RegistryState, UnknownLatestError, plan_merge
from localai_ci.release.tags import TagSet
from localai_ci.release.targets import Target

LATEST = "latest-cpu-test"
OTHER = f"sha256:{'0' * 64}"
LEGS = [leg(arch).model_copy(update={"legs": ("cpu-test/amd64", "cpu-test/arm64")})
        for arch in ("amd64", "arm64")]  # fmt: skip


def target(name: str) -> Target:
    repository = Repository(f"{name}.test", "images")
    return Target(name, repository, repository)


def release() -> Image:
    (image,) = planned(LEGS, RELEASE)
    assert image.tags.latest == LATEST
    return image


def has(image: Image, **tags: str | None) -> RegistryState:
    """A registry with both legs, no index, and these tags; the others are not there."""
    legs = frozenset(one.digest for one in image.receipts)
    named = {name.replace("_", "-"): digest for name, digest in tags.items()}
    return RegistryState(
        target("a"), legs, index=False, tags=dict.fromkeys(image.tags.names) | named
    )


def moved(image: Image, *states: RegistryState, force_latest: bool = False) -> list[str]:
    return [one.tag for one in plan_merge(image, states, force_latest=force_latest).moves]


def test_a_first_release_writes_every_tag_and_latest_last() -> None:
    image = release()
    assert moved(image, has(image)) == [f"sha-{SHA[:7]}-cpu-test", "v4.2.2-cpu-test", LATEST]


def test_a_latest_of_an_unknown_release_is_not_moved_but_by_force() -> None:
    image = release()
    unknown = has(image, latest_cpu_test=OTHER)
    with pytest.raises(UnknownLatestError, match=f"which release {LATEST} is cannot be known"):
        plan_merge(image, [unknown])
    assert moved(image, unknown, force_latest=True)[-1] == LATEST


def test_a_latest_that_is_this_very_index_needs_no_version_to_be_known() -> None:
    image = release()
    assert image.index
    done = has(image, latest_cpu_test=image.index.digest)
    assert LATEST not in moved(image, done)


@pytest.mark.parametrize("where", ["latest", "newest"])
@pytest.mark.parametrize(
    ("there", "moves"),
    [("v4.2.1", True), ("v4.2.2", True), ("v4.2.3", False), ("v5.0.0", False), ("v4.10.0", False)],
)
def test_latest_moves_to_a_newer_release_and_stays_at_one(
    where: str, there: str, moves: bool
) -> None:
    image = release()
    state = has(image, latest_cpu_test=OTHER)
    if where == "latest":
        state = replace(state, latest=there)
    else:
        state = replace(state, latest="v4.0.0", newest=there)
    plan = plan_merge(image, [state])
    assert (LATEST in [one.tag for one in plan.moves]) is moves
    assert bool(plan.notes) is not moves
    if not moves:
        stays = f"stays at {there} in a" if where == "latest" else f"stays: {there} is in a"
        assert stays in plan.notes[0]
        assert LATEST in moved(image, state, force_latest=True)


def test_one_registry_with_a_newer_release_holds_latest_back_in_all() -> None:
    image = release()
    newer = replace(has(image, latest_cpu_test=OTHER), latest="v5.0.0")
    unknown = replace(has(image, latest_cpu_test=OTHER), target=target("b"))
    plan = plan_merge(image, [unknown, newer, replace(has(image), target=target("c"))])
    assert LATEST not in {one.tag for one in plan.moves}
    assert len(plan.notes) == 1


@pytest.mark.parametrize("version", ["main", ""])
def test_what_has_no_version_is_compared_with_none(version: str) -> None:
    """No rule names such an image ``latest`` today; if one does, there is nothing to compare."""
    image = replace(release(), tags=TagSet(("main-cpu-test", LATEST), version, LATEST))
    state = replace(has(image, latest_cpu_test=OTHER), newest="v4.2.3")
    assert moved(image, state) == ["main-cpu-test", LATEST]


def test_a_branch_moves_its_tags_whatever_latest_is() -> None:
    image = replace(release(), tags=TagSet(("main-cpu-test",), "main"))
    state = replace(has(image, main_cpu_test=OTHER), newest="v4.2.3", latest="v4.2.3")
    assert moved(image, state) == ["main-cpu-test"]


@given(st.lists(st.sampled_from(["here", "lost"]), min_size=2, max_size=2), st.booleans())
def test_what_is_missing_is_restored_and_written_and_nothing_else(
    legs: list[str], index: bool
) -> None:
    image = release()
    assert image.index
    there = frozenset(
        one.digest for one, state in zip(image.receipts, legs, strict=True) if state == "here"
    )
    tags = dict.fromkeys(image.tags.names, image.index.digest)
    state = RegistryState(target("a"), there, index=index, tags=tags)
    plan = plan_merge(image, [state])
    assert [receipt.digest for _, receipt in plan.restore] == [
        one.digest for one in image.receipts if one.digest not in there
    ]
    assert [one.name for one in plan.indexes] == ([] if index else ["a"])
    assert not plan.moves
    assert bool(plan) is (not index or "lost" in legs)
