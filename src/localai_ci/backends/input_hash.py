"""The input hash of an entry: exactly the files, arguments and base that enter its image.

Two commits with the same hash make the same image, so one that is built need not be built again.
Plan and build both ask `inputs_of`: what one publishes the other finds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from localai_ci.backends import dockerfile_call, recipe
from localai_ci.backends.dockerignore import IGNORE
from localai_ci.backends.entering import Entering
from localai_ci.backends.go_links import GO_MOD, GoTree
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.recipe import recipe as base_recipe
from localai_ci.bases.step import SHELL, BaseRecipe
from localai_ci.config.compile import Ccache, CompileFile
from localai_ci.config.go_modules import GoModules, load_go_modules
from localai_ci.errors import InputError
from localai_ci.matrix.dockerfile import arguments_of
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.rules import Inputs
from localai_ci.matrix.tables import Read, nothing
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
        texts: What .dockerignore and the Dockerfiles say, where that is known already.
        read: Reads any other file, such as Go sources.
        go_modules: What packages of Go modules link.
    """

    files: Mapping[str, str]
    rules: Inputs
    table: CompileFile
    texts: Mapping[str, str] = field(default_factory=dict)
    read: Read = nothing
    go_modules: GoModules | None = None

    def text(self, path: str) -> str:
        """What a file says; empty where it is not there."""
        known = self._read
        if path not in known:
            known[path] = (self.read(path) or b"").decode("utf-8", "replace")
        return known[path]

    @cached_property
    def _read(self) -> dict[str, str]:
        return dict(self.texts)

    @cached_property
    def known(self) -> "dict[Entry, InputSet]":
        """Answers so far, for who compares one tree with several."""
        return {}

    @cached_property
    def go(self) -> GoTree:
        """The Go sources."""
        return GoTree(self.files, self.read, self.go_modules or load_go_modules())

    @cached_property
    def entering(self) -> Entering:
        """Which files enter which image."""
        return Entering(self.files, self.rules, self.text(IGNORE))

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
        text = json.dumps([3, self.files, self.arguments, self.base], ensure_ascii=True)
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
    arguments = {name: str(getattr(entry, name)) for name in ARGUMENTS} | dict(entry.extra)
    decided = recipe.build_inputs(tree.table, entry, own.targets)
    arguments |= decided
    # Where only ROCm asks, what a row says elsewhere changes nothing.
    decided_entry = replace(entry, amdgpu_targets=decided.get("amdgpu_targets", ""))
    files = _files(decided_entry, tree, on_base=bool(base))
    if entry.builder:
        arguments["how"] = _steps(decided_entry, tree, own)
    elif entry.dockerfile:
        reads = arguments_of(tree.text(entry.dockerfile))
        arguments["how"] = _call(decided_entry, refresh if "DEPS_REFRESH" in reads else "")
    if own.third_party:
        arguments["third_party"] = own.third_party
    return InputSet(tuple(files), tuple(sorted(arguments.items())), base)


def _files(entry: Entry, tree: Snapshot, *, on_base: bool) -> list[tuple[str, str]]:
    """The files that enter, each by its content or, of those that are looked into, what counts."""
    found = []
    for path in tree.entering.of(entry, on_base=on_base):
        rule = tree.rules.rule(path)
        if path == entry.dockerfile:
            found.append((path, _dockerfile(entry, tree)))
        elif rule and rule.compare == "go-modules":
            links = tree.go.links(entry.folders)
            if links.doubt or path == GO_MOD:
                found.append((path, tree.files[path] if links.doubt else links.text))
        elif not (rule and rule.compare == "ignore"):  # that decided which files there are
            found.append((path, tree.files[path]))
    return sorted(found)


def _dockerfile(entry: Entry, tree: Snapshot) -> str:
    """The stages that count, with the file's mode; or in doubt its content."""
    mode, _, blob = tree.files[entry.dockerfile].partition(" ")
    try:
        return f"{mode} {sha256(dockerfile_call.use(entry, tree.text(entry.dockerfile)).encode())}"
    except InputError:
        return f"{mode} {blob}"


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
