"""The example's workflows, run: the right images, tags and signatures in both registries."""

from collections.abc import Callable

import pytest
from registries.session import CANARY

from workflows.acting import Hub, Outcome, git
from workflows.conftest import World

pytestmark = pytest.mark.engine
Repository = Callable[..., Hub]


def green(done: Outcome) -> None:
    """All went well, and no password was printed."""
    assert done.code == 0, done.log[-6000:]
    assert "| green" in done.log
    assert CANARY not in done.log


def without_a_password(done: Outcome) -> None:
    assert done.jobs, done.log[-6000:]
    assert CANARY not in done.log


def same_and_signed(world: World, *tags: str) -> None:
    """Both registries have these tags with the same digests, which cosign accepts."""
    quay, hub = world.tags("quay"), world.tags("dockerhub")
    for tag in tags:
        assert quay[tag] == hub[tag], tag
    for digest in {quay[tag] for tag in tags}:
        assert world.signed("quay", digest)
        assert world.signed("dockerhub", digest)


def test_a_push_builds_what_changed_and_tags_it_signed_in_both_registries(
    world: World, repository: Repository
) -> None:
    github = repository("push-one", "push-two")
    before = github.tree.head
    after = github.tree.change("push-one", "an edit")
    done = github.run(
        "push", "containers.yml", {"ref": "refs/heads/master", "before": before, "after": after}
    )
    green(done)
    assert done.jobs == {
        "plan/plan": "succeeded",
        "build/cpu-push-one/amd64": "succeeded",
        "merge and sign/merge": "succeeded",
        "gate": "succeeded",
    }
    short = after[:7]
    same_and_signed(world, "master-cpu-push-one", f"sha-{short}-cpu-push-one")
    assert not [tag for tag in world.tags("quay") if "push-two" in tag]
    assert set(world.repositories("quay")) <= {"ai/backends", "ai/cache"}


@pytest.mark.slow
def test_a_tag_builds_everything_and_becomes_the_latest(
    world: World, repository: Repository
) -> None:
    github = repository("tag-one", "tag-two")
    done = github.run("push", "containers.yml", {"ref": "refs/tags/v4.2.2", "before": "0" * 40})
    green(done)
    assert sum(name.startswith("build/") for name in done.jobs) >= 1
    for backend in ("tag-one", "tag-two"):
        same_and_signed(
            world,
            *(f"{name}-cpu-{backend}" for name in ("v4.2.2", "latest")),
            f"sha-{github.tree.head[:7]}-cpu-{backend}",
        )
    assert "master-cpu-tag-one" not in world.tags("quay")


@pytest.mark.slow
@pytest.mark.parametrize("event", ["schedule", "workflow_dispatch"])
def test_a_schedule_and_a_dispatch_build_everything_for_the_branch(
    world: World, repository: Repository, event: str
) -> None:
    name = event.replace("_", "-")
    github = repository(name)
    done = github.run(event, "containers.yml", {"ref": "refs/heads/master"})
    green(done)
    same_and_signed(world, f"master-cpu-{name}")


@pytest.mark.slow
@pytest.mark.parametrize("event", ["pull_request", "merge_group"])
def test_a_forks_pull_request_and_a_merge_queue_build_and_write_nothing_and_see_no_secret(
    world: World, repository: Repository, event: str
) -> None:
    """The run has all secrets here, which a fork's has not: the workflows name none."""
    name = event.replace("_", "-")
    github = repository(f"{name}-one", f"{name}-two")
    base = github.tree.head
    git(github.tree.path, "checkout", "-q", "-b", "change")
    github.tree.change(f"{name}-one", "from a fork")
    git(github.tree.path, "checkout", "-q", "master")
    git(github.tree.path, "merge", "-q", "--no-ff", "-m", "merge", "change")
    fork = {"repo": {"full_name": "somebody/LocalAI", "fork": True}}
    payload = {
        "pull_request": {"number": 7, "base": {"sha": base, "ref": "master"}, "head": fork}
        | {"head": fork | {"ref": "change"}},
        "merge_group": {"base_sha": base, "head_sha": github.tree.head},
    }
    before = {place: world.repositories(place) for place in world.places}
    tags = {place: world.tags(place) for place in world.places}
    done = github.run(event, "containers-pr.yml", payload)
    green(done)
    assert done.jobs == {
        "plan/plan": "succeeded",
        f"pull-requests/cpu-{name}-one/amd64": "succeeded",
        "gate": "succeeded",
    }
    assert "quay: anonymously" in done.said(f"linux/pull-requests/cpu-{name}-one/amd64")
    assert {place: world.repositories(place) for place in world.places} == before
    assert {place: world.tags(place) for place in world.places} == tags
    assert not list(github.artifacts[max(github.artifacts)].glob("receipts-*"))


