"""The forms that LocalAI's rows have had, brought to the one of today.

Until 2026-05-08 the rows stood in ``.github/workflows/backend.yml``, as ``strategy.matrix.include``
of the jobs that build; since then in ``.github/backend-matrix.yml``. Until 2026-05-09 a row could
name two platforms.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from localai_ci.config.reader import Document, Loc
from localai_ci.errors import InputError

MATRIX_FILE = ".github/backend-matrix.yml"
"""Where LocalAI keeps its rows."""
WORKFLOW = ".github/workflows/backend.yml"
"""Where it kept them before."""


def matrix_file(tree: Path) -> Path:
    """The file of a tree that has its rows.

    Raises:
        InputError: it has none of the files that are known.
    """
    for name in (MATRIX_FILE, WORKFLOW):
        if (tree / name).is_file():
            return tree / name
    raise InputError(
        "this tree has no matrix of LocalAI's",
        where=str(tree),
        remedy=f"Give a tree with {MATRIX_FILE} or, before 2026-05-08, {WORKFLOW}; or the file.",
    )


def tree_of(file: Path) -> Path | None:
    """The tree that a file of rows stands in; None of a file that stands alone."""
    for name in (MATRIX_FILE, WORKFLOW):
        whole = file.resolve()
        root = whole.parents[name.count("/")]
        if whole == root / name:
            return root
    return None


def rows_of(document: Document) -> Document:
    """The document with ``include`` and ``includeDarwin`` at its top; its lines stay known.

    Raises:
        InputError: a workflow without rows.
    """
    data = document.data
    if not isinstance(data, Mapping) or not isinstance(data.get("jobs"), Mapping):
        return document
    lists: dict[str, list[Any]] = {"include": [], "includeDarwin": []}
    lines: dict[Loc, int] = {(): 1}
    for loc, row in _workflow_rows(data["jobs"]):
        name = "include" if "dockerfile" in row else "includeDarwin"
        place: Loc = (name, len(lists[name]))
        lists[name].append(row)
        deeper: list[Loc] = [(), *((key,) for key in row)]
        lines |= {
            (*place, *d): document.lines[*loc, *d] for d in deeper if (*loc, *d) in document.lines
        }
    if not lists["include"]:
        raise InputError(
            "this workflow has no rows",
            where=document.path,
            remedy=f"Since 2026-05-08 they stand in {MATRIX_FILE}: give that file, or the tree.",
        )
    return Document(document.path, lists, lines)


def _workflow_rows(jobs: Mapping[str, Any]) -> Iterator[tuple[Loc, Mapping[str, Any]]]:
    """The rows of all jobs that build backends, each with its place."""
    for name, job in jobs.items():
        strategy = job.get("strategy") if isinstance(job, Mapping) else None
        matrix = strategy.get("matrix") if isinstance(strategy, Mapping) else None
        rows = matrix.get("include") if isinstance(matrix, Mapping) else None
        for number, row in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(row, Mapping) and {"backend", "tag-suffix"} <= row.keys():
                yield ("jobs", name, "strategy", "matrix", "include", number), row
