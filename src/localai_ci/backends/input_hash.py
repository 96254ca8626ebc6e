"""The input hash of an entry: exactly the files, arguments and base that enter its image.

Two commits with the same hash make the same image, so one that is built need not be built again.
Plan and build both ask `inputs_of`: what one publishes the other finds.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from localai_ci.backends import dockerfile_call, recipe
from localai_ci.backends.dockerignore import IGNORE, NEVER, Ignoring
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.recipe import recipe as base_recipe
from localai_ci.bases.step import SHELL, BaseRecipe
from localai_ci.config.compile import Ccache, CompileFile
from localai_ci.matrix.dockerfile import arguments_of
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.rules import Inputs, takes
from localai_ci.oci.digest import sha256

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

    @cached_property
    def _bases(self) -> dict[str, BaseRecipe]:
        return {}

    def base(self, variant: str) -> BaseRecipe:
        """A builder base as far as the steps on it depend on it; read once a run.

        Raises:
            InputError: there is no such variant.
        """
        if variant not in self._bases:
            self._bases[variant] = base_recipe(variant, Mirrors())
        return self._bases[variant]


@dataclass(frozen=True)
class Own:
    """What a user gives a build instead of what it would take; a plan gives none of it."""

    targets: tuple[str, ...] = ()
    third_party: str = ""
    variant: str = ""


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
    decided = recipe.build_inputs(tree.table, entry, own.targets)
    arguments |= decided
    # Where only ROCm asks, what a row says elsewhere changes nothing.
    decided_entry = replace(entry, amdgpu_targets=decided.get("amdgpu_targets", ""))
    if entry.builder:
        arguments["how"] = _steps(decided_entry, tree, own)
    elif entry.dockerfile:
        reads = arguments_of(tree.texts.get(entry.dockerfile, ""))
        arguments["how"] = _call(decided_entry, refresh if "DEPS_REFRESH" in reads else "")
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
    # Darwin builds do not happen in containers.
    ignoring = Ignoring.of(ignored if entry.os == "linux" else "", (*NEVER, *leave))
    own = {entry.dockerfile, *entry.folders, *single}
    below = tuple(f"{folder}/" for folder in entry.folders)

    def enters(path: str) -> bool:
        if path in own or path.startswith(below):
            return True
        rule = rules.rule(path)
        if not rule:
            return rules.absent
        if not rule.enters or (rule.base and on_base):
            return False
        return takes(rule.select, entry)

    return [path for path in paths if enters(path) and not ignoring.leaves_out(path)]


_CACHE = Ccache(max_size="1G", evict_older_than="1d")
"""Stands for the compiler cache's limits, which change no image."""


def _steps(entry: Entry, tree: Snapshot, own: Own) -> str:
    """Everything that is run on the base, as it is run: what is not in it changes no image."""
    how = recipe.decide(tree.table, entry, own.targets)
    base = tree.base(own.variant or entry.builder)
    steps = (*recipe.tools(how, base), *recipe.steps(entry, how, base, _CACHE))
    fetched = base.mirrors.checkout("https://URL", "COMMIT", "FOLDER")
    scripts = [*((step.name, step.script) for step in steps), ("third-party", fetched)]
    return sha256(json.dumps([SHELL, scripts]).encode())


def _call(entry: Entry, refresh: str) -> str:
    """The call of the Dockerfile; the image that it starts from counts by its digest."""
    unnamed = replace(entry, base_image="")
    given = dockerfile_call.arguments(unnamed, Mirrors(), "", refresh)
    call = [entry.dockerfile, dockerfile_call.platform(entry), given]
    return sha256(json.dumps(call, sort_keys=True).encode())


def refresh_of(moment: datetime) -> str:
    """The ISO week: with a new one, unpinned dependencies are resolved anew."""
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"


def this_week() -> str:
    """The refresh argument of a build that starts now."""
    return refresh_of(datetime.now(UTC))
