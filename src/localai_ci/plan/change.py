"""What changed: a list of paths or two revisions, and what the compared files said before."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localai_ci.matrix import limits
from localai_ci.matrix.entry import Matrix
from localai_ci.plan.changed_list import PathList, odd
from localai_ci.plan.event import Event

if TYPE_CHECKING:
    from localai_ci.config.compile import CompileFile
    from localai_ci.config.inputs import InputsFile
    from localai_ci.matrix.tree_state import TreeState

LIST_LIMIT = {
    Event.pull_request: limits.PULL_REQUEST_FILES,
    Event.push: limits.PUSH_FILES,
    Event.merge_group: limits.PUSH_FILES,
}
"""Where GitHub's APIs cut a list of files (pull request files; compare) without saying so."""


@dataclass(frozen=True)
class Change:
    """What is known about a change.

    ``paths`` is None where it is not known, and then ``unknown`` says why. ``previous`` is the
    matrix before the change, ``proto`` backend.proto before and after it, ``rules`` inputs.yaml
    before it, ``compile`` compile.yaml before and after it, ``trees`` all files before and after
    it, None where not known; they matter only if the change touches what is compared. ``bases`` are
    builder variants that were rebuilt; ``forced`` globs of entries to build in any case.
    """

    event: Event
    paths: tuple[str, ...] | None
    unknown: str = ""
    previous: Matrix | None = None
    proto: tuple[str, str] | None = None
    rules: "InputsFile | None" = None
    compile: "tuple[CompileFile, CompileFile] | None" = None
    trees: "tuple[TreeState, TreeState] | None" = field(default=None, compare=False)
    bases: frozenset[str] = frozenset()
    forced: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)


def from_list(event: Event, paths: Iterable[str]) -> Change:
    """A change from a list; not known from an empty one, nor from one that GitHub cuts.

    A shell without ``pipefail`` makes an empty list of a ``git diff`` that failed.
    """
    listed = tuple(paths)
    if not listed:
        return Change(event, None, "the list of changed files is empty")
    known = paths.doubt if isinstance(paths, PathList) else None
    if doubt := next(filter(None, map(odd, listed)), "") if known is None else known:
        return Change(event, None, f"the list of changed files is not one path a line: {doubt}")
    limit = LIST_LIMIT.get(event)
    if limit is not None and len(listed) >= limit:
        return Change(
            event,
            None,
            f"the list has {len(listed)} files, and GitHub cuts lists at {limit}",
        )
    return Change(event, listed)
