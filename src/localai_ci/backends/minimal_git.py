"""The least of a repository that tells a build its version: what a checkout of depth 1 has. Pure.

LocalAI's Makefile asks `git describe --always --tags` and `git rev-parse HEAD`, and Go asks
`git status` before it stamps a program: without the commit's trees it fails the whole build. So
HEAD, its commit, its trees and the tags on it are kept; files, history and branches are not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localai_ci.errors import InputError
from localai_ci.text import quoted

if TYPE_CHECKING:
    from dulwich.objects import ShaFile, Tag
    from dulwich.repo import Repo

NEVER_NEEDED = (
    *(".git/config*", ".git/hooks", ".git/logs", ".git/lfs", ".git/modules", ".git/index"),
    *(".git/worktrees", ".git/info", ".git/*_HEAD"),
)
"""What never reaches the engine: actions/checkout leaves a token in .git/config, for one."""

_CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
_FOLDER = 0o40000


@dataclass(frozen=True)
class Head:
    """What a tree says it is.

    Attributes:
        revision: The commit, 40 hex digits.
        tags: The tags on it, sorted.
    """

    revision: str
    tags: tuple[str, ...] = ()


def write(repository: Path, target: Path) -> Head:
    """Write the least of a repository into a new folder, the same bytes for the same commit.

    Args:
        repository: A ``.git`` folder, of whichever depth.
        target: Becomes another one.

    Raises:
        InputError: it is none, or does not have its own commit.
    """
    from dulwich.repo import Repo

    try:
        with Repo(str(repository), bare=True) as repo:
            head = repo.head()
            commit = repo[head]
            tags = _tags(repo, head)
            objects = [commit, *_trees(repo, commit), *(tag for _, tag in tags.values() if tag)]
    except Exception as e:  # noqa: BLE001 - somebody's files, and readers that trust them
        raise InputError(
            f"the tree's .git cannot be read: {type(e).__name__} {quoted(str(e))}",
            where=".git",
            remedy="Give a clone as --source (actions/checkout makes one; a partial one needs its"
            " trees: --filter=blob:none at most), or a git address with a revision.",
        ) from None
    for one in objects:
        name = one.id.decode()
        _put(target / "objects" / name[:2] / name[2:], one.as_legacy_object())
    for tag, (sha, _) in tags.items():
        _put(target / "refs/tags" / tag, sha + b"\n")
    (target / "refs/heads").mkdir(parents=True)  # without refs/ it is no repository
    _put(target / "HEAD", head + b"\n")
    _put(target / "shallow", head + b"\n")
    _put(target / "config", _CONFIG)
    return Head(head.decode(), tuple(sorted(tags)))


def _tags(repo: "Repo", head: bytes) -> "dict[str, tuple[bytes, Tag | None]]":
    """The tags on a commit: what each names, and its object where it has one.

    The library refuses names that are no paths below refs/tags.
    """
    from dulwich.objects import ObjectID, Tag
    from dulwich.refs import Ref

    found: dict[str, tuple[bytes, Tag | None]] = {}
    for name, sha in repo.refs.as_dict(Ref(b"refs/tags")).items():
        one = repo[sha] if ObjectID(sha) in repo.object_store else None
        tag = one if isinstance(one, Tag) else None
        if sha == head or (tag and tag.object[1] == head):
            found[name.decode("utf-8", "surrogateescape")] = (sha, tag)
    return found


def _trees(repo: "Repo", commit: "ShaFile") -> "Iterator[ShaFile]":
    """All folders of a commit."""
    from dulwich.objects import Commit, Tree

    if not isinstance(commit, Commit):
        raise TypeError("HEAD is no commit")
    seen, todo = set(), [commit.tree]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        tree = repo[name]
        yield tree
        if isinstance(tree, Tree):
            todo += [item.sha for item in tree.items() if item.mode == _FOLDER and item.sha]


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
