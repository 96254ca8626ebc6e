"""From what the user gives (a list, revisions of a checkout) to a matrix and a change."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from localai_ci.errors import InputError
from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.loading import load_matrix, matrix_in_tree
from localai_ci.plan.change import Change, Event, from_list, parse_list
from localai_ci.plan.git import Checkout
from localai_ci.plan.rules import Inputs

PROTO = "backend/backend.proto"


@dataclass(frozen=True)
class Request:
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
class _Span:
    """Two commits of a checkout that can be compared."""

    checkout: Checkout
    old: str
    new: str


def gather(
    request: Request, inputs: Inputs, read_stdin: Callable[[], bytes]
) -> tuple[Matrix, Change]:
    """Read what the request names.

    Raises:
        InputError: a file, folder or list that cannot be read. A revision that is not there
            is no error: then everything is built, and the change says why.
    """
    if request.source and not request.source.is_dir():
        raise InputError(
            "there is no such folder", where=str(request.source), remedy="Give a clone of LocalAI."
        )
    checkout = Checkout(request.source) if request.source else None
    span = _span(checkout, request) if checkout and request.base else None
    if request.changed_files:
        change = from_list(request.event, _read_list(request.changed_files, read_stdin))
    elif isinstance(span, _Span):
        change = Change(request.event, span.checkout.changed(span.old, span.new))
    else:
        change = Change(request.event, None, span or "nothing was said about what changed")
    change = replace(change, bases=frozenset(request.bases), forced=request.forced)
    if isinstance(span, _Span) and change.paths is not None:
        change = _with_previous(change, span, inputs)
    if request.previous_matrix:
        change = replace(change, previous=load_matrix(request.previous_matrix))
    return _matrix(request, checkout), change


def _span(checkout: Checkout, request: Request) -> _Span | str:
    """The commits to compare, or why there are none.

    A pull request changes what it did since it left its base; a push, what was there before.
    """
    base, head = checkout.resolve(request.base), checkout.resolve(request.head)
    if not base or not head:
        missing = request.head if base else request.base
        return (
            f"the revision {missing} is not in the checkout"
            " (a first push, a shallow clone, or rewritten history)"
        )
    start = checkout.merge_base(base, head) if request.event is Event.pull_request else base
    if not start:
        return f"{request.base} and {request.head} have no common history in the checkout"
    return _Span(checkout, start, head)


def _read_list(name: str, read_stdin: Callable[[], bytes]) -> tuple[str, ...]:
    if name == "-":
        return parse_list(read_stdin(), "standard input")
    try:
        return parse_list(Path(name).read_bytes(), name)
    except OSError as e:
        raise InputError(
            f"the list of changed files cannot be read: {e.strerror}",
            where=name,
            remedy="Give a file with one path a line, or - for standard input.",
        ) from None


def _matrix(request: Request, checkout: Checkout | None) -> Matrix:
    """The one that is named, else the tree's own, else the installed one."""
    if request.matrix or not checkout:
        return load_matrix(request.matrix)
    head = checkout.resolve(request.head)
    found = matrix_in_tree(lambda path: checkout.read(head, path)) if head else None
    return found or load_matrix()


def _with_previous(change: Change, span: _Span, inputs: Inputs) -> Change:
    """Add what the compared files said before, where the change touches them."""
    paths = change.paths or ()
    if any(map(inputs.is_matrix, paths)):
        try:
            previous = matrix_in_tree(lambda path: span.checkout.read(span.old, path))
            change = replace(change, previous=previous)
        except InputError as e:
            change = replace(change, notes=(f"the matrix before the change is not sound: {e}",))
    if PROTO in paths:
        texts = [span.checkout.read(commit, PROTO) for commit in (span.old, span.new)]
        before, after = (t.decode("utf-8", "replace") if t is not None else None for t in texts)
        if before is not None and after is not None:
            change = replace(change, proto=(before, after))
    return change
