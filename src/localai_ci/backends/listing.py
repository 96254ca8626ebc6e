"""The files of a folder as git would list them, so that plan and build hash the same inputs."""

import hashlib
import os
from pathlib import Path


def listing(folder: Path) -> dict[str, str]:
    """Every file with its mode and blob id, by path with forward slashes.

    A submodule counts by its files here, where git has one line with its commit.
    """
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            found[path.relative_to(folder).as_posix()] = _line(path)
        links = (path for path in Path(root).iterdir() if path.is_symlink() and path.is_dir())
        found |= {path.relative_to(folder).as_posix(): _line(path) for path in links}
    return found


def _line(path: Path) -> str:
    if path.is_symlink():
        mode, content = "120000", os.fsencode(path.readlink())
    else:
        mode = "100755" if path.stat().st_mode & 0o111 else "100644"
        content = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return f"{mode} {blob.hexdigest()}"
