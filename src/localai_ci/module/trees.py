"""`plan` and `check` of trees that the engine holds: folders of the caller, or git revisions."""

from collections.abc import Sequence
from pathlib import Path

from dagger import Directory, File, dag

from localai_ci.backends.dockerignore import NEVER
from localai_ci.backends.source_tree import read
from localai_ci.config.compile import load_compile
from localai_ci.config.data import data_dir
from localai_ci.config.images import DOCKERFILE
from localai_ci.config.reader import load
from localai_ci.config.upstreams import load_upstreams
from localai_ci.errors import LocalaiCiError
from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.finding import Finding, Severity
from localai_ci.matrix.rules import load_inputs
from localai_ci.matrix.tables import PATHS
from localai_ci.plan.change import parse_list
from localai_ci.plan.checking import as_text, check_all, idle_rules
from localai_ci.plan.decide import decide
from localai_ci.plan.report import Report, report_of
from localai_ci.plan.sources import PROTO, Compared, PlanRequest, put_together
from localai_ci.release.schemas import MODELS


async def plan(
    request: PlanRequest,
    source: Directory,
    before: Directory | None,
    changed_files: File | None,
    *,
    pack: bool,
    runners: int,
) -> Report:
    """Decide what to build; the engine compares the two trees.

    Args:
        request: Event, rebuilt bases and forced entries.
        source: The tree to build, with its matrix.
        before: The tree that it is compared with.
        changed_files: The changed paths, where there is no tree before.
        pack: Several entries a job.
        runners: How many jobs run at once.

    Raises:
        InputError: a list or a matrix that cannot be read.
    """
    new = await contents(source)
    compared = None
    if before:
        # The argument cannot say so itself: the engine's `Ignore` fails where nothing is given.
        before = dag.directory().with_directory("", before, exclude=list(NEVER))
        old = await contents(before)
        compared = Compared(await _changed(source, before), old.get, new.get)
    listed = None
    if changed_files:
        listed = parse_list((await changed_files.contents()).encode(), "--changed-files")
    known, change = put_together(request, new.get, compared, listed)
    return report_of(decide(known.matrix, known.rules, change), known, runners, pack=pack)


async def check(source: Directory) -> str:
    """What is odd in the matrix, and between it and a tree.

    Raises:
        LocalaiCiError: something is wrong; it says all that was found.
    """
    folder = Path("tree")
    await source.export(str(folder), wipe=True)
    return _told(*check_all(None, folder))


def check_own_data() -> str:
    """What is odd in the module's own files, each of which is read.

    Raises:
        LocalaiCiError: something is wrong; it says all that was found.
    """
    for name, model in MODELS.items():
        load(data_dir() / f"{name}.yaml", model)
    load_compile()
    load_upstreams()
    matrix, found = check_all(None, None)
    return _told(matrix, [*found, *idle_rules(matrix, load_inputs())])


async def contents(source: Directory) -> dict[str, bytes | None]:
    """The files of a tree that decide what is built: matrix, rules, tables, protocol."""
    return {path: await read(source, path) for path in (*PATHS, PROTO, DOCKERFILE)}


async def _changed(source: Directory, before: Directory) -> tuple[str, ...]:
    """Every file that differs; of a renamed one both names."""
    there, back = source.changes(before), before.changes(source)
    # Removed folders are listed without what was in them; on the way back that is added.
    paths = [
        *await there.added_paths(),
        *await there.modified_paths(),
        *await back.added_paths(),
    ]
    return tuple(sorted(path for path in paths if not path.endswith("/")))


def _told(matrix: Matrix, found: Sequence[Finding]) -> str:
    if any(f.severity is Severity.error for f in found):
        worst_first = sorted(found, key=lambda f: list(Severity).index(f.severity))
        raise LocalaiCiError(as_text(matrix, worst_first, FINDINGS_SHOWN))
    return as_text(matrix, found)


FINDINGS_SHOWN = 30
"""Findings that an error lists."""