@pytest.mark.slow
def test_a_leg_that_fails_costs_its_own_image_and_the_gate_and_a_second_attempt_completes(
    world: World, repository: Repository
) -> None:
    """The second backend copies from an image that its registry lacks until the second attempt."""
    github = repository("good", "late")
    late = world.base_image.replace(":12", ":late")
    github.tree.also_from({"good": world.base_image, "late": late})
    push = {"ref": "refs/tags/v5.0.0", "before": "0" * 40}
    first = github.run("push", "containers.yml", push, flat=True)
    without_a_password(first)
    assert first.code != 0
    assert first.jobs["gate"] == "failed"
    assert "RED linux is failure" in first.log
    assert "RED merge is failure" in first.log
    same_and_signed(world, "v5.0.0-cpu-good", "latest-cpu-good")
    for place in world.places:
        assert not [t for t in world.tags(place) if t.endswith("cpu-late")]
    assert "no receipt for cpu-late/amd64" in first.log
    run_id = max(github.artifacts)
    moved = world.tags("quay")["v5.0.0-cpu-good"]

    image = ("core", "container", "from", "--address=debian:bookworm", "publish")
    assert world.engine.dagger(*image, f"--address={late}").returncode == 0
    second = github.run("push", "containers.yml", push, run_id=run_id, flat=True)
    green(second)
    same_and_signed(world, "v5.0.0-cpu-late", "latest-cpu-late", "v5.0.0-cpu-good")
    assert world.tags("quay")["v5.0.0-cpu-good"] == moved


@pytest.mark.slow
def test_a_plan_that_fails_is_a_red_gate_and_one_that_finds_nothing_a_green_one(
    repository: Repository,
) -> None:
    github = repository("nothing")
    before = github.tree.head
    (github.tree.path / "docs/page.md").write_text("words\n")
    after = github.tree.commit("words")
    push = {"ref": "refs/heads/master", "before": before, "after": after}
    idle = github.run("push", "containers.yml", push)
    green(idle)
    assert set(idle.jobs) == {"plan/plan", "gate"}
    (github.tree.path / ".github/backend-matrix.yml").write_text("include: [{}]\n")
    broken = github.tree.commit("broken")
    failed = github.run(
        "push", "containers.yml", push | {"before": after, "after": broken}, flat=True
    )
    assert failed.code != 0
    assert failed.jobs["gate"] == "failed"
    assert "RED plan is failure" in failed.log
    assert set(failed.jobs) == {"plan", "gate"}


@pytest.mark.slow
def test_a_label_publishes_images_that_are_thrown_away_and_no_others(
    world: World, repository: Repository
) -> None:
    github = repository("labelled")
    base = github.tree.head
    git(github.tree.path, "checkout", "-q", "-b", "change")
    github.tree.change("labelled", "try it")
    git(github.tree.path, "checkout", "-q", "master")
    git(github.tree.path, "merge", "-q", "--no-ff", "-m", "merge", "change")
    own = {"repo": {"full_name": "mudler/LocalAI"}, "ref": "change"}
    request = {"number": 8, "base": {"sha": base, "ref": "master"}, "head": own}
    before = {place: world.tags(place) for place in world.places}
    unlabelled = github.run(
        "pull_request", "containers-pr-publish.yml", {"pull_request": request | {"labels": []}}
    )
    assert unlabelled.jobs == {}
    labels = {"labels": [{"name": "publish-images"}]}
    done = github.run(
        "pull_request", "containers-pr-publish.yml", {"pull_request": request | labels}
    )
    assert done.code == 0, done.log[-6000:]
    without_a_password(done)
    assert {place: world.tags(place) for place in world.places} == before
    thrown = world.tags("quay", "ai/pull-requests")
    (anchor,) = [tag for tag in thrown if tag.startswith("keepalive-")]
    assert anchor.endswith("-cpu-labelled-amd64")
    assert f"docker pull {world.places['quay']}/ai/pull-requests:{anchor}" in done.log
