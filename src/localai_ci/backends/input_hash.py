"""The input hash of an entry: exactly the files, arguments and base that enter its image.

Two commits with the same hash make the same image, so one that is built need not be built again.
Plan and build both ask `inputs_of`: what one publishes the other finds.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from localai_ci.backends.dockerignore import NEVER, Ignoring
from localai_ci.backends.recipe import build_inputs
from localai_ci.config.compile import CompileFile
from localai_ci.matrix.dockerfile import arguments_of
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.rules import Inputs, takes
from localai_ci.oci.digest import sha256

IGNORE = ".dockerignore"

ARGUMENTS = ("backend", "build", "arch", "build_type", "cuda", "ubuntu", "skip_drivers")
"""The fields of a row that enter every build. The base enters by its identity, not by its name."""

_SUBMODULE = "160000 "  # git's mode of a folder whose files are in another repository


@dataclass(frozen=True)
class Snapshot:
    """A tree, and by which rules images are made of it.

    Attributes:
        files: Every path with an id of its content and mode, such as git's blob id.
        rules: Which of them are shared inputs.
        table: How backends on a builder base are compiled.
        texts: What .dockerignore and the Dockerfiles say.
    """

    files: Mapping[str, str]
    rules: Inputs
    table: CompileFile
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Own:
    """What a user gives a build instead of what it would take; a plan gives none of it."""

    targets: tuple[str, ...] = ()
    third_party: str = ""


NOTHING = Own()


@dataclass(frozen=True)
class InputSet:
    """Everything that enters one image: paths with their blob ids, arguments, the base."""

    files: tuple[tuple[str, str], ...]
    arguments: tuple[tuple[str, str], ...]
    base: str

    @property
    def digest(self) -> str:
        """SHA-256 in hex over all of it."""
        text = json.dumps([2, self.files, self.arguments, self.base], ensure_ascii=True)
        return sha256(text.encode())

    @property
    def submodules(self) -> tuple[str, ...]:
        """Folders of which only the commit is known, while a build knows their files."""
        return tuple(path for path, blob in self.files if blob.startswith(_SUBMODULE))


def inputs_of(
    entry: Entry, tree: Snapshot, base: str, refresh: str = "", own: Own = NOTHING
) -> InputSet:
    """What enters an entry's image. Pure.

    Args:
        entry: The entry.
        tree: The tree, whole or only the part that enters.
        base: What it is built on: the input hash of the builder base, which then stands for the
            scripts that made it, or the digest of any other image. Empty on Darwin.
        refresh: DEPS_REFRESH; counts where the Dockerfile reads it.
        own: What the user gives instead.

    Raises:
        InputError: compile.yaml does not say how it is compiled.
    """
    ignored = tree.texts.get(IGNORE, "")
    paths = entering(entry, tree.files, tree.rules, ignored, on_base=bool(base))
    files = sorted((path, tree.files[path]) for path in paths)
    arguments = {name: str(getattr(entry, name)) for name in ARGUMENTS} | dict(entry.extra)
    arguments |= build_inputs(tree.table, entry, own.targets)
    arguments["how"] = _how("recipe.py" if entry.builder else "dockerfile_build.py")
    reads = arguments_of(tree.texts.get(entry.dockerfile, ""))
    if not entry.builder and "DEPS_REFRESH" in reads:
        arguments["DEPS_REFRESH"] = refresh
    if own.third_party:
        arguments["third_party"] = own.third_party
    return InputSet(tuple(files), tuple(sorted(arguments.items())), base)


def entering(
    entry: Entry,
    paths: Iterable[str],
    rules: Inputs,
    ignored: str,
    *,
    on_base: bool,
    leave: Iterable[str] = (),
    single: Iterable[str] = (),
) -> list[str]:
    """The files that enter an entry's image: the one answer for hashes and for slices. Pure.

    Args:
        entry: The entry.
        paths: All files of the tree.
        rules: Those that `enter` name shared files.
        ignored: The text of .dockerignore: what a container build never sees.
        on_base: Whether a builder base stands for the scripts that make one.
        leave: More patterns to leave out.
        single: More files to take.
    """
    # Darwin builds are none of containers.
    ignoring = Ignoring.of(ignored if entry.os == "linux" else "", (*NEVER, *leave))
    own = {entry.dockerfile, *entry.folders, *single}
    below = tuple(f"{folder}/" for folder in entry.folders)

    def enters(path: str) -> bool:
        if path in own or path.startswith(below):
            return True
        rule = rules.rule(path)
        if not rule or not rule.enters or (rule.base and on_base):
            return False
        return takes(rule.select, entry)

    return [path for path in paths if enters(path) and not ignoring.leaves_out(path)]


@cache
def _how(code: str) -> str:
    """Hash of the file of ours that says how an image is made: mended, it makes another one."""
    return sha256((Path(__file__).parent / code).read_bytes())


def refresh_of(moment: datetime) -> str:
    """The ISO week: with a new one, unpinned dependencies are resolved anew."""
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"


def this_week() -> str:
    """The refresh argument of a build that starts now."""
    return refresh_of(datetime.now(UTC))
