"""What stands in compile.yaml: how the backends on a builder base are compiled."""

from pathlib import Path
from typing import Annotated

from localai_ci.config.model import Field, Strict, model_validator
from localai_ci.config.reader import Document, Loc, load_table
from localai_ci.config.variants import Arch
from localai_ci.errors import InputError
from localai_ci.text import listed, printable, quoted

_SHOWN = 60
"""Names that an error lists, and characters that it shows of one."""

Reason = Annotated[str, Field(min_length=10)]
Cache = Annotated[dict[str, str], Field(description="What CMake's cache must say afterwards.")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=100)]
"""A name that make is called with: neither an option nor a variable."""
Names = Annotated[list[Word], Field(min_length=1)]
Inside = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*$",
        description="A path inside of the tree, without a way up.",
    ),
]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
Host = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[A-Za-z0-9_][A-Za-z0-9_.~+-]*)*$")
]


class Ccache(Strict):
    """The compiler cache's limits."""

    max_size: Annotated[str, Field(pattern=r"^[0-9]+[MG]$")]
    evict_older_than: Annotated[str, Field(pattern=r"^[0-9]+d$")]


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


class CompileTarget(Strict):
    """A target of the Makefiles."""

    about: str
    cmake: Cache = Field({})
    cpu_libraries: bool = Field(default=False, description="Makes libggml-cpu-*.so.")
    compilers: list[CompilerRule] = Field([])
    of: str = Field("", description="The target in whose build folder it is made.")


class Source(Strict):
    """Third-party sources, and the Makefile that pins them."""

    folder: Inside = Field(description="Where the Makefile looks for them before it clones.")
    makefile: Inside
    commit: Variable = Field(description="The Makefile's variable with the commit.")
    repository: Variable = Field(description="The Makefile's variable with the URL.")


class Other(Strict):
    """Other targets, for some build types and architectures; an empty list is all of them."""

    reason: Reason
    build_types: list[str] = Field([])
    arches: list[Arch] = Field([])
    make: Names

    @model_validator(mode="after")
    def _says_when(self) -> "Other":
        if not self.build_types and not self.arches:
            raise ValueError("say for which build_types or arches; else it is not an exception")
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
    credential_hosts: list[Host] = Field(
        [],
        description="HOST or HOST/PATH of sources that a mirror's credentials may be used for;"
        " only the module's own file counts.",
    )
    targets: dict[Word, CompileTarget]
    backends: dict[Word, Compiled]

    def relatives(self, backend: str) -> tuple[str, ...]:
        """The other backends that compile much of the same code."""
        family = self.backends[backend].family
        named = (name for name, other in self.backends.items() if family and other.family == family)
        return tuple(name for name in named if name != backend)


def load_compile(path: Path | None = None, data: bytes | None = None) -> CompileFile:
    """compile.yaml, by default the installed one: `load_table` says more."""
    file, document = load_table("compile.yaml", CompileFile, path, data)
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
    names = [printable(name)[:_SHOWN] for name in known if name]
    return document.error(
        loc, f"there is no {kind} {quoted(name)}", f"Known: {listed(names, _SHOWN)}."
    )
