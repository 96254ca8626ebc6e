"""What the machine lacks, all of it in one message, before anything is touched."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from native.errors import EngineError
from native.home import ARCHITECTURE, ENGINE, Home, numbers

# Program → the Debian package that has it.
FOR_BUILD = {"apt-get": "apt", "dpkg-deb": "dpkg", "perl": "perl", "tar": "tar"}
FOR_START = {
    "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux",
    "pivot_root": "util-linux", "mount": "mount", "chroot": "coreutils",
}  # fmt: skip

BUILD_GIB = 8
NETLINK_NETFILTER = 12


def check(problems: Iterable[str]) -> None:
    """Raise one error with every problem."""
    if found := list(problems):
        raise EngineError(
            "the native engine cannot run here:\n" + "\n".join(f"  - {line}" for line in found),
            "fix this, or install dagger and a container runtime (docker, podman, nerdctl)",
        )


def machine() -> list[str]:
    """What is wrong with the machine itself."""
    problems = []
    if sys.platform != "linux":
        problems.append(f"it needs Linux, this is {sys.platform}")
    if os.geteuid() != 0:
        problems.append("it needs root (namespaces, mounts): use sudo")
    if ARCHITECTURE not in ("amd64", "arm64"):
        problems.append(f"it is made for amd64 and arm64, this is {ARCHITECTURE}")
    return problems


def programs(needed: dict[str, str]) -> list[str]:
    """Which programs are missing, with the package to install."""
    missing = {package for name, package in needed.items() if not shutil.which(name)}
    return [f"missing programs: apt-get install {' '.join(sorted(missing))}"] if missing else []


def go(version: str | None, floor: str) -> list[str]:
    """Whether Go is there and new enough; ``version`` is what `go version` prints, if it runs."""
    need = f"Go {floor} or newer is needed to compile the engine"
    if version is None:
        return [f"{need}, and there is no go on PATH"]
    found = re.search(r"go(\d+(?:\.\d+)*)", version)
    if found is None or numbers(found[1]) < numbers(floor):
        return [f"{need}, found: {version.strip()}"]
    return []


def go_version() -> str | None:
    """What `go version` prints."""
    if not shutil.which("go"):
        return None
    asked = subprocess.run(["go", "version"], capture_output=True, text=True, check=False)
    return asked.stdout


def go_floor() -> str:
    """The Go version that go.mod asks for."""
    found = re.search(r"^go (\S+)", (ENGINE / "go.mod").read_text(), re.MULTILINE)
    return found[1] if found else "1.25"


def disk(folder: Path, gib: float) -> list[str]:
    """Whether the cache folder's disk has room."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / 2**30
    return [] if free >= gib else [f"{gib} GiB of disk are needed in {there}, {free:.1f} are free"]


def kernel() -> list[str]:
    """Which kernel features are missing."""
    problems = [
        f"the kernel has no {name} namespaces"
        for name in ("mnt", "net", "pid", "ipc", "uts")
        if not Path(f"/proc/self/ns/{name}").exists()
    ]
    if not _loads("overlay") and "overlay" not in Path("/proc/filesystems").read_text():
        problems.append("the kernel has no overlay file system (modprobe overlay)")
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER).close()
    except OSError:
        problems.append("the kernel has no nf_tables (modprobe nf_tables)")
    if not Path("/sys/fs/cgroup").is_mount():
        problems.append("no cgroups are mounted at /sys/fs/cgroup")
    return problems


def _loads(module: str) -> bool:
    if not shutil.which("modprobe"):
        return False
    return subprocess.run(["modprobe", "-q", module], check=False).returncode == 0


def check_build(where: Home) -> None:
    """Before set-up: what it takes to make the engine, and to run it afterwards."""
    room = BUILD_GIB if not where.steps.exists() else 1
    check(
        [
            *machine(),
            *programs(FOR_BUILD | FOR_START),
            *go(go_version(), go_floor()),
            *disk(where.base, room),
            *(kernel() if sys.platform == "linux" else []),
        ]
    )


def check_start() -> None:
    """Before a start: what may have changed since set-up."""
    check([*machine(), *programs(FOR_START), *kernel()])
