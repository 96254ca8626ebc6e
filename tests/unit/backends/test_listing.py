"""A folder is listed as git lists it, so that plan and build hash the same inputs."""

import subprocess
from pathlib import Path

from localai_ci.backends.slices import listing
from localai_ci.plan.git import Checkout


def test_a_folder_is_listed_as_its_commit_is(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/file").write_bytes(b"bytes\0\xff")
    (tmp_path / "empty").write_text("")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "link").symlink_to("sub/file")
    (tmp_path / "folder-link").symlink_to("sub")
    found = listing(tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    assert found == Checkout(tmp_path).listing("HEAD")
