"""The gRPC library for C++, found by its consumers in ``/opt/grpc``.

It depends on the release and the architecture alone, not on the accelerator, so it is compiled
apart from the bases: four compiles serve LocalAI's ten.
"""

from localai_ci.bases.step import BaseRecipe, Step, in_scratch_folder

PREFIX = "/opt/grpc"

# LocalAI sets no build type, which is one without optimisation, and leaves six plugins on, for
# languages that no backend generates.
FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release",
    f"-DCMAKE_INSTALL_PREFIX:PATH={PREFIX}",
    "-DgRPC_INSTALL=ON",
    "-DgRPC_BUILD_TESTS=OFF",
    *(
        f"-DgRPC_BUILD_GRPC_{language}_PLUGIN=OFF"
        for language in ("CSHARP", "NODE", "OBJECTIVE_C", "PHP", "PYTHON", "RUBY")
    ),
)

# Abseil's test allocator needs GTest, which is not there; its newer releases mark it so
# themselves. Found by its name, wherever it stands: a line number moves with every version.
_ABSEIL = "third_party/abseil-cpp/absl/container/CMakeLists.txt"
_MARK_TEST_ONLY = """\
/^absl_cc_library\\(/ { name = ""; marked = 0; inside = 1 }
inside && /^ *NAME/ { getline following; line = $0 ORS following; name = following }
inside && /TESTONLY/ { marked = 1 }
inside && /^\\)/ {
  if (name ~ /^ *test_allocator$/) { found = 1; if (!marked) print "  TESTONLY" }
  inside = 0
}
{ if (line != "") { print line; line = "" } else print }
END { exit !found }
"""

# The twins without TLS are nearly the whole library once more, and nothing links them. Their
# blocks in gRPC's generated CMakeLists.txt end where the next target's begins.
DROP_UNSECURE = """\
/^add_library\\((grpc|grpc\\+\\+)_unsecure$/ { dropping = 1; dropped++ }
dropping && /^(add_library|add_executable|if\\(gRPC_BUILD_)/ && !/_unsecure$/ { dropping = 0 }
!dropping { print }
END { exit dropped != 2 }
"""


def compiled(recipe: BaseRecipe) -> Step:
    """Clone, configure, compile and install one version of gRPC into ``/opt/grpc``."""
    source = recipe.upstreams.repository("grpc")
    clone = recipe.mirrors.clone(source.url, source.version, source.commit, "grpc")
    script = f"""\
{clone}
cd grpc
rewrite() {{ # FILE AWK-PROGRAM WHAT
  awk "$2" "$1" >rewritten ||
    {{ echo "localai-ci: $1 of {source.label} has no $3: look at it and fix bases/grpc.py" >&2
       exit 65; }}
  mv rewritten "$1"
}}
rewrite {_ABSEIL} '{_MARK_TEST_ONLY}' 'library test_allocator'
rewrite CMakeLists.txt '{DROP_UNSECURE}' 'two _unsecure libraries'
cmake -S . -B cmake/build {" ".join(FLAGS)}
cmake --build cmake/build --parallel "$(nproc)"
cmake --install cmake/build >/dev/null
rm {PREFIX}/lib/pkgconfig/grpc*_unsecure.pc
"""
    return Step("grpc", in_scratch_folder(script))


# Debian's protobuf 3.21 was built with autotools and ships no CMake package file, while its
# consumers ask for find_package(Protobuf CONFIG). CMake's own module knows where it lies.
_PROTOBUF_CONFIG = """\
set(Protobuf_VERSION "@version@")
include(FindProtobuf)
"""
_PROTOBUF_CONFIG_VERSION = """\
set(PACKAGE_VERSION "@version@")
if(PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
"""


def packaged(recipe: BaseRecipe) -> Step:
    """The release's own packages of gRPC.

    Consumers copy ``/opt/grpc`` into ``/usr/local``, as they do with a compiled one, or find
    everything in place: the package file also lies where CMake looks by itself.
    """
    script = f"""\
{recipe.install("libgrpc++-dev", "protobuf-compiler-grpc")}\
version=$(pkg-config --modversion protobuf)
config={PREFIX}/lib/cmake/protobuf
mkdir -p {PREFIX}/bin "$config" /usr/lib/cmake
sed "s/@version@/$version/" >"$config/protobuf-config.cmake" <<'EOF'
{_PROTOBUF_CONFIG}EOF
sed "s/@version@/$version/" >"$config/protobuf-config-version.cmake" <<'EOF'
{_PROTOBUF_CONFIG_VERSION}EOF
ln -s "$config" /usr/lib/cmake/protobuf
for tool in protoc grpc_cpp_plugin; do
  ln -s "/usr/bin/$tool" "{PREFIX}/bin/$tool"
done
"""
    return Step("grpc", script)
