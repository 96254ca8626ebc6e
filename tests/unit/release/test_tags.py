"""Tags: docker/metadata-action's rules as a golden table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import TagRule, registries
from localai_ci.errors import InputError
from localai_ci.oci.reference import is_tag
from localai_ci.release.tags import GitEvent, prerelease, releases, tags, version

SHA = "abc1234" + "f" * 33
BACKENDS = registries().tags[ImageKind.backends]
IMAGES = registries().tags[ImageKind.images]


@pytest.mark.parametrize(
    ("event", "ref", "expected"),
    [
        ("push", "refs/heads/feat/x", ["feat-x-s", "sha-abc1234-s"]),
        ("push", "refs/tags/v4.2.2", ["v4.2.2-s", "sha-abc1234-s", "latest-s"]),
        ("push", "refs/tags/4.2.2", ["4.2.2-s", "sha-abc1234-s", "latest-s"]),
        ("push", "refs/tags/v4.3.0-rc1", ["v4.3.0-rc1-s", "sha-abc1234-s"]),
        ("push", "refs/tags/v1.2.3+b.1", ["v1.2.3-b.1-s", "sha-abc1234-s", "latest-s"]),
        ("push", "refs/tags/nightly", ["sha-abc1234-s"]),
        ("push", "refs/tags/v4.2", ["sha-abc1234-s"]),
        ("push", "refs/tags/v04.2.1", ["sha-abc1234-s"]),
        ("schedule", "refs/heads/master", ["master-s", "sha-abc1234-s"]),
        ("workflow_dispatch", "refs/heads/master", ["master-s", "sha-abc1234-s"]),
        ("pull_request", "refs/pull/12/merge", ["sha-abc1234-s"]),
        ("push", "refs/heads/a b/ünï", ["a-b-n--s", "sha-abc1234-s"]),
    ],
)
def test_the_golden_table(event: str, ref: str, expected: list[str]) -> None:
    assert list(tags(GitEvent(event, ref, SHA), BACKENDS, "-s").names) == expected


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("refs/heads/master", ["master", "master-1700000000-abc1234", "sha-abc1234"]),
        ("refs/heads/other", ["other", "sha-abc1234"]),
        ("refs/tags/v1.0.0", ["v1.0.0", "sha-abc1234", "latest"]),
    ],
)
def test_the_server_image_has_a_tag_that_sorts_by_time(ref: str, expected: list[str]) -> None:
    assert list(tags(GitEvent("push", ref, SHA, epoch=1700000000), IMAGES, "").names) == expected


def test_writing_goes_from_the_most_specific_to_latest() -> None:
    named = tags(GitEvent("push", "refs/tags/v4.2.2", SHA), BACKENDS, "-s")
    assert named.write_order == ("sha-abc1234-s", "v4.2.2-s", "latest-s")
    assert (named.version, named.latest) == ("v4.2.2", "latest-s")


def test_a_tag_that_no_registry_takes_is_refused() -> None:
    with pytest.raises(InputError, match="at most 128"):
        tags(GitEvent("push", "refs/heads/" + "x" * 128, SHA), BACKENDS, "-s")


@given(st.text(max_size=60), st.sampled_from(["refs/heads/", "refs/tags/", "refs/pull/", ""]))
def test_every_name_is_a_tag_and_the_order_loses_none(ref: str, kind: str) -> None:
    try:
        named = tags(GitEvent("push", kind + ref, SHA), list(TagRule), "-s")
    except InputError:
        return
    assert all(is_tag(name) for name in named.names)
    assert sorted(named.names) == sorted(named.write_order)


def test_versions_compare_as_numbers() -> None:
    assert version("v4.10.0") > version("v4.9.9")  # type: ignore[operator]
    assert version("v4.2") is None
    assert prerelease("v1.0.0-rc1")


def test_the_newest_release_is_found_among_the_tags_of_its_own_suffix() -> None:
    names = ["v4.2.2-x", "v4.10.0-x", "v5.0.0-rc1-x", "v9.0.0-y-x", "v9.0.0", "latest-x", "junk"]
    assert releases(names)["-x"][0] == "v4.10.0"
    assert "-z" not in releases(names)
    assert releases(names)[""] == ["v9.0.0"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("sha", ["", "zzz", "abc1234", SHA[:-1], SHA.upper(), SHA + "0", "g" * 40, f"{SHA}\n"]),
        ("ref", ["", "master", "v4.2.2", "refs/heads/", "heads/x", "refs/notes/x",
                 "refs/heads/a\nb", "refs/heads/\x1b[2J",
                 " refs/heads/x", "refs/tags/" + "x" * 999]),
        ("name", ["", "Push", "push ", "::set-output", "nightly"]),
        ("epoch", [-1, 10**12]),
    ],
)  # fmt: skip
def test_an_event_that_no_run_says_is_refused_with_what_to_write(
    field: str, values: list[object]
) -> None:
    """`sha-zzzx` was printed for one: tags that nobody meant."""
    sound: dict[str, object] = {"name": "push", "ref": "refs/heads/master", "sha": SHA}
    for value in values:
        with pytest.raises(InputError) as refused:
            GitEvent(**(sound | {field: value}))  # type: ignore[arg-type]
        assert refused.value.remedy
        assert str(refused.value).isprintable() or "\n  " in str(refused.value)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_stands_in_an_event_it_is_refused_or_names_tags(
    name: str, ref: str, sha: str
) -> None:
    try:
        event = GitEvent(name, ref, sha)
    except InputError:
        return
    assert all(is_tag(tag) for tag in tags(event, list(TagRule), "-s").names)


def test_tags_that_move_are_told_from_those_that_name_one_commit() -> None:
    release = tags(GitEvent("push", "refs/tags/v4.2.2", SHA), BACKENDS, "-s")
    branch = tags(GitEvent("push", "refs/heads/feat/x", SHA), BACKENDS, "-s")
    assert (release.moving, branch.moving) == (("latest-s",), ("feat-x-s",))
