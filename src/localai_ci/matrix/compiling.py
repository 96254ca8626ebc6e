"""What stands in compile.yaml: how the backends on a builder base are compiled."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from localai_ci.errors import InputError
from localai_ci.matrix.data import data_dir
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.variants import Arch
from localai_ci.matrix.yamlfile import Document, Loc, Strict, load

Reason = Annotated[str, Field(min_length=10)]
Cache = Annotated[dict[str, str], Field(description="What CMake's cache must say afterwards.")]
Names = Annotated[list[str], Field(min_length=1)]


class Ccache(Strict):
    """The compiler cache's limits."""

    max_size: Annotated[str, Field(pattern=r"^\d+[MG]$")]
    evict_older_than: Annotated[str, Field(pattern=r"^\d+d$")]


class Compiler(Strict):
    """A C and a C++ compiler, and what makes them usable."""

    cc: str
    cxx: str
    packages: list[str] = Field([], description="Of the distribution; installed first.")
    setup: str = Field("", description="A script that is sourced first.")


class BuildType(Strict):
    """What a build type asks of every backend."""

    compiler: str = "gcc"
    cmake: Cache = Field({})


class CompilerRule(Strict):
    """Another compiler than the build type's, on some architectures."""

    reason: Reason
    arches: Annotated[list[Arch], Field(min_length=1)]
    compiler: str


class Target(Strict):
    """A target of the Makefiles."""

    about: str
    cmake: Cache = Field({})
    cpu_libraries: bool = Field(default=False, description="Makes libggml-cpu-*.so.")
    compilers: list[CompilerRule] = Field([])
    of: str = Field("", description="The target in whose build folder it is made.")


class Source(Strict):
    """Third-party sources, and the Makefile that pins them."""

    folder: str = Field(description="Where the Makefile looks for them before it clones.")
    makefile: str
    commit: str = Field(description="The Makefile's variable with the commit.")
    repository: str = Field(description="The Makefile's variable with the URL.")


class Other(Strict):
    """Other targets, for some build types and architectures; an empty list is all of them."""

    reason: Reason
    build_types: list[str] = Field([])
    arches: list[Arch] = Field([])
    make: Names

    def takes(self, entry: Entry) -> bool:
        """Whether the entry is one of these."""
        return (not self.build_types or entry.build_type in self.build_types) and (
            not self.arches or entry.arch in self.arches
        )

    @model_validator(mode="after")
    def _says_when(self) -> "Other":
        if not self.build_types and not self.arches:
            raise ValueError("say for which build_types or arches; else it is no exception")
        return self


class Compiled(Strict):
    """A backend: its targets, and the first exception that fits counts."""

    make: Names
    source: Source
    family: str = Field("", description="Backends of one family reuse each other's cache.")
    prefixed: bool = Field(default=True, description="Targets carry the backend's name in front.")
    cmake: Cache = Field({})
    exceptions: list[Other] = Field([])


class CompileFile(Strict):
    """compile.yaml."""

    ccache: Ccache
    compilers: dict[str, Compiler]
    build_types: dict[str, BuildType]
    amdgpu_targets: str = Field(description="Where a row says nothing.")
    targets: dict[str, Target]
    backends: dict[str, Compiled]

    def relatives(self, backend: str) -> tuple[str, ...]:
        """The other backends that compile much of the same code."""
        family = self.backends[backend].family
        named = (name for name, other in self.backends.items() if family and other.family == family)
        return tuple(name for name in named if name != backend)


@dataclass(frozen=True)
class Goal:
    """One make target, and how its result is known.

    Attributes:
        target: As make is called with it: ``llama-cpp-grpc``.
        cmake: What the cache in its build folder must say; empty where it has none of its own.
        flavor: Names the build folder; empty where that is ``build``.
    """

    target: str
    cmake: tuple[tuple[str, str], ...]
    flavor: str


@dataclass(frozen=True)
class Recipe:
    """How one entry is compiled, decided.

    Attributes:
        cpu_libraries: Whether the package must hold libggml-cpu-*.so.
        reason: Of the exception that applied; empty where none did.
    """

    goals: tuple[Goal, ...]
    compiler: Compiler
    source: Source
    cpu_libraries: bool
    reason: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """What make is called with, in order."""
        return tuple(goal.target for goal in self.goals)

    def as_json(self) -> str:
        """What of it decides the image: all but the reason. Pure, for input hashes."""
        goals = [(goal.target, goal.cmake, goal.flavor) for goal in self.goals]
        parts = (self.compiler.model_dump(), self.source.model_dump(), self.cpu_libraries)
        return json.dumps([goals, *parts], sort_keys=True)


