"""A git repository that answers for gRPC: its shape and its places, a hundredth of its size."""

import re
from pathlib import Path

from fake_upstreams.packages import run

_CMAKE = """\
cmake_minimum_required(VERSION 3.15)
set(gRPC_CPP_VERSION "@VERSION@")
project(grpc CXX)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  message(FATAL_ERROR "the build type is ${CMAKE_BUILD_TYPE}, not Release")
endif()
add_subdirectory(third_party/abseil-cpp)

add_library(grpc
  src/grpc.cc
)

if(gRPC_INSTALL)
  install(TARGETS grpc EXPORT gRPCTargets ARCHIVE DESTINATION lib)
endif()

add_library(grpc_unsecure
  src/grpc.cc
)

if(gRPC_INSTALL)
  install(TARGETS grpc_unsecure EXPORT gRPCTargets ARCHIVE DESTINATION lib)
endif()

add_library(grpc++
  src/grpc.cc
)

if(gRPC_INSTALL)
  install(TARGETS grpc++ EXPORT gRPCTargets ARCHIVE DESTINATION lib)
endif()

add_library(grpc++_unsecure
  src/grpc.cc
)

if(gRPC_INSTALL)
  install(TARGETS grpc++_unsecure EXPORT gRPCTargets ARCHIVE DESTINATION lib)
endif()

if(gRPC_BUILD_CODEGEN OR TRUE)
add_executable(grpc_cpp_plugin
  src/main.cc
)
install(TARGETS grpc_cpp_plugin EXPORT gRPCTargets RUNTIME DESTINATION bin)
endif()

foreach(language CSHARP NODE OBJECTIVE_C PHP PYTHON RUBY)
  if(NOT DEFINED gRPC_BUILD_GRPC_${language}_PLUGIN OR gRPC_BUILD_GRPC_${language}_PLUGIN)
    message(FATAL_ERROR "the ${language} plugin is on")
  endif()
endforeach()

install(EXPORT gRPCTargets NAMESPACE gRPC:: DESTINATION lib/cmake/grpc)
file(WRITE ${CMAKE_BINARY_DIR}/gRPCConfig.cmake
  "include(\\${CMAKE_CURRENT_LIST_DIR}/gRPCTargets.cmake)\\n")
include(CMakePackageConfigHelpers)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/gRPCConfigVersion.cmake
  VERSION ${gRPC_CPP_VERSION} COMPATIBILITY AnyNewerVersion)
install(FILES ${CMAKE_BINARY_DIR}/gRPCConfig.cmake ${CMAKE_BINARY_DIR}/gRPCConfigVersion.cmake
  DESTINATION lib/cmake/grpc)
foreach(name grpc grpc++ grpc_unsecure grpc++_unsecure)
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.pc "Name: ${name}\\nVersion: ${gRPC_CPP_VERSION}\\n")
  install(FILES ${CMAKE_BINARY_DIR}/${name}.pc DESTINATION lib/pkgconfig)
endforeach()
"""

# As abseil's own helper: a library that needs GTest must be for tests.
_ABSEIL = """\
function(absl_cc_library)
  if("GTest::gmock" IN_LIST ARGN AND NOT TESTONLY IN_LIST ARGN)
    message(FATAL_ERROR "GTest::gmock is not there")
  endif()
endfunction()
add_subdirectory(absl/container)
"""
_CONTAINER = """\
absl_cc_library(
  NAME
    btree
  DEPS
    absl::config
)

# Internal-only target, do not depend on directly.
absl_cc_library(
  NAME
    @NAME@
  HDRS
    "internal/test_allocator.h"
  DEPS
    absl::config
    GTest::gmock
)
"""
_SOURCES = {
    "src/grpc.cc": 'namespace grpc { const char* Version() { return "fake"; } }\n',
    "src/main.cc": "int main() {}\n",
}


def repository(root: Path, version: str, *, allocator: str = "test_allocator") -> None:
    """Bare repositories ``grpc/grpc`` and ``abseil/abseil-cpp`` below ``root``, at one tag.

    Args:
        root: What ``https://github.com`` is to the clone.
        version: The tag, ``v1.65.0``.
        allocator: The name of abseil's library that needs the fix.
    """
    abseil = {
        "CMakeLists.txt": _ABSEIL,
        "absl/container/CMakeLists.txt": _CONTAINER.replace("@NAME@", allocator),
    }
    inner = _commit(root / "work-abseil", abseil, version)
    _publish(inner, root / "abseil/abseil-cpp")
    cmake = _CMAKE.replace("@VERSION@", version.removeprefix("v"))
    outer = _commit(root / "work-grpc", {"CMakeLists.txt": cmake, **_SOURCES}, version)
    add_submodule(outer, inner, "third_party/abseil-cpp", "https://github.com/abseil/abseil-cpp")
    _git(outer, "tag", "--force", version)
    _publish(outer, root / "grpc/grpc")


def from_source(root: Path, source: Path, version: str) -> None:
    """GRPC's real sources, as Debian packages them, under the tag that a base asks for.

    What Debian takes from packages, instead of the sources' submodules, is taken from packages.

    Args:
        root: What ``https://github.com`` is to the clone.
        source: The unpacked source package.
        version: The tag, ``v1.65.0``.
    """
    inner = _commit(root / "work-abseil", {
        "absl/container/CMakeLists.txt": _CONTAINER.replace("@NAME@", "test_allocator"),
    }, version)  # fmt: skip
    _publish(inner, root / "abseil/abseil-cpp")
    cmake = source / "CMakeLists.txt"
    text = cmake.read_text()
    cmake.write_text(text.replace('_PROVIDER "module" CACHE', '_PROVIDER "package" CACHE'))
    # git keeps no empty folder, and what is not there CMake would download.
    for folder in re.findall(r"NOT EXISTS \$\{CMAKE_CURRENT_SOURCE_DIR\}/([\w/-]+)", text):
        (source / folder).mkdir(parents=True, exist_ok=True)
        (source / folder / ".keep").touch()
    (source / "third_party/abseil-cpp").rmdir()
    outer = _commit(source, {}, version)
    add_submodule(outer, inner, "third_party/abseil-cpp", "https://github.com/abseil/abseil-cpp")
    _git(outer, "tag", "--force", version)
    _publish(outer, root / "grpc/grpc")


def add_submodule(outer: Path, inner: Path, path: str, url: str) -> None:
    """Record ``inner``'s commit as a submodule that clones look for at ``url``."""
    (outer / ".gitmodules").write_text(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
    commit = _git(inner, "rev-parse", "HEAD").strip()
    _git(outer, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    _git(outer, "add", ".gitmodules")
    _git(outer, "commit", "--quiet", "--message", "submodule")


def _commit(folder: Path, files: dict[str, str], tag: str) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    run("git", "init", "--quiet", "--initial-branch", "master", folder)
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message", "fake")
    _git(folder, "tag", tag)
    return folder


def _publish(work: Path, bare: Path) -> None:
    bare.parent.mkdir(parents=True, exist_ok=True)
    run("git", "clone", "--quiet", "--bare", work, bare)
    # A submodule's commit is asked for by its id.
    run("git", "-C", bare, "config", "uploadpack.allowAnySHA1InWant", "true")


def _git(folder: Path, *args: str) -> str:
    identity = ("-c", "user.name=fake", "-c", "user.email=fake@localhost")
    return run("git", "-C", folder, *identity, *args)
