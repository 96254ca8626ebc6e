"""Containers of another architecture: Debian's qemu, registered with the kernel's binfmt_misc.

The registration is the kernel's, for the whole machine; it is made in a mount namespace of its
own, so the host needs no binfmt_misc mounted, and it is named after the cache folder.
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


def register(where: Home, emulator: Step, architecture: str) -> None:
    """Let the kernel run that architecture's programs; it holds the emulator open (flag F)."""
    machine, out = MACHINES[architecture], emulator.out(where)
    rule = (out / f"usr/lib/binfmt.d/qemu-{machine}.conf").read_text().strip()
    start, magic = rule.rsplit(":", 2)[0].split("::", 1)
    _, kind = start.rsplit(":", 1)
    program = out / f"usr/bin/qemu-{machine}-static"
    _in_binfmt(f"echo -1 >{_name(where, machine)}", quiet=True)
    _in_binfmt("cat >register", f":{_name(where, machine)}:{kind}::{magic}:{program}:OPF")


def unregister(where: Home) -> None:
    """Take back every registration of this cache folder."""
    _in_binfmt(f"for rule in {_name(where, '')}*; do [ ! -e $rule ] || echo -1 >$rule; done")


def _name(where: Home, machine: str) -> str:
    return f"localai-ci-{where.key}-{machine}"


def _in_binfmt(script: str, given: str = "", *, quiet: bool = False) -> None:
    mount = f"mount -t binfmt_misc binfmt_misc {BINFMT} && cd {BINFMT}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{mount} && {{ {script}; }}"],
        input=given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and not quiet:
        raise EngineError(
            f"binfmt_misc does not take the emulator: {done.stderr.strip()}",
            "the kernel may lack binfmt_misc, or forbid it",
        )
