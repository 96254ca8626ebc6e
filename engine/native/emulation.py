"""Containers of another architecture: Debian's qemu, registered with the kernel's binfmt_misc.

The registration is made in the mount namespace of those who need it. Since Linux 6.7 it ends with
that namespace; before, it is the whole machine's and is taken back by its name.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from native.errors import EngineError
from native.home import ARCHITECTURE, Home, digest
from native.steps import Step, Work

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
PACKAGE = "qemu-user-static"
BINFMT = "/proc/sys/fs/binfmt_misc"
MOUNT = f"mount -t binfmt_misc binfmt_misc {BINFMT}"


def check(architectures: Iterable[str]) -> None:
    """Refuse what cannot be emulated here."""
    known = [name for name in MACHINES if name != ARCHITECTURE]
    for name in architectures:
        if name not in known:
            raise EngineError(f"cannot emulate {name!r} on {ARCHITECTURE}", f"known: {known}")
    if "binfmt_misc" not in Path("/proc/filesystems").read_text():
        raise EngineError("the kernel has no binfmt_misc", "modprobe binfmt_misc")


def step(architecture: str) -> Step:
    """The emulator, one program, and the rule that tells the kernel which files are its."""
    machine = MACHINES[architecture]

    def make(work: Work) -> None:
        work.run("apt-get", "download", PACKAGE)
        unpack = f"dpkg-deb --fsys-tarfile *.deb | tar -x -C out ./usr/bin/qemu-{machine}-static"
        work.run("sh", "-ec", f"{unpack} ./usr/lib/binfmt.d/qemu-{machine}.conf; rm *.deb")

    key = digest([PACKAGE, machine])
    return Step(f"qemu-{architecture}", f"fetch the emulator for {architecture}", key, make,
        "run `apt-get update`",
    )  # fmt: skip


def rule(where: Home, emulator: Step, architecture: str) -> str:
    """The kernel's rule for an emulator; it opens the emulator at once (flag F), for every root."""
    machine, out = MACHINES[architecture], emulator.out(where)
    known = (out / f"usr/lib/binfmt.d/qemu-{machine}.conf").read_text().strip()
    magic = known.rsplit(":", 2)[0].split(":M::", 1)[1]
    program = out / f"usr/bin/qemu-{machine}-static"
    return f":{_name(where, machine)}:M::{magic}:{program}:OPF"


def within(rules: str) -> tuple[str, ...]:
    """What to put before a command, in a mount namespace of its own, so that it is emulated."""
    script = f'{MOUNT}; printf %s "$0" >{BINFMT}/register; exec "$@"'
    return ("sh", "-ec", script, rules)


def unregister(where: Home) -> None:
    """Take back every registration of this cache folder that outlived its namespace."""
    rules = f"{BINFMT}/{_name(where, '')}*"
    script = f"{MOUNT}; for rule in {rules}; do [ ! -e $rule ] || echo -1 >$rule; done"
    subprocess.run(["unshare", "--mount", "sh", "-ec", script], capture_output=True, check=False)


def _name(where: Home, machine: str) -> str:
    return f"localai-ci-{where.key}-{machine}"
