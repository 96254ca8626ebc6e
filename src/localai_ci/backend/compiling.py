"""The steps that compile a backend on a builder base: rendered here, executed by the package.

One code for a base that was pulled and for one that was built in place.
"""

from localai_ci.backend.ccache import FOLDER, STATISTICS
from localai_ci.base.step import Recipe as Base
from localai_ci.base.step import Step
from localai_ci.matrix.compiling import Ccache, CompileFile, Goal, Recipe
from localai_ci.matrix.entry import Entry

TREE = "/LocalAI"
_LEFT = ("grpc-server", "package", "build", "ggml-shared-libs")


def package_folder(entry: Entry) -> str:
    """Where the Makefile puts what becomes the image."""
    return f"{TREE}/{entry.folders[0]}/package"


def tools(recipe: Recipe, base: Base) -> tuple[Step, ...]:
    """The steps before the tree comes in, so that no edit of it executes them again. Pure."""
    grpc = Step("grpc", "cp -a /opt/grpc/. /usr/local/")
    packages = recipe.compiler.packages
    return (Step("compiler", base.install(*packages)), grpc) if packages else (grpc,)


def steps(entry: Entry, recipe: Recipe, base: Base, limits: Ccache) -> tuple[Step, ...]:
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


def _environment(entry: Entry, recipe: Recipe) -> str:
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
    lines = [f"export {name}='{value}'" for name, value in variables.items()]
    if recipe.compiler.setup:
        # Intel's script reads unset variables, and fails where it was sourced before.
        lines.append(f"set +eu; . {recipe.compiler.setup} >/dev/null; set -eu")
    return "\n".join(lines)


def _ccache(limits: Ccache) -> str:
    """Settings under which an object is found again on another machine and in another folder."""
    return f"""\
export CCACHE_DIR={FOLDER} CCACHE_MAXSIZE={limits.max_size}
# By the compiler's content: timestamps differ from image to image.
export CCACHE_COMPILERCHECK=content
# Each target is compiled in a copy of the tree; paths count from there.
export CCACHE_BASEDIR={TREE} CCACHE_NOHASHDIR=1
for language in C CXX CUDA HIP; do
  export "CMAKE_${{language}}_COMPILER_LAUNCHER=ccache"
done
ccache --zero-stats >/dev/null"""


def _compile(entry: Entry, recipe: Recipe, limits: Ccache) -> str:
    folder = f"{TREE}/{entry.folders[0]}"
    makes = "\n".join(f"make {goal.target}\n{_verify(entry, goal)}" for goal in recipe.goals)
    return f"""\
{_environment(entry, recipe)}
{_ccache(limits)}
cd {folder}
cached() {{ # FILE NAME VALUE: refuse a build that became another one
  local line
  line=$(grep -m1 "^$2:" "$1" || true)
  [ "${{line#*=}}" = "$3" ] || [ "$(echo "${{line#*=}}" | tr a-z A-Z)" = "$3" ] || {{
    echo "localai-ci: $1 says '${{line:-nothing of $2}}', and compile.yaml $2=$3" >&2
    exit 65
  }}
}}
{makes}mkdir -p {STATISTICS.rpartition("/")[0]}
ccache --print-stats >{STATISTICS}
"""


def _verify(entry: Entry, goal: Goal) -> str:
    if not goal.cmake:
        return ""
    name, sources = entry.backend, "llama.cpp"
    build = f"../{name}-{goal.flavor}-build/{sources}/build" if goal.flavor else "build"
    checks = (f"cached {build}/CMakeCache.txt {key} '{value}'\n" for key, value in goal.cmake)
    return "".join(checks)


def _package(entry: Entry, recipe: Recipe) -> str:
    return f"""\
{_environment(entry, recipe)}
cd {TREE}/{entry.folders[0]}
rm -rf package
make package
"""


def _libraries(entry: Entry) -> str:
    """Bring the distribution's shared gRPC along: LocalAI's own bases link it statically."""
    return f"""\
cd {package_folder(entry)}
find . -type f -perm /111 ! -name '*.sh' ! -name 'ld.so' | while read -r file; do
  ldd "$file" 2>/dev/null || true
done | awk '$2 == "=>" && $3 ~ /^\\// {{ print $3 }}' | sort -u | while read -r library; do
  case $library in "$PWD"/*) continue ;; esac
  [ -e "lib/${{library##*/}}" ] || cp -L "$library" lib/
done
"""
