"""`plan --since-published`: what a cancelled run left unbuilt is built by the next push."""

import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from registries.images import publish
from registries.legs import Scene as Legs
from registries.oci import oci_registry
from registries.session import QUICK, fresh
from registry.test_built import GIT, clone, file
from typer.testing import CliRunner

from localai_ci.backends.input_hash import inputs_of, refresh_of
from localai_ci.cli import commands
from localai_ci.matrix.tables import Tables
from localai_ci.names import input_tag, split_entry_id
from localai_ci.oci import copy
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.plan.event import Event
from localai_ci.plan.sources import PlanRequest, snapshot
from localai_ci.release import kept
from localai_ci.release.targets import Target

BOTH = {"cpu-whisper/amd64", "cpu-whisper/arm64"}
WHISPER = "backend/go/whisper/main.go"


@dataclass
class Scene:
    tree: Path
    images: Repository
    bases: Repository
    registries: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.tree), *GIT, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def push(self, path: str, text: str) -> str:
        (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / path).write_text(text)
        self.git("add", "--all")
        self.git("commit", "-qm", path)
        return self.git("rev-parse", "HEAD")

    def build(self, *entries: str, tag: bool = False, week: str = "") -> None:
        """What a run of the head does: legs under the names of their inputs, then their tags."""

        async def act() -> None:
            async with Transport(policy=QUICK) as transport:
                base = await publish(transport, self.bases, "24.04", "base")
                known = Tables(given=self.tree / ".github/backend-matrix.yml")
                tree = snapshot(PlanRequest(Event.push, self.tree), known)
                for entry in map(known.matrix.by_id().__getitem__, entries or BOTH):
                    now = refresh_of(dt.datetime.now(dt.UTC))
                    inputs = inputs_of(entry, tree, base.digest, week or now)
                    name = input_tag(inputs.digest, entry.suffix, entry.arch)
                    await publish(transport, self.images, name, f"{name}{entry.id}")
                if tag:
                    short = self.git("rev-parse", "HEAD")[:7]
                    await publish(transport, self.images, f"sha-{short}-cpu-whisper", short)

        anyio.run(act)

    def plan(self, *more: str) -> dict[str, object]:
        arguments = ["plan", "--source", str(self.tree), "--since-published", "own"]
        files = ["--registries", str(self.registries), "--format", "json"]
        done = CliRunner().invoke(commands, [*arguments, *files, *more], catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        data: dict[str, object] = json.loads(done.stdout)
        data["said"] = done.stderr
        return data

    def due(self, *more: str) -> set[str]:
        return {entry["id"] for entry in self.plan(*more)["entries"]}  # type: ignore[attr-defined]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with oci_registry() as registry:
        images, bases = fresh(registry.address), fresh(registry.address)
        tree = clone(tmp_path / "localai", f"{bases}:24.04")
        yield Scene(tree, images, bases, file(tmp_path, images, bases))


def test_what_a_cancelled_run_left_is_due_with_the_next_push(scene: Scene) -> None:
    scene.build()
    scene.push(WHISPER, "package changed\n")  # its run is cancelled
    before = scene.git("rev-parse", "HEAD")
    scene.push("docs/x.md", "")
    assert scene.due() == BOTH
    assert scene.due("--base", before) == BOTH
    scene.build()
    assert scene.due() == set()


def test_a_run_that_built_one_leg_of_two_is_made_up_for_as_well(scene: Scene) -> None:
    scene.build()
    scene.push(WHISPER, "package changed\n")
    scene.build("cpu-whisper/amd64")
    scene.push("docs/x.md", "")
    assert scene.due() == BOTH
    assert scene.due("--built", "own") == {"cpu-whisper/arm64"}


def test_legs_of_a_run_that_ended_before_its_merge_are_left_for_the_merge(scene: Scene) -> None:
    scene.build(tag=True)
    assert scene.plan()["built"] == {}
    scene.push(WHISPER, "package changed\n")
    scene.build()
    scene.push("docs/x.md", "")
    found = scene.plan()
    assert found["entries"] == []
    assert set(found["built"]) == BOTH  # type: ignore[call-overload]


def test_a_new_week_alone_makes_nothing_due(scene: Scene) -> None:
    scene.build(week="2026-W01", tag=True)
    scene.push("docs/x.md", "")
    assert scene.due() == set()


def test_where_nothing_was_ever_published_everything_is_due_and_says_why(scene: Scene) -> None:
    scene.push("docs/x.md", "")
    found = scene.plan()
    assert found["complete"]
    assert "of the last 2 commits none has all its images in" in str(found["unknown"])


def test_a_registry_that_does_not_answer_is_a_doubt_and_is_told(
    scene: Scene, tmp_path: Path
) -> None:
    nowhere = Repository.parse("127.0.0.1:9/none")
    scene.registries = file(tmp_path, nowhere, nowhere)
    found = scene.plan()
    assert found["complete"]
    assert "counted as not published" in str(found["said"])


def test_an_image_of_another_commit_with_the_same_inputs_counts(scene: Scene) -> None:
    first = scene.git("rev-parse", "HEAD")
    scene.build(tag=True)
    scene.push(WHISPER, "package changed\n")
    scene.git("revert", "--no-edit", "HEAD")
    assert scene.due() == set()
    assert scene.due("--base", first) == set()


def test_a_receipt_says_of_which_commit_an_image_is_when_its_base_has_moved(scene: Scene) -> None:
    first = scene.git("rev-parse", "HEAD")

    async def receipts() -> None:
        async with Transport(policy=QUICK) as transport:
            place = Target("own", scene.images, scene.images)
            lab = Legs(transport, (place,))
            for entry in BOTH:
                receipt = await lab.leg(entry, revision=first)
                suffix, arch = split_entry_id(entry)
                leg = scene.images.at(input_tag("0123456789ab", suffix, arch))
                await copy.copy(transport, receipt.publications[0].reference, leg)
                assert await kept.keep(transport, leg, receipt)
            await publish(transport, scene.bases, "24.04", "another base than then")

    anyio.run(receipts)
    scene.push("docs/x.md", "")
    assert scene.due() == set()
    scene.push(WHISPER, "package changed\n")
    assert scene.due() == BOTH


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--event", "pull_request"), "publishes nothing"),
        (("--since-published", "other"), "is not a registry of registries.yaml"),
    ],
)
def test_what_makes_no_sense_is_refused(scene: Scene, more: tuple[str, ...], says: str) -> None:
    from localai_ci.errors import InputError

    with pytest.raises(InputError, match=says):
        scene.plan(*more)
