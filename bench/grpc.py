"""Our gRPC flags against LocalAI's, on the same source: Debian's grpc, in Debian's image.

Takes half an hour on two cores.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from localai_ci.bases import grpc

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from dagger_engine import Engine

# LocalAI's install-base-deps.sh passes these and nothing else.
LOCALAI = ("-DgRPC_INSTALL=ON", "-DgRPC_BUILD_TESTS=OFF", "-DCMAKE_INSTALL_PREFIX:PATH=/opt/grpc")
SOURCE = """\
sed -i -e 's/^Types: deb$/Types: deb deb-src/' -e '/^deb /{p;s/^deb /deb-src /}' \
  $(find /etc/apt -name '*.list' -o -name '*.sources')
apt-get update -qq
apt-get install -qq -y --no-install-recommends dpkg-dev build-essential cmake pkg-config \
  libabsl-dev libprotobuf-dev libprotoc-dev protobuf-compiler libc-ares-dev libre2-dev \
  zlib1g-dev libssl-dev
cd /tmp && apt-get source -qq --download-only grpc
mkdir /grpc && tar -xf grpc_*.orig.tar.* -C /grpc --strip-components 1
# What is not there, CMake would download.
cd /grpc && sed -nE 's#.*NOT EXISTS [^/]*/([a-z/_-]+).*#\\1#p' CMakeLists.txt | xargs mkdir -p
"""
BUILD = """\
cd /grpc
{prepare}
TIMEFORMAT='%R %U %S'
{{ time {{
  cmake -S . -B /build {flags} >/dev/null
  cmake --build /build --parallel "$(nproc)" >/dev/null
  cmake --install /build >/dev/null
}} 2>/tmp/said ; }} 2>/tmp/took || {{ tail -n 40 /tmp/said; exit 1; }}
echo "$(tail -n 1 /tmp/took) $(du -sB1 /opt/grpc | cut -f1)"
"""


class Cost(NamedTuple):
    """Seconds and bytes; the processor's seconds say little about what else the machine does."""

    wall: float
    cpu: float
    size: float


def tables() -> Iterator[Table]:
    """Time and installed size of both."""
    engine = Engine(os.environ)
    theirs = _measure(engine, LOCALAI, "true")
    drop = f"awk '{grpc.DROP_UNSECURE}' CMakeLists.txt >new && mv new CMakeLists.txt"
    ours = _measure(engine, grpc.FLAGS, drop)
    table = Table("flags", "seconds", "ratio", "CPU s", "ratio", "MB", "ratio")
    table.title = "gRPC 1.51.1, compiled"
    for name, cost in (("LocalAI's", theirs), ("ours", ours)):
        cells = (
            *(f"{cost.wall:.0f}", f"{cost.wall / theirs.wall:.2f}"),
            *(f"{cost.cpu:.0f}", f"{cost.cpu / theirs.cpu:.2f}"),
            *(f"{cost.size / 1e6:.0f}", f"{cost.size / theirs.size:.2f}"),
        )
        table.add_row(name, *cells)
    yield table


def _measure(engine: Engine, flags: tuple[str, ...], prepare: str) -> Cost:
    packages = " ".join(
        f"-DgRPC_{name}_PROVIDER=package"
        for name in ("ABSL", "PROTOBUF", "CARES", "RE2", "SSL", "ZLIB")
    )
    script = BUILD.format(prepare=prepare, flags=f"{' '.join(flags)} {packages}")
    done = engine.dagger(
        *("core", "container", "from", "--address=debian:bookworm"),
        *("with-new-file", "--path=/source.sh", f"--contents={SOURCE}"),
        *("with-exec", "--args=bash,-euo,pipefail,/source.sh"),
        *("with-new-file", "--path=/build.sh", f"--contents={script}"),
        *("with-exec", "--args=bash,-euo,pipefail,/build.sh", "stdout"),
        seconds=7200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    wall, user, system, size = map(float, done.stdout.split()[-4:])
    return Cost(wall, user + system, size)
