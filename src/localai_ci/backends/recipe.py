"""How a backend is compiled on a builder base: decided by compile.yaml, rendered as steps. Pure.

One code for a base that was pulled and for one that was built in place.
"""

import json
from dataclasses import dataclass
from shlex import quote

from localai_ci.bases.step import BaseRecipe, Step, in_quotes
from localai_ci.config.compile import (
    BuildType,
    Ccache,
    CompileFile,
    Compiler,
    CompileTarget,
    Other,
    Source,
)
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry

TREE = "/LocalAI"
_LEFT = ("grpc-server", "package", "build", "ggml-shared-libs")
CCACHE_FOLDER = "/ccache"
CCACHE_STATISTICS = "/localai-ci/ccache.tsv"


@dataclass(frozen=True)
class MakeTarget:
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
class BackendRecipe:
    """How one entry is compiled, decided.

    Attributes:
        cpu_libraries: Whether the package must hold libggml-cpu-*.so.
        reason: Of the exception that applied; empty where none did.
    """

    make_targets: tuple[MakeTarget, ...]
    compiler: Compiler
    source: Source
    cpu_libraries: bool
    reason: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """What make is called with, in order."""
        return tuple(made.target for made in self.make_targets)

    def as_json(self) -> str:
        """What of it decides the image: all but the reason. Pure, for input hashes."""
        targets = [(made.target, made.cmake, made.flavor) for made in self.make_targets]
        parts = (self.compiler.model_dump(), self.source.model_dump(), self.cpu_libraries)
        return json.dumps([targets, *parts], sort_keys=True)


def decide(file: CompileFile, entry: Entry, only: tuple[str, ...] = ()) -> BackendRecipe:
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
    exception = next((other for other in backend.exceptions if takes(other, entry)), None)
    names = only or tuple(exception.make if exception else backend.make)
    known = (
        file.targets
        if backend.prefixed
        else dict.fromkeys(backend.make, CompileTarget.model_validate({"about": ""}))
    )
    for name in names:
        if name not in known:
            raise InputError(
                f"there is no target {name!r}", where=entry.id, remedy=f"Known: {', '.join(known)}."
            )
    made = [known[name] for name in names]
    rules = (rule for target in made for rule in target.compilers if entry.arch in rule.arches)
    ruled = next(rules, None)
    return BackendRecipe(
        make_targets=tuple(
            _make_target(file, entry, name, known[name], build_type) for name in names
        ),
        compiler=file.compilers[ruled.compiler if ruled else build_type.compiler],
        source=backend.source,
        cpu_libraries=any(target.cpu_libraries for target in made),
        reason=exception.reason if exception and not only else "",
    )


def takes(other: Other, entry: Entry) -> bool:
    """Whether an exception is for the entry."""
    return (not other.build_types or entry.build_type in other.build_types) and (
        not other.arches or entry.arch in other.arches
    )


def _make_target(
    file: CompileFile, entry: Entry, name: str, target: CompileTarget, build_type: BuildType
) -> MakeTarget:
    backend = file.backends[entry.backend]
    if not backend.prefixed:
        return MakeTarget(name, tuple(backend.cmake.items()), "")
    own = {} if target.of else target.cmake | build_type.cmake | backend.cmake
    return MakeTarget(f"{entry.backend}-{name}", tuple(own.items()), name)


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


def package_folder(entry: Entry) -> str:
    """Where the Makefile puts what becomes the image."""
    return f"{TREE}/{entry.folders[0]}/package"


def tools(recipe: BackendRecipe, base: BaseRecipe) -> tuple[Step, ...]:
    """The steps before the tree comes in, so that no edit of it executes them again. Pure."""
    grpc = Step("grpc", "cp -a /opt/grpc/. /usr/local/")
    packages = recipe.compiler.packages
    return (Step("compiler", base.install(*packages)), grpc) if packages else (grpc,)


def steps(
    entry: Entry, recipe: BackendRecipe, base: BaseRecipe, limits: Ccache
) -> tuple[Step, ...]:
    """All steps between the tools with the tree in them and the finished package. Pure."""
    found = [
        Step("compile", _compile(entry, recipe, limits)),
        Step("package", _package(entry, recipe)),
    ]
    if base.variant.tools == "distribution":
        found.append(Step("libraries", _libraries(entry)))
    return tuple(found)


