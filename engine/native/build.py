"""The steps that make a native engine out of Debian packages, Go modules and one Python wheel."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from native import debian, emulation, oci
from native.home import ARCHITECTURE, ENGINE, VERSION, Home, digest, locked
from native.preflight import check_build
from native.steps import Step, Work, run_all
from native.terminal import Progress, say_waiting

UV_LOCK = ENGINE / "uv.txt"
"""The installer, with its hashes: the one place that names it, for `make` too."""
LIBRARY_LOCK = ENGINE / "dagger-io.txt"
"""The library of Python modules, with its hashes."""
UV, LIBRARY = (lock.read_text().split()[0] for lock in (UV_LOCK, LIBRARY_LOCK))
MODULE = "github.com/dagger/dagger"
COMMANDS = ("dagger", "dnsname", "engine", "init")
LINK = f"-s -w -X {MODULE}/engine.Version={VERSION} -X {MODULE}/engine.Tag={VERSION}"
BUILD_FLAGS = ("-trimpath", "-tags=dfexcludepatterns,dfparents", f"-ldflags={LINK}")

# Where the engine looks for what it starts.
LINKS = {
    "usr/local/bin/runc": "/usr/sbin/runc",
    "usr/local/bin/tini": "/usr/bin/tini-static",
    "usr/local/bin/dagger-engine": "/opt/dagger/engine",
    "usr/local/bin/dagger-init": "/opt/dagger/init",
    "opt/cni/bin/dnsname": "/opt/dagger/dnsname",
    **{
        f"usr/bin/xtables-{kind}-multi": f"/usr/sbin/xtables-{kind}-multi"
        for kind in ("legacy", "nft")
    },
    **{
        f"opt/cni/bin/{n}": f"/usr/lib/cni/{n}"
        for n in ("bridge", "firewall", "host-local", "loopback")
    },
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONTENT = "usr/local/share/dagger/content/blobs/sha256"
CONFIG = "etc/localai-ci"


def programs(where: Home) -> Step:
    """The engine, its CLI and helpers, compiled from the published Go module."""
    go = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout

    def make(work: Work) -> None:
        bin_folder = work.out / "opt/dagger"
        bin_folder.mkdir(parents=True)
        packages = [f"{MODULE}/cmd/{command}" for command in COMMANDS]
        # Go's caches are the set-up's own: kept until the step is finished, so that an interrupted
        # one goes on where it was. The user's, where the environment names some, are used instead.
        caches = {"GOCACHE": f"{where.go}/cache", "GOMODCACHE": f"{where.go}/modules"}
        flags = {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-modcacherw",
            "GOWORK": "off",
        }
        environ = caches | dict(os.environ) | flags
        # Which packages are to be compiled; to know it, Go fetches the modules that they are in.
        work.run(
            "sh", "-c", 'out=$1; shift; exec go list "$@" >"$out"', "sh",
            work.folder / "stale", *BUILD_FLAGS, "-deps",
            "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", *packages,
            cwd=ENGINE, environ=environ, lines=(None, "modules fetched"),
        )  # fmt: skip
        stale = len((work.folder / "stale").read_text().split())
        work.run(
            "go", "build", "-v", *BUILD_FLAGS, "-o", f"{bin_folder}/", *packages,
            cwd=ENGINE, environ=environ, lines=(stale, "packages"),
        )  # fmt: skip
        work.run("rm", "-rf", where.go)
        for link, target in LINKS.items():
            path = work.out / link
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)

    modules = (ENGINE / name for name in ("go.mod", "go.sum", "distconsts"))
    inputs = [go, *COMMANDS, *BUILD_FLAGS, LINKS, *modules]
    return Step(
        "programs", "compile the engine and its CLI (Go)", digest(inputs), make,
        "is the Go module proxy reachable (`go env GOPROXY`)?",
    )  # fmt: skip


def uv(where: Home, root: Step) -> Step:
    """The installer of Python modules' dependencies, from PyPI, by the root's own pip."""

    def make(work: Work) -> None:
        lock = shutil.copy(UV_LOCK, work.out)
        flags = "--quiet --target /mnt --no-compile --no-deps --require-hashes"
        debian.chroot(
            work, root.out(where) / "root", f"pip install {flags} --requirement /mnt/{UV_LOCK.name}"
        )
        Path(lock).unlink()

    return Step(
        "uv", f"install {UV.replace('==', ' ')}", digest([UV_LOCK, root.key]), make,
        "is PyPI reachable?", (root,),
    )  # fmt: skip


def python_sdk(where: Home, root: Step, installer: Step) -> Step:
    """The image that the engine loads Python modules with: Debian's Python, uv, our runtime."""
    runtime = ENGINE / "python-runtime"
    module = {"name": "python-sdk", "engineVersion": VERSION, "sdk": {"source": "dang"}}

    def make(work: Work) -> None:
        declared = work.folder / "dagger.json"
        declared.write_text(json.dumps(module))
        content = {
            "runtime": runtime,
            "runtime/dagger.json": declared,
            "etc/dagger-io.txt": LIBRARY_LOCK,
            "usr/local/bin/uv": installer.out(where) / "bin/uv",
        }
        tar = oci.layer(work.folder / "layer.tar", content)
        manifest = oci.image(work.out / CONTENT, [root.out(where) / "root.tar", tar], ARCHITECTURE)
        config = work.out / CONFIG
        config.mkdir(parents=True)
        # Where the engine reads which of its built-in images is the SDK.
        (config / "sdk.env").write_text(f"export DAGGER_PYTHON_SDK_MANIFEST_DIGEST={manifest}\n")

    inputs = [runtime, module, LIBRARY_LOCK, root.key, installer.key]
    return Step(
        "sdk-python", "pack the Python SDK", digest(inputs), make, "is the disk full?",
        (root, installer),
    )  # fmt: skip


def all_steps(where: Home, emulated: Sequence[str] = ()) -> list[Step]:
    """Every step; those that others need come first."""
    tool = debian.tool()
    root = debian.root(where, tool)
    hub = debian.mirror(where, tool)
    compiled = programs(where)
    installer = uv(where, root)
    sdk = python_sdk(where, root, installer)
    foreign = []
    for name in emulated:
        qemu = emulation.step(name)
        foreign += [qemu, debian.foreign(where, tool, hub, qemu, name)]
    return [tool, compiled, root, installer, hub, sdk, *foreign]


def layers(where: Home, steps: Sequence[Step]) -> list[Path]:
    """What the engine's root is made of, uppermost first: the finished steps' folders."""
    root = next(step for step in steps if step.name == "root").out(where) / "root"
    above = ("mirror", "programs", "sdk")
    return [*(s.out(where) for s in reversed(steps) if s.name.startswith(above)), root]


def program(where: Home, steps: Sequence[Step], name: str) -> Path:
    """One of the compiled programs, on the host."""
    return next(s for s in steps if s.name == "programs").out(where) / "opt/dagger" / name


def cli(where: Home) -> Path:
    """Dagger's CLI alone, for an engine that somebody else runs."""
    check_build(where)
    step = programs(where)
    with locked(where, say_waiting):
        run_all([step], where, Progress())
    return program(where, [step], "dagger")
