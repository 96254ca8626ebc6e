"""The least of a repository: git, and Go through it, say of it what they say of the whole."""

import os
import subprocess
from pathlib import Path

import pytest

from localai_ci.backends.dockerignore import Ignoring
from localai_ci.backends.minimal_git import NEVER_NEEDED, write
from localai_ci.errors import InputError

ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nowhere"}


def git(folder: Path, *words: str) -> str:
    own = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *own, *words],
        env=ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Three commits over nested folders, so that packs hold differences."""
    folder = tmp_path / "clone"
    (folder / "a/b").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "master")
    for number in range(3):
        (folder / "a/b/text").write_text("line\n" * 500 + str(number))
        (folder / "Makefile").write_text(str(number))
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"number {number}")
    return folder


def said(folder: Path) -> tuple[str, str]:
    return git(folder, "describe", "--always", "--tags"), git(folder, "rev-parse", "HEAD")


def least(clone: Path, name: str = "least") -> Path:
    """A working folder with the least of a clone's repository."""
    folder = clone.parent / name
    head = write(clone / ".git", folder / ".git")
    assert head.revision == git(clone, "rev-parse", "HEAD")
    return folder


def test_without_a_tag_it_says_the_short_commit(clone: Path) -> None:
    assert said(least(clone)) == said(clone)
    assert len(said(clone)[0]) == 7


@pytest.mark.parametrize("how", [(), ("-a", "-m", "a release")])
def test_a_tag_on_the_commit_is_its_version_light_or_annotated(
    clone: Path, how: tuple[str, ...]
) -> None:
    git(clone, "tag", *how, "v4.2.2")
    assert said(least(clone)) == said(clone)
    assert said(clone)[0] == "v4.2.2"


def test_an_older_tag_is_none_of_a_shallow_checkout(clone: Path) -> None:
    """LocalAI builds from depth 1: a branch says its commit, whatever was released before."""
    git(clone, "tag", "v4.2.1", "HEAD~1")
    shallow = clone.parent / "shallow"
    git(clone.parent, "clone", "-q", "--depth=1", f"file://{clone}", str(shallow))
    assert said(least(clone)) == said(shallow)
    assert said(least(shallow, "other")) == said(shallow)


def test_packed_loose_and_detached_clones_give_the_same_bytes(clone: Path) -> None:
    git(clone, "tag", "v1.0.0")
    loose = least(clone)
    git(clone, "gc", "-q", "--aggressive")
    git(clone, "checkout", "-q", "--detach")
    packed = least(clone, "packed")

    def files(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    assert files(loose) == files(packed)
    assert len(files(loose)) == 8  # HEAD, shallow, config, the tag, the commit, three trees


def test_git_status_works_as_gos_stamp_needs_it(clone: Path) -> None:
    """`go build` runs these two; without the trees the first fails, and so does every build."""
    folder = least(clone)
    (folder / "main.go").write_text("package main")
    assert "D  a/b/text" in git(folder, "status", "--porcelain")
    assert git(folder, "log", "-1", "--format=%H:%ct") == git(clone, "log", "-1", "--format=%H:%ct")


def test_it_holds_neither_files_nor_history(clone: Path) -> None:
    folder = least(clone)
    kinds = {
        git(folder, "cat-file", "-t", path.parent.name + path.name)
        for path in (folder / ".git/objects").glob("??/*")
    }
    assert kinds == {"commit", "tree"}
    assert git(folder, "rev-list", "--count", "HEAD") == "1"


def test_a_folder_that_is_no_repository_is_refused_with_what_to_give(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(InputError, match=r"cannot be read(?s:.*)Give a clone"):
        write(tmp_path / ".git", tmp_path / "least")


def test_a_clone_without_a_commit_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(InputError, match=r"\.git cannot be read"):
        write(tmp_path / ".git", tmp_path / "least")


def test_a_clone_without_its_trees_is_refused(clone: Path) -> None:
    tree = git(clone, "rev-parse", "HEAD:a")
    (clone / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(InputError, match=r"cannot be read(?s:.*)needs its trees"):
        write(clone / ".git", clone.parent / "least")


@pytest.mark.parametrize("name", ["../../../../escaped", "/escaped", "a/../../../escaped"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_tag_that_would_leave_the_folder_writes_nothing(
    clone: Path, name: str, *, packed: bool
) -> None:
    head = git(clone, "rev-parse", "HEAD")
    before = set(clone.parent.rglob("escaped"))
    if packed:
        (clone / ".git/packed-refs").write_text(f"{head} refs/tags/{name}\n")
        with pytest.raises(InputError, match=r"\.git cannot be read"):
            write(clone / ".git", clone.parent / "least")
    else:
        (clone / ".git/refs/tags/x").symlink_to("../../../../..")
        least(clone)
    assert set(clone.parent.rglob("escaped")) == before


def test_what_a_checkout_keeps_for_itself_is_neither_needed_nor_taken(clone: Path) -> None:
    """actions/checkout leaves its token in .git/config; nothing of it may reach an engine."""
    git(clone, "config", "http.extraheader", "AUTHORIZATION: basic c2VjcmV0")
    whole = least(clone)
    bare = clone.parent / "uploaded"
    ignored = Ignoring.of("", NEVER_NEEDED)
    for path in (clone / ".git").rglob("*"):
        name = path.relative_to(clone).as_posix()
        if path.is_file() and not ignored.leaves_out(name):
            (bare / name).parent.mkdir(parents=True, exist_ok=True)
            (bare / name).write_bytes(path.read_bytes())
    assert not (bare / ".git/config").exists()
    assert "c2VjcmV0" not in "".join(
        path.read_text("latin-1") for path in bare.rglob("*") if path.is_file()
    )
    write(bare / ".git", clone.parent / "again/.git")
    assert said(clone.parent / "again") == said(whole) == said(clone)


def test_any_damage_is_an_error_in_words(clone: Path) -> None:
    """One byte of each file after the other: never another error, nor a wrong commit."""
    head = git(clone, "rev-parse", "HEAD")
    for number, path in enumerate(sorted((clone / ".git").rglob("*"))):
        if not path.is_file() or "hooks" in path.parts:
            continue
        data = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(data[: len(data) // 2] + b"\xff\x00" + data[len(data) // 2 + 1 :])
        try:
            found = write(clone / ".git", clone.parent / f"least-{number}")
        except InputError:
            pass
        else:
            assert found.revision == head
        path.write_bytes(data)
