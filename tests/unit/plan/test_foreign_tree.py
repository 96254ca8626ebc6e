"""A tree that is not ours: what it brings is read, and starts nothing."""

import os
import subprocess
from pathlib import Path

import pytest
from unit.plan.deciding import MATRIX, matrix_of

from localai_ci.errors import InputError
from localai_ci.matrix import localai
from localai_ci.matrix.tree import Tree
from localai_ci.plan.event import Event
from localai_ci.plan.git import Checkout
from localai_ci.plan.sources import PlanRequest, gather

GIT = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *GIT, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    git(root, "init", "-q")
    write(root, "backend/go/whisper/main.go", "one")
    write(root, "README.md", "one")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    return root


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def notes(root: Path) -> tuple[str, ...]:
    request = PlanRequest(Event.push, root, base="HEAD")
    return gather(request, lambda _: b"")[1].notes


def test_a_trees_settings_and_the_environment_start_no_program(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho x >> {ran}\n")
    program.chmod(0o755)
    write(clone, ".gitattributes", "* filter=x diff=x\n")
    for name in ("core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command",
                 "filter.x.clean", "filter.x.smudge", "filter.x.process", "core.sshCommand",
                 "core.pager"):  # fmt: skip
        git(clone, "config", name, str(program))
    for name in ("GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_PAGER", "GIT_ASKPASS"):
        monkeypatch.setenv(name, str(program))
    git(clone, "config", "core.hooksPath", str(tmp_path))
    write(clone, "backend/go/whisper/main.go", "two")
    ran.unlink(missing_ok=True)
    assert Tree(clone).paths
    assert notes(clone)
    assert not ran.exists()


def test_git_variables_of_the_environment_name_no_other_repository(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = git(clone, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert Checkout(clone).resolve("HEAD") == head
    assert "README.md" in Tree(clone).paths


def test_a_difference_is_the_same_whatever_the_tree_says_of_differences(clone: Path) -> None:
    before = git(clone, "rev-parse", "HEAD")
    git(clone, "mv", "README.md", "backend/READ.md")
    git(clone, "commit", "-qm", "two")
    for name, value in (("diff.renames", "copies"), ("diff.relative", "true"),
                        ("diff.noprefix", "true"), ("core.quotePath", "true"),
                        ("diff.ignoreSubmodules", "all")):  # fmt: skip
        git(clone, "config", name, value)
    assert set(Checkout(clone / "backend").changed(before, "HEAD")) == {
        "README.md",
        "backend/READ.md",
    }


def test_a_file_whose_content_the_clone_lacks_is_an_error_and_not_a_missing_file(
    clone: Path,
) -> None:
    blob = git(clone, "rev-parse", "HEAD:README.md")
    checkout = Checkout(clone)
    assert checkout.read("HEAD", "README.md") == b"one"
    assert checkout.read("HEAD", "NOT.md") is None
    assert checkout.read("HEAD", "backend") is None
    write(clone, "other", "x")
    (clone / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(InputError, match=r"README\.md.*its content is not in this clone"):
        checkout.read("HEAD", "README.md")


def test_a_revision_that_is_an_option_is_only_a_revision(clone: Path) -> None:
    assert Checkout(clone).resolve("--output=x") is None
    assert not (clone / "x").exists()


@pytest.mark.parametrize("edit", ["content", "gone", "staged", "touched"])
def test_edits_that_are_not_committed_are_named(clone: Path, edit: str) -> None:
    assert notes(clone) == ()
    file = clone / "README.md"
    if edit == "gone":
        file.unlink()
    elif edit == "touched":
        file.write_text("one")
    else:
        file.write_text("two")
        if edit == "staged":
            git(clone, "add", ".")
    if edit == "touched":
        assert notes(clone) == ()
    else:
        (note,) = notes(clone)
        assert note.startswith("1 file of ")
        assert "README.md" in note


@pytest.mark.parametrize("name", ["a\nb", "\n", "x\n  size: 1\tflags: 0\n100644 0 0\ty", "a\tb"])
def test_a_tracked_name_with_a_line_break_is_one_name(clone: Path, name: str) -> None:
    write(clone, name, "one")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "odd")
    assert notes(clone) == ()
    write(clone, name, "two, and longer")
    (note,) = notes(clone)
    assert note.startswith("1 file of ")


def test_a_tracked_file_that_became_a_pipe_is_an_edit_and_is_not_waited_for(clone: Path) -> None:
    (clone / "README.md").unlink()
    os.mkfifo(clone / "README.md")
    (note,) = notes(clone)
    assert "README.md" in note


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "backend/../../outside"])
@pytest.mark.parametrize("how", ["git", "folder"])
def test_a_link_that_leads_out_of_the_tree_is_refused(clone: Path, target: str, how: str) -> None:
    (clone.parent / "outside").write_text("secret")
    (clone / "matrix").mkdir()
    (clone / "matrix/backends.yaml").symlink_to(
        target if target.startswith("/") else f"../{target}"
    )
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "link")
    reads = {"git": lambda p: Checkout(clone).read("HEAD", p), "folder": Tree(clone).data}
    with pytest.raises(InputError, match="leads out of the tree") as caught:
        reads[how]("matrix/backends.yaml")
    assert "secret" not in str(caught.value)


def test_a_link_inside_of_the_tree_is_followed(clone: Path) -> None:
    (clone / "link.md").symlink_to("README.md")
    (clone / "loop").symlink_to("loop")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "link")
    assert Checkout(clone).read("HEAD", "link.md") == b"one"
    assert Tree(clone).data("link.md") == b"one"
    assert Checkout(clone).read("HEAD", "loop") is None
    assert Tree(clone).data("loop") is None


def test_two_rows_of_one_id_are_refused(tmp_path: Path) -> None:
    entry = MATRIX.by_id()["cpu-ced/amd64"]
    document = localai.document(matrix_of([entry, entry]).entries)
    file = tmp_path / "matrix.yml"
    import yaml

    file.write_text(yaml.safe_dump(document))
    with pytest.raises(InputError, match="more than one row makes 'cpu-ced/amd64'"):
        gather(PlanRequest(Event.push, matrix=file), lambda _: b"")