def decide(file: CompileFile, entry: Entry, only: tuple[str, ...] = ()) -> Recipe:
    """Targets, compiler and expected flags of an entry.

    Args:
        file: The table.
        entry: What to compile.
        only: Names of targets to make instead of the table's, for a quick try.

    Raises:
        InputError: the table does not know the backend, its build type, or such a target.
    """
    backend = file.backends.get(entry.backend)
    if backend is None:
        raise InputError(
            f"compile.yaml does not say how {entry.backend} is compiled",
            where=entry.id,
            remedy=f"Add it under backends; known are {', '.join(file.backends)}.",
        )
    build_type = file.build_types.get(entry.build_type)
    if build_type is None:
        raise InputError(
            f"no Makefile has a branch for the build type {entry.build_type!r}:"
            " it would silently build for the CPU",
            where=entry.id,
            remedy=f"Use one of: {', '.join(filter(None, file.build_types))}.",
        )
    exception = next((other for other in backend.exceptions if other.takes(entry)), None)
    names = only or tuple(exception.make if exception else backend.make)
    known = (
        file.targets
        if backend.prefixed
        else dict.fromkeys(backend.make, Target.model_validate({"about": ""}))
    )
    for name in names:
        if name not in known:
            raise InputError(
                f"there is no target {name!r}", where=entry.id, remedy=f"Known: {', '.join(known)}."
            )
    made = [known[name] for name in names]
    rules = (rule for target in made for rule in target.compilers if entry.arch in rule.arches)
    ruled = next(rules, None)
    return Recipe(
        goals=tuple(_goal(file, entry, name, known[name], build_type) for name in names),
        compiler=file.compilers[ruled.compiler if ruled else build_type.compiler],
        source=backend.source,
        cpu_libraries=any(target.cpu_libraries for target in made),
        reason=exception.reason if exception and not only else "",
    )


def _goal(
    file: CompileFile, entry: Entry, name: str, target: Target, build_type: BuildType
) -> Goal:
    backend = file.backends[entry.backend]
    if not backend.prefixed:
        return Goal(name, tuple(backend.cmake.items()), "")
    own = {} if target.of else target.cmake | build_type.cmake | backend.cmake
    return Goal(f"{entry.backend}-{name}", tuple(own.items()), name)


def build_inputs(file: CompileFile, entry: Entry, only: tuple[str, ...] = ()) -> dict[str, str]:
    """What of the table enters an entry's image: by names of our own, as text. Pure.

    Raises:
        InputError: as of `decide`.
    """
    found = {}
    if entry.build_type == "hipblas":
        found["amdgpu_targets"] = entry.amdgpu_targets or file.amdgpu_targets
    if entry.builder:
        found["compile"] = decide(file, entry, only).as_json()
    return found


def load_compile(path: Path | None = None, data: bytes | None = None) -> CompileFile:
    """Read compile.yaml, by default the installed one.

    Args:
        path: The file; only its name where ``data`` is given.
        data: The content, of a file that is not on disk.

    Raises:
        InputError: a fault in it, with file and line.
    """
    file, document = load(path or data_dir() / "compile.yaml", CompileFile, data)
    for loc, kind, name, known in _references(file):
        if name not in known:
            raise _unknown(document, loc, kind, name, known)
    return file


def _references(file: CompileFile) -> list[tuple[Loc, str, str, dict[str, object]]]:
    """Every name that refers to another part of the file."""
    compilers, targets, types = (
        dict[str, object](part) for part in (file.compilers, file.targets, file.build_types)
    )
    found: list[tuple[Loc, str, str, dict[str, object]]] = [
        (("build_types", name), "compiler", build_type.compiler, compilers)
        for name, build_type in file.build_types.items()
    ]
    for name, target in file.targets.items():
        rules = enumerate(target.compilers)
        loc: Loc = ("targets", name)
        found += [((*loc, "compilers", i), "compiler", r.compiler, compilers) for i, r in rules]
        found += [((*loc, "of"), "target", target.of, targets)] if target.of else []
    for name, backend in file.backends.items():
        loc = ("backends", name)
        if backend.prefixed:
            found += [((*loc, "make"), "target", target, targets) for target in backend.make]
        for i, other in enumerate(backend.exceptions):
            at: Loc = (*loc, "exceptions", i)
            found += [(at, "target", target, targets) for target in other.make]
            found += [(at, "build type", text, types) for text in other.build_types]
    return found


def _unknown(
    document: Document, loc: Loc, kind: str, name: str, known: dict[str, object]
) -> InputError:
    listed = ", ".join(filter(None, known))
    return document.error(loc, f"there is no {kind} {name!r}", f"Known: {listed}.")
