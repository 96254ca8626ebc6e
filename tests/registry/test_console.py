"""The commands as a user types them, against real registries."""

import json
import sys

import pytest
from registries.console import EVENT, Console
from registries.legs import BOTH
from registries.oci import oci_registry

from localai_ci.release.result import MergeResult, TagState


def test_merge_then_rollback(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with oci_registry() as registry:
        target = console.set_up(registry)
        assert console.merge("--dry-run") == 0
        assert '{"schemaVersion":2' in capsys.readouterr().out
        assert console.merge() == 0
        told = capsys.readouterr().out
        assert "merged" in told
        assert "latest-cpu-test" in told
        repo = registry.repos[target.repository.path]
        assert len(repo.tags) == 3
        assert registry.repos[target.anchors.path].tags == {}
        where = ["--result", str(console.result), "--registries", str(console.file)]
        assert console.run("rollback", *where, "--dry-run") == 0
        assert len(repo.tags) == 3
        assert console.run("rollback", *where) == 0
        assert repo.tags == {}
        assert not [t for row in MergeResult.read(console.result).images for t in row.tags
                    if t.state != "restored"]  # fmt: skip


def test_an_incomplete_merge_ends_with_one(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        console.set_up(registry)
        (console.receipts / "cpu-test--arm64.json").unlink()
        assert console.merge("--format", "json") == 1
        out, err = capsys.readouterr()
        assert json.loads(out)["images"][0]["status"] == "refused"
        assert "no receipt for cpu-test/arm64" in err
        plan = console.folder / "plan.json"
        plan.write_text(json.dumps({"entries": [{"id": entry} for entry in BOTH]}))
        assert console.merge("--plan", str(plan)) == 1


def test_at_a_terminal_the_merge_shows_how_far_it_is(
    console: Console, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with oci_registry() as registry:
        console.set_up(registry)
        for terminal in (False, True):
            monkeypatch.setattr(sys.stderr, "isatty", lambda answer=terminal: answer)
            assert console.merge() == 0
            assert ("100%" in capsys.readouterr().err) is terminal


def test_gc_shows_before_it_deletes_and_only_old_anchors(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        target = console.set_up(registry)
        tags = registry.repos[target.anchors.path].tags
        old = dict(tags)
        for tag, digest in old.items():
            tags[tag.replace("20261120", "20200101")] = digest
            tags[tag.replace("20261120", "29990101")] = digest
        tags["cache-cpu-test"] = next(iter(old.values()))
        before = dict(tags)
        where = ["gc", "--older-than", "1000", "--registries", str(console.file)]
        assert console.run(*where) == 0
        assert capsys.readouterr().out.count("would be deleted") == 2
        assert tags == before
        assert console.run(*where, "--delete") == 0
        assert {tag for tag in before if tag not in tags} == {
            tag.replace("20261120", "20200101") for tag in old
        }


@pytest.mark.parametrize("command", ["tags", "merge"])
@pytest.mark.parametrize("wrong", [("--sha", "zzz"), ("--ref", "master"), ("--event", "nightly")])
def test_an_event_is_checked_before_anything_is_done(
    console: Console, capsys: pytest.CaptureFixture[str], command: str, wrong: tuple[str, str]
) -> None:
    with oci_registry() as registry:
        console.set_up(registry)
        before = len(registry.repos)
        arguments = ["--receipts", str(console.receipts)] if command == "merge" else []
        assert (
            console.run(command, "--registries", str(console.file), *arguments, *EVENT, *wrong) == 2
        )
        said = capsys.readouterr()
        assert not said.out
        assert f"{wrong[1]!r}" in said.err
        assert len(registry.repos) == before


def test_tags_are_printed(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run("tags", *EVENT, "--suffix", "-cpu-test") == 0
    assert capsys.readouterr().out.split() == [
        "v4.2.2-cpu-test", "sha-a1b2c3d-cpu-test", "latest-cpu-test"
    ]  # fmt: skip


def test_a_fault_of_the_input_is_one_message(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.receipts.mkdir()
    (console.receipts / "x.json").write_text("{}")
    assert console.run("merge", "--receipts", str(console.receipts), *EVENT) == 2
    err = capsys.readouterr().err
    assert "not a receipt" in err
    assert "Traceback" not in err
    assert console.merge("--sign") == 2
    assert "entry: Field required" in err


def test_a_rerun_keeps_the_record_of_what_the_first_run_moved(console: Console) -> None:
    """The second run finds nothing to move, and rollback has to undo the first."""
    with oci_registry() as registry:
        target = console.set_up(registry)
        assert console.merge() == 0
        assert console.merge("--dry-run") == 0
        assert console.merge() == 0
        repo = registry.repos[target.repository.path]
        assert len(repo.tags) == 3
        where = ["--result", str(console.result), "--registries", str(console.file)]
        assert console.run("rollback", *where) == 0
        assert repo.tags == {}


def test_the_record_of_other_images_stays_beside(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        console.set_up(registry)
        assert console.merge() == 0
        first = MergeResult.read(console.result)
        for row in first.images:
            row.digest = "sha256:" + "0" * 64
            for tag in row.tags:
                tag.digest = row.digest
        first.write(console.result)
        assert console.merge() == 0
        assert MergeResult.read(console.result.with_name("result.before.json")) == first
        assert "result.before.json" in capsys.readouterr().err


def test_a_record_that_cannot_be_written_stops_the_merge_before_any_tag_moves(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        target = console.set_up(registry)
        console.result.parent.mkdir(exist_ok=True)
        (console.folder / "file").write_text("")
        console.result = console.folder / "file" / "result.json"
        assert console.merge() != 0
        assert "no tag was moved" in capsys.readouterr().err
        assert target.repository.path not in registry.repos or not (
            registry.repos[target.repository.path].tags
        )


def test_rollback_says_when_somebody_moved_a_tag_since(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        target = console.set_up(registry)
        assert console.merge() == 0
        repo = registry.repos[target.repository.path]
        name = next(iter(repo.tags))
        other = next(digest for digest in repo.manifests if digest != repo.tags[name])
        repo.tags[name] = other
        where = ["--result", str(console.result), "--registries", str(console.file)]
        assert console.run("rollback", *where) == 1
        assert "somebody moved it" in capsys.readouterr().out
        assert repo.tags == {name: other}
        states = {tag.state for row in MergeResult.read(console.result).images for tag in row.tags}
        assert states == {TagState.restored, TagState.moved}


def test_what_the_plan_found_built_is_tagged_without_a_receipt(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands under the name of its inputs; one that is gone is refused as any missing leg."""
    with oci_registry() as registry:
        target = console.set_up(registry)
        assert console.merge("--keep-anchors") == 0
        repo = registry.repos[target.repository.path]
        index = repo.tags["latest-cpu-test"]
        built = {}
        for entry in BOTH:
            file = console.receipts / f"{entry.replace('/', '--')}.json"
            tag = f"in-0123456789ab-{entry.replace('/', '-')}"
            repo.tags[tag] = json.loads(file.read_text())["digest"]
            built[entry] = f"{target.repository}:{tag}"
            file.unlink()
        plan = console.folder / "plan.json"
        again = ("--plan", str(plan), "--ref", "refs/tags/v4.2.3")
        plan.write_text(json.dumps({"entries": [], "built": built}))
        assert console.merge(*again) == 0
        assert repo.tags["latest-cpu-test"] == repo.tags["v4.2.3-cpu-test"] != index
        assert set(repo.tags) > {tag.rpartition(":")[2] for tag in built.values()}
        built[BOTH[0]] += "x"
        plan.write_text(json.dumps({"entries": [], "built": built}))
        assert console.merge(*again) == 1
        said = capsys.readouterr().err
        assert f"{BOTH[0]} was built before and cannot be used" in said
        assert f"no receipt for {BOTH[0]}" in said
