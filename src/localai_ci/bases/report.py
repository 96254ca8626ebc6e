"""What is really installed in a base: asked of the base itself, never of its recipe. Pure."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from localai_ci import json_text
from localai_ci.config.reader import Strict, load
from localai_ci.config.variants import Release, Variant
from localai_ci.errors import LocalaiCiError
from localai_ci.text import printable, table

# Prints `tool<TAB>version` for each tool that is there. Asked with the image's own PATH.
PROBE = r"""
version() { grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1; }
ask() { # TOOL COMMAND…
  local tool=$1; shift
  if command -v "$1" >/dev/null; then printf '%s\t%s\n' "$tool" "$("$@" 2>&1 | version)"; fi
}
package() { # TOOL CMAKE-FILE: the version that find_package(… CONFIG) would see
  local file
  file=$(find /opt/grpc /usr/lib -follow -iname "$2" 2>/dev/null | head -n 1 || true)
  if [ -n "$file" ]; then
    printf '%s\t' "$1"
    sed -nE 's/^ *set\(PACKAGE_VERSION "([^"]+)".*/\1/p' "$file" | head -n 1
  fi
}
. /etc/os-release
printf 'release\t%s %s\n' "$ID" "${VERSION_ID:-}"
printf 'machine\t%s\n' "$(uname -m)"
printf 'glibc\t%s\n' "$(ldd --version | head -n 1 | grep -oE '[0-9]+\.[0-9]+$')"
ask gcc gcc -dumpfullversion
ask g++ g++ -dumpfullversion
ask ccache ccache --version
ask git git --version
ask protoc protoc --version
ask cmake cmake --version
package grpc gRPCConfigVersion.cmake
package abseil abslConfigVersion.cmake
package protobuf protobuf-config-version.cmake
ask nvcc nvcc --version
ask hipcc /opt/rocm/bin/hipcc --version
ask icpx /opt/intel/oneapi/compiler/latest/bin/icpx --version
ask glslc glslc --version
printf 'rocm\t%s\n' "$(cat /opt/rocm/.info/version 2>/dev/null | version)"
printf 'cuda\t%s\n' "$(dpkg-query -W -f '${Package}\n' 'cuda-nvcc-*' 2>/dev/null |
  sed -nE 's/^cuda-nvcc-([0-9]+)-([0-9]+)$/\1.\2/p' | head -n 1)"
printf 'vulkan\t%s\n' "$(sed -nE 's/^#define VK_HEADER_VERSION ([0-9]+)$/1.4.\1/p' \
  /usr/include/vulkan/vulkan_core.h 2>/dev/null | head -n 1)"
"""


class Toolchain(Strict):
    """One base's report.

    Attributes:
        tools: Tool to version; a tool that is not there is not listed.
        packages: Debian package to version, all that are installed.
        environment: What the image sets.
        bytes_by_step: What each step added, in bytes, in the order of the steps.
    """

    variant: str
    image: str
    tools: dict[str, str]
    packages: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    bytes_by_step: dict[str, int] = Field(default_factory=dict)


def load_report(path: Path) -> Toolchain:
    """A report as `dagger call base --variant V toolchain --as-json` printed it.

    Raises:
        InputError: the file is missing or is not such a report.
    """
    return load(path, Toolchain)[0]


def read_pairs(text: str) -> dict[str, str]:
    """The ``name<TAB>value`` lines of a probe; names without value are left out."""
    pairs = (line.partition("\t") for line in text.splitlines())
    return {name: value for name, _, value in pairs if value}


def expected(variant: Variant, release: Release, upstream: Mapping[str, str]) -> dict[str, str]:
    """Version prefixes that the variant promises: of the release, or of what upstream pins."""
    if variant.tools == "distribution":
        tools = {"protoc": release.protoc, "grpc": release.grpc}
    else:
        tools = {"protoc": upstream["protoc"], "grpc": upstream["grpc"].removeprefix("v")}
    cmake = release.cmake if variant.cmake == "package" else upstream["cmake"]
    tools["cmake"] = cmake
    return {tool: version for tool, version in tools.items() if version}


def verify(variant: Variant, tools: Mapping[str, str], promised: Mapping[str, str]) -> None:
    """Refuse a base whose tools are not what the variant says.

    Raises:
        LocalaiCiError: names each tool, what it is and what was promised.
    """
    wrong = [
        f"{tool} is {tools.get(tool, 'not there')}, promised {version}"
        for tool, version in promised.items()
        if not f"{tools.get(tool, '')}.".startswith(f"{version}.")
    ]
    if wrong:
        raise LocalaiCiError(
            "; ".join(wrong),
            where=f"variant {variant.name}",
            remedy="Correct matrix/variants.yaml or upstreams.yaml, or the archive that serves it.",
        )


def differences(left: Toolchain, right: Toolchain) -> list[tuple[str, str, str]]:
    """Where two bases differ: ``(what, left, right)``; sizes do not count."""
    rows = []
    for field in ("tools", "packages", "environment"):
        a: dict[str, str] = getattr(left, field)
        b: dict[str, str] = getattr(right, field)
        rows += [
            (f"{field}: {name}", a.get(name, "-"), b.get(name, "-"))
            for name in sorted(a.keys() | b.keys())
            if a.get(name) != b.get(name)
        ]
    return rows


def as_table(report: Toolchain) -> str:
    """The report as tables for people; packages only as their number."""
    total = sum(report.bytes_by_step.values())
    sizes = [*report.bytes_by_step.items(), ("all", total)]
    return "\n\n".join(
        (
            printable(f"{report.variant}, from {report.image}, {len(report.packages)} packages"),
            table(("tool", "version"), report.tools.items()),
            table(("step", "MB"), ((name, f"{size / 1e6:.1f}") for name, size in sizes)),
        )
    )


def as_json(report: Toolchain) -> str:
    """The whole report."""
    return json_text.write(report.model_dump(), indent=2)