def leftovers(entry: Entry, file: CompileFile) -> tuple[str, ...]:
    """What earlier builds left in a working tree; a Makefile would take it for done. Pure."""
    found = [file.backends[entry.backend].source.folder]
    for folder in entry.folders:
        name = folder.rpartition("/")[2]
        made = (*_LEFT, *(f"{name}-{target}" for target in file.targets))
        found += (f"{folder}/{left}" for left in made)
    return tuple(found)


def _environment(entry: Entry, recipe: BackendRecipe) -> str:
    """What LocalAI's Dockerfiles put into the environment, and what CMake reads there."""
    major, _, minor = entry.cuda.partition(".")
    variables = {
        "BUILD_TYPE": entry.build_type,
        "TARGETARCH": entry.arch,
        "NATIVE": "false",
        "CUDA_MAJOR_VERSION": major,
        "CUDA_MINOR_VERSION": minor,
        "AMDGPU_TARGETS": entry.amdgpu_targets,
    }
    if recipe.compiler.cc != "gcc":
        variables |= {"CC": recipe.compiler.cc, "CXX": recipe.compiler.cxx}
    lines = [f"export {name}={in_quotes(value)}" for name, value in variables.items()]
    if recipe.compiler.setup:
        # Intel's script reads unset variables, and fails where it was sourced before.
        lines.append(f"set +eu; . {quote(recipe.compiler.setup)} >/dev/null; set -eu")
    return "\n".join(lines)


def _ccache(limits: Ccache) -> str:
    """Settings under which an object is found again on another machine and in another folder."""
    return f"""\
export CCACHE_DIR={CCACHE_FOLDER} CCACHE_MAXSIZE={limits.max_size}
# By the compiler's content: timestamps differ from image to image.
export CCACHE_COMPILERCHECK=content
# Each target is compiled in a copy of the tree; paths count from there.
export CCACHE_BASEDIR={TREE} CCACHE_NOHASHDIR=1
for language in C CXX CUDA HIP; do
  export "CMAKE_${{language}}_COMPILER_LAUNCHER=ccache"
done
ccache --zero-stats >/dev/null"""


def _compile(entry: Entry, recipe: BackendRecipe, limits: Ccache) -> str:
    folder = f"{TREE}/{entry.folders[0]}"
    # No option: the table's model takes names that begin with a letter or digit alone.
    makes = "\n".join(
        f"make {quote(made.target)}\n{_verify(entry, made)}" for made in recipe.make_targets
    )
    return f"""\
{_environment(entry, recipe)}
{_ccache(limits)}
cd -- {quote(folder)}
cached() {{ # FILE NAME VALUE: refuse a build that became another one
  local line
  line=$(grep -m1 -e "^$2:" -- "$1" || true)
  [ "${{line#*=}}" = "$3" ] || [ "$(echo "${{line#*=}}" | tr a-z A-Z)" = "$3" ] || {{
    echo "localai-ci: $1 says '${{line:-nothing of $2}}', and compile.yaml $2=$3" >&2
    exit 65
  }}
}}
{makes}mkdir -p {CCACHE_STATISTICS.rpartition("/")[0]}
ccache --print-stats >{CCACHE_STATISTICS}
"""


def _verify(entry: Entry, made: MakeTarget) -> str:
    if not made.cmake:
        return ""
    name, folder = entry.backend, "llama.cpp"
    build = f"../{name}-{made.flavor}-build/{folder}/build" if made.flavor else "build"
    file = quote(f"{build}/CMakeCache.txt")
    checks = (f"cached {file} {quote(key)} {in_quotes(value)}\n" for key, value in made.cmake)
    return "".join(checks)


def _package(entry: Entry, recipe: BackendRecipe) -> str:
    return f"""\
{_environment(entry, recipe)}
cd -- {quote(f"{TREE}/{entry.folders[0]}")}
rm -rf package
make package
"""


def _libraries(entry: Entry) -> str:
    """Bring the distribution's shared gRPC along: LocalAI's own bases link it statically."""
    return f"""\
cd -- {quote(package_folder(entry))}
find . -type f -perm /111 ! -name '*.sh' ! -name 'ld.so' | while read -r file; do
  ldd "$file" 2>/dev/null || true
done | awk '$2 == "=>" && $3 ~ /^\\// {{ print $3 }}' | sort -u | while read -r library; do
  case $library in "$PWD"/*) continue ;; esac
  [ -e "lib/${{library##*/}}" ] || cp -L "$library" lib/
done
"""
