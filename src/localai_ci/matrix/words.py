"""The one gate for words of a matrix: what goes on from here into shells, tags and workflows.

A tree's matrix is written by whoever opens a pull request. Later steps quote all the same; what is
not even a name, a path or an image gets no further than its own line.
"""

import re
from collections.abc import Callable

from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.oci import address
from localai_ci.oci.reference import Reference
from localai_ci.text import quoted

_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_VERSION = r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,31})?"
_SHORT = r"(?=.{1,500}\Z)"
_STEP = r"(?!(?i:\.git)(?:/|\Z))[A-Za-z0-9_.][A-Za-z0-9_.-]*"
_FOLDER = rf"{_STEP}(?:/{_STEP})*/?"
_ARCH = r"[a-z0-9]{1,16}(?:[/-][a-z0-9]{1,16}){0,2}"  # two in one row until 2026-05: amd64+arm64
_GPU = r"[A-Za-z0-9]+(?::[a-z]+[+-])*"  # gfx906:sramecc-:xnack-

GATE: dict[str, tuple[str, str]] = {
    "backend": (_WORD, "a name of letters, digits, dots, dashes and underscores"),
    # An image without a suffix is called core where a name must not be empty.
    "suffix": (r"(?:-(?!core\Z)[A-Za-z0-9._-]{1,99})?", "a dash and a name, other than core"),
    "arch": (rf"{_ARCH}(?:\+{_ARCH}){{0,7}}", "an architecture: amd64, arm64"),
    "build": (_WORD, "the ending of a Dockerfile's name"),
    "build_type": (rf"(?:{_WORD})?", "a name"),
    "cuda": (_VERSION, "a version"),
    "ubuntu": (_VERSION, "a version"),
    "base_image": (r"(?:(?!.*::)[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254})?", "an image"),
    "runner": (_WORD, "a runner's label"),
    "platform_tag": (r"[A-Za-z0-9._-]{0,64}", "a part of a tag"),
    "builder": (rf"(?:{_WORD})?", "a builder base's name"),
    "tag_latest": (r"auto|true|false|", "auto, true or false"),
    "context": (_SHORT + _FOLDER, "a folder of the tree"),
    "amdgpu_targets": (rf"(?:{_SHORT}{_GPU}(?:[,;]{_GPU})*)?", "GPU targets: gfx908,gfx90a"),
}
"""Field of an entry to the pattern that it matches as a whole, and what that is called."""

_PATTERNS = {name: (re.compile(pattern), what) for name, (pattern, what) in GATE.items()}


def gate(matrix: Matrix) -> Matrix:
    """The matrix, each of whose words is what it is meant to be. Pure.

    Raises:
        InputError: one is not; names its line, the field and what is expected.
    """
    if len(matrix.entries) > bounds.MATRIX_ROWS:
        raise InputError(
            f"it has {len(matrix.entries)} rows, more than {bounds.MATRIX_ROWS}",
            where=matrix.source,
            remedy="Make it smaller.",
        )
    known: set[tuple[str, str]] = set()
    for entry in matrix.entries:
        for name, (pattern, what) in _PATTERNS.items():
            value: str = getattr(entry, name)
            if (name, value) in known:
                continue
            fits = pattern.fullmatch(value) and ".." not in value.split("/")
            if not fits or (name == "base_image" and value and not _is_image(value)):
                raise _refused(matrix, entry, name, value, what)
            known.add((name, value))
        for folder in entry.folders:
            if not _PATTERNS["context"][0].fullmatch(folder) or ".." in folder.split("/"):
                raise _refused(matrix, entry, "folder", folder, "a folder of the tree")
    return matrix


def _is_image(text: str) -> bool:
    """Whether it names an image, and of no machine's own services (a cloud's metadata)."""
    try:
        host = Reference.parse(text).repository.host
    except InputError:
        return False
    return address.net_kind_of_name(address.origin(f"https://{host}").host) != "link-local"


def _refused(matrix: Matrix, entry: Entry, name: str, value: str, what: str) -> InputError:
    return InputError(
        f"{name.replace('_', '-')} is {quoted(value)}, expected {what}",
        where=matrix.where(entry),
        remedy="Correct it in this row.",
    )


def refuse_strange_runners(
    matrix: Matrix, hosted: frozenset[str], before: Callable[[str], str]
) -> None:
    """Let a pull request's rows run where its base says, and nowhere else. Pure.

    Args:
        matrix: The rows as the pull request has them.
        hosted: The runners that every row may name.
        before: The runner of an entry before the change, empty where there was none.

    Raises:
        InputError: a row names another machine.
    """
    for entry in matrix.entries:
        if entry.runner not in hosted and entry.runner != before(entry.id):
            raise strange_runner(entry.id, entry.runner, hosted, matrix.where(entry))


def strange_runner(name: str, runner: str, hosted: frozenset[str], where: str) -> InputError:
    """The error of a row that runs where its base does not say so."""
    return InputError(
        f"{name} asks for the runner {quoted(runner)}, which the base revision does not give it",
        where=where,
        remedy=f"Name one of {', '.join(sorted(hosted))}; a machine of the project's own is"
        " declared in matrix/backends.yaml of the base branch first.",
    )
