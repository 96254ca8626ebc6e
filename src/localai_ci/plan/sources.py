"""From what the user gives (a list, revisions of a checkout) to a matrix and a change."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from localai_ci.backends.dockerignore import IGNORE
from localai_ci.backends.input_hash import Snapshot
from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.files import read_file
from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.loading import MATRIX_PATHS, load_matrix
from localai_ci.matrix.tables import COMPILE, FOLDER, RULES, Read, Tables, nothing, tables
from localai_ci.matrix.words import refuse_strange_runners, strange_runner
from localai_ci.plan.change import Change, from_list, parse_list
from localai_ci.plan.event import Event
from localai_ci.plan.git import Checkout
from localai_ci.text import listed as listed_names
from localai_ci.text import plural, quoted

PROTO = "backend/backend.proto"


@dataclass(frozen=True)
class PlanRequest:
    """What a user said of a change; everything but the event may be absent."""

    event: Event
    source: Path | None = None
    base: str = ""
    head: str = "HEAD"
    changed_files: str = ""
    matrix: Path | None = None
    previous_matrix: Path | None = None
    bases: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """Two states of a tree.

    Attributes:
        paths: Every path that differs; of a renamed file both names.
        before: Reads the old state.
        after: Reads the new one.
    """

    paths: tuple[str, ...]
    before: Read
    after: Read


def gather(request: PlanRequest, read_stdin: Callable[[int], bytes]) -> tuple[Tables, Change]:
    """Read what the request names from a checkout, files and standard input.

    Raises:
        InputError: a file, folder or list that cannot be read. A revision that is not there
            is not an error: then everything is built, and the change says why.
    """
    if request.source and not request.source.is_dir():
        raise InputError(
            "there is no such folder", where=str(request.source), remedy="Give a clone of LocalAI."
        )
    if request.base and not request.source:
        raise InputError(
            "--base names a revision, and there is no --source that could have it",
            remedy="Give a clone of LocalAI as --source.",
        )
    checkout = Checkout(request.source) if request.source else None
    read = _reader(checkout, request.head)
    compared = _compare(checkout, request) if checkout and request.base else None
    listed = None
    if request.changed_files:
        listed = _read_list(request.changed_files, read_stdin)
    known, change = put_together(request, read, compared, listed)
    if checkout and request.head == "HEAD" and (edited := checkout.uncommitted()):
        note = (
            f"{plural(len(edited), 'file')} of {request.source} edited and not committed"
            f" ({listed_names(edited)}); the plan is of the commit, so it does not count them"
        )
        change = replace(change, notes=(*change.notes, note))
    return known, change


def put_together(
    request: PlanRequest,
    read: Read,
    compared: Compared | str | None,
    listed: tuple[str, ...] | None,
) -> tuple[Tables, Change]:
    """The tables to go by and the change, from wherever trees and lists are read.

    Args:
        request: What the user said; its source and revisions are not looked at.
        read: Reads the tree to build.
        compared: What was before it, why that is not known, or None if nobody said.
        listed: The changed paths, where the user lists them.

    Raises:
        InputError: a fault in a matrix or in the rules, or an unknown name.
    """
    known = tables(request.matrix, read)
    if listed is not None:
        change = from_list(request.event, listed)
    elif isinstance(compared, Compared):
        change = Change(request.event, compared.paths)
    else:
        change = Change(request.event, None, compared or "nothing was said about what changed")
    _refuse_duplicates(known.matrix)
    bases = _known_bases(request.bases, known.matrix)
    change = replace(change, bases=bases, forced=request.forced)
    if isinstance(compared, Compared) and change.paths is not None:
        change = _with_previous(change, compared, known)
    if request.event.branches_off:
        _refuse_strange_runners(known, change, compared)
    if request.previous_matrix:
        change = replace(change, previous=load_matrix(request.previous_matrix))
    return known, change


def snapshot(request: PlanRequest, known: Tables) -> Snapshot:
    """The tree of a request's head, as input hashes need it.

    Raises:
        InputError: the request names no checkout, or it has no such head.
    """
    if request.source is None:
        raise InputError(
            "what an image is built from is only known with its tree",
            where="--built",
            remedy="Name a clone of LocalAI: --source TREE",
        )
    checkout = Checkout(request.source)
    read = _reader(checkout, request.head)
    texts = {
        path: read(path) for path in {IGNORE, *(e.dockerfile for e in known.matrix.entries)} if path
    }
    said = {path: data.decode("utf-8", "replace") for path, data in texts.items() if data}
    return Snapshot(checkout.listing(request.head), known.rules, known.compile, said)


def _compare(checkout: Checkout, request: PlanRequest) -> Compared | str:
    """What differs between two commits, or why there are none.

    A pull request changes what it did since it left its base; a push, what was there before.
    """
    base, head = checkout.resolve(request.base), checkout.resolve(request.head)
    if not base or not head:
        missing = request.head if base else request.base
        return (
            f"the revision {missing} is not in the checkout"
            " (a first push, a shallow clone, or rewritten history)"
        )
    start = checkout.merge_base(base, head) if request.event.branches_off else base
    if not start:
        return f"{request.base} and {request.head} have no common history in the checkout"
    return Compared(
        checkout.changed(start, head),
        lambda path: checkout.read(start, path),
        lambda path: checkout.read(head, path),
    )


def _refuse_duplicates(matrix: Matrix) -> None:
    """One id is one image: of two rows with it a change of the first would build nothing."""
    seen: set[str] = set()
    for entry in matrix.entries:
        if entry.id in seen:
            raise InputError(
                f"more than one row makes {quoted(entry.id)}; the last one pushed would win",
                where=matrix.where(entry),
                remedy="Drop all but one, or give them other suffixes.",
            )
        seen.add(entry.id)


def _refuse_strange_runners(known: Tables, change: Change, compared: Compared | str | None) -> None:
    """A pull request may change rows, not the machines that they run on.

    Where the change leaves the matrix alone, its rows are the base's own.
    """
    files = (*MATRIX_PATHS, f"{FOLDER}/")
    if change.paths is not None and not any(path.startswith(files) for path in change.paths):
        return None
    base = Tables(compared.before) if isinstance(compared, Compared) else Tables()
    try:
        # Its rows as they are, and the exceptions that its own files give a reason for.
        own = base.declared | {e.id: e.runner for e in base.matrix.entries}
        hosted = frozenset(base.profiles.runners.values())
    except InputError:  # a base that cannot be read declares nothing beyond what is installed
        return _refuse_strange_runners(known, change, None)
    for leg in known.images[1]:
        if leg.runner not in hosted:
            raise strange_runner(leg.id, leg.runner, hosted, f"{FOLDER}/profiles.yaml")
    return refuse_strange_runners(known.matrix, hosted, lambda name: own.get(name, ""))


def _known_bases(names: Iterable[str], matrix: Matrix) -> frozenset[str]:
    bases = {e.builder for e in matrix.entries if e.builder}
    for name in names:
        if name not in bases:
            raise InputError(
                f"nothing compiles on a builder base {name!r}",
                remedy=f"Give one of: {', '.join(sorted(bases))}.",
            )
    return frozenset(names)


def _read_list(name: str, read_stdin: Callable[[int], bytes]) -> tuple[str, ...]:
    if name == "-":
        return parse_list(read_stdin(bounds.LIST_BYTES + 1), "standard input")
    remedy = "Give a list of changed files, one path a line, or - for standard input."
    return parse_list(read_file(Path(name), bounds.LIST_BYTES, remedy), name)


def _reader(checkout: Checkout | None, head: str) -> Read:
    """Reads files of the checkout's head; without a checkout or such a head there are none."""
    commit = checkout.resolve(head) if checkout else None
    if checkout is None or commit is None:
        return nothing
    return partial(checkout.read, commit)


def _with_previous(change: Change, compared: Compared, known: Tables) -> Change:
    """Add what the compared files said before, where the change touches them."""
    paths = change.paths or ()
    before = compared.before
    then = Tables(before)
    try:
        if any(map(known.rules.is_matrix, paths)):
            change = replace(change, previous=then.carried)
        if RULES in paths and before(RULES) is not None:
            change = replace(change, rules=then.rules.file)
        if COMPILE in paths:
            change = replace(change, compile=(then.compile, known.compile))
    except InputError as e:
        change = replace(change, notes=(f"before the change it was not sound: {e}",))
    if PROTO in paths:
        texts = before(PROTO), compared.after(PROTO)
        old, new = (t.decode("utf-8", "replace") if t is not None else None for t in texts)
        if old is not None and new is not None:
            change = replace(change, proto=(old, new))
    return change
