"""`plan` and `check` as functions: the engine compares trees as git does."""

import json
import shutil
import subprocess
from pathlib import Path

from dagger_engine import REPO, Engine

FIXTURE = REPO / "tests/fixtures/localai"
LLAMA = "backend/cpp/llama-cpp"


def two_trees(folder: Path) -> tuple[Path, Path]:
    """A tree before and after a change: one file edited, one moved, a folder removed."""
    before, after = folder / "before", folder / "after"
    for tree in (before, after):
        shutil.copytree(FIXTURE, tree)
    (before / "backend/go/gone/deep").mkdir(parents=True)
    (before / "backend/go/gone/deep/main.go").write_text("package main\n")
    (before / "docs/old.md").write_text("moved as it is\n")
    (after / "docs/new.md").write_text("moved as it is\n")
    with (after / LLAMA / "Makefile").open("a") as makefile:
        makefile.write("# edited\n")
    return before, after


def by_git(before: Path, after: Path) -> dict[str, object]:
    """What `localai-ci plan` says of the same two states as revisions of a checkout."""
    shutil.copytree(before, after.parent / "checkout")
    git = ("git", "-C", str(after.parent / "checkout"), "-c", "user.name=t", "-c", "user.email=t")

    def commit() -> None:
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "state"], check=True)

    subprocess.run([*git, "init", "-q"], check=True)
    commit()
    subprocess.run([*git, "rm", "-rq", "."], check=True)
    shutil.copytree(after, after.parent / "checkout", dirs_exist_ok=True)
    commit()
    asked = ("--base", "HEAD~1", "--event", "push", "--format", "json")
    out = subprocess.check_output(
        [REPO / ".venv/bin/localai-ci", "plan", "--source", after.parent / "checkout", *asked]
    )
    told: dict[str, object] = json.loads(out)
    return told


def test_the_plan_of_two_trees_is_the_one_of_two_revisions(engine: Engine, tmp_path: Path) -> None:
    before, after = two_trees(tmp_path)
    told = engine.ok("plan", f"--source={after}", f"--before={before}", "--event=push", "contents")
    plan = json.loads(told)
    elsewhere = {"matrix": plan["matrix"]}  # where the module's own lies
    assert plan == by_git(before, after) | elsewhere
    assert plan["changed"] == 4
    assert "cpu-llama-cpp/amd64" in {entry["id"] for entry in plan["entries"]}


def test_a_list_of_changed_paths_plans_as_a_table(engine: Engine, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.write_text(f"{LLAMA}/Makefile\n")
    asked = (f"--source={FIXTURE}", f"--changed-files={changed}", "--format=table")
    assert LLAMA in engine.ok("plan", *asked, "contents")


def test_a_tree_that_lacks_folders_of_the_matrix_fails_the_check(engine: Engine) -> None:
    done = engine.call("check", f"--source={FIXTURE}")
    assert done.returncode != 0
    assert "error: " in done.stderr
    assert "has rows, and no folder backend/" in done.stderr
    assert " more\n" in done.stderr
