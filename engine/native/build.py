"""The steps that make a native engine out of Debian packages, Go modules and one Python wheel."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from native import debian, emulation, oci
from native.home import ARCHITECTURE, ENGINE, VERSION, Home, digest, locked
from native.preflight import check_build
from native.steps import Step, Work, run_all
from native.terminal import say_waiting, show

UV = "uv==0.13.9"
MODULE = "github.com/dagger/dagger"
COMMANDS = ("codegen", "dagger", "dnsname", "engine", "init")
LINK = f"-s -w -X {MODULE}/engine.Version={VERSION} -X {MODULE}/engine.Tag={VERSION}"
BUILD = ("go", "build", "-trimpath", "-tags=dfexcludepatterns,dfparents", f"-ldflags={LINK}")

# Where the engine looks for what it starts.
LINKS = {
    "usr/local/bin/runc": "/usr/sbin/runc",
    "usr/local/bin/tini": "/usr/bin/tini-static",
    "usr/local/bin/dagger-engine": "/opt/dagger/engine",
    "usr/local/bin/dagger-init": "/opt/dagger/init",
    "opt/cni/bin/dnsname": "/opt/dagger/dnsname",
    **{
        f"opt/cni/bin/{n}": f"/usr/lib/cni/{n}"
        for n in ("bridge", "firewall", "host-local", "loopback")
    },
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONTENT = "usr/local/share/dagger/content/blobs/sha256"
CONFIG = "etc/localai-ci"
GO_ENVIRON = {
    "PATH": f"/usr/local/go/bin:/go/bin:{PATH}",
    "GOPATH": "/go",
    "GOTOOLCHAIN": "local",
}


def programs() -> Step:
    """The engine, its CLI and helpers, compiled from the published Go module."""
    go = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout

    def make(work: Work) -> None:
        bin_folder = work.out / "opt/dagger"
        bin_folder.mkdir(parents=True)
        packages = [f"{MODULE}/cmd/{command}" for command in COMMANDS]
        # Go's caches are the set-up's own and go with it, unless the user keeps some on purpose.
        caches = {"GOCACHE": f"{work.folder}/go-cache", "GOMODCACHE": f"{work.folder}/go-modules"}
        flags = {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-modcacherw",
            "GOWORK": "off",
        }
        work.run(
            *BUILD, "-o", f"{bin_folder}/", *packages,
            cwd=ENGINE, environ=caches | dict(os.environ) | flags,
        )  # fmt: skip
        work.run("rm", "-rf", *caches.values())
        for link, target in LINKS.items():
            path = work.out / link
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)

    inputs = [go, *BUILD, LINKS, *(ENGINE / name for name in ("go.mod", "go.sum", "distconsts"))]
    return Step(
        "programs", "compile the engine and its CLI (Go, minutes)", digest(inputs), make,
        "is the Go module proxy reachable (`go env GOPROXY`)?",
    )  # fmt: skip


def uv(where: Home, root: Step) -> Step:
    """The installer of Python modules' dependencies, from PyPI, by the root's own pip."""

    def make(work: Work) -> None:
        debian.chroot(
            work, root.out(where) / "root", f"pip install --quiet --target /mnt --no-compile {UV}"
        )

    return Step(
        "uv", f"install {UV.replace('==', ' ')}", digest([UV, root.key]), make, "is PyPI reachable?"
    )


def go_sdk(where: Home, root: Step, compiled: Step) -> Step:
    """The image in which the engine compiles Go modules: the Python runtime is one."""
    goroot = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True)
    go = Path(goroot.stdout.strip())

    def make(work: Work) -> None:
        empty = work.folder / "empty"
        empty.mkdir()
        content = {
            "usr/local/go": go,
            "usr/local/bin/codegen": compiled.out(where) / "opt/dagger/codegen",
            "go/pkg/mod": empty,
            "root/.cache/go-build": empty,
        }
        skip = frozenset(f"usr/local/go/{name}" for name in ("api", "doc", "misc", "test"))
        tar = oci.layer(work.folder / "layer.tar", content, skip)
        _content(work, "GO", [root.out(where) / "root.tar", tar], GO_ENVIRON)

    return Step(
        "sdk-go", "pack the Go SDK", digest([GO_ENVIRON, go, root.key, compiled.key]), make,
        "is the disk full?",
    )  # fmt: skip


def python_sdk(where: Home, root: Step, installer: Step) -> Step:
    """The image that the engine loads Python modules with: Debian's Python, uv, our runtime."""
    runtime = ENGINE / "python-runtime"

    def make(work: Work) -> None:
        content = {"runtime": runtime, "usr/local/bin/uv": installer.out(where) / "bin/uv"}
        tar = oci.layer(work.folder / "layer.tar", content)
        _content(work, "PYTHON", [root.out(where) / "root.tar", tar], {})

    return Step(
        "sdk-python", "pack the Python SDK", digest([runtime, root.key, installer.key]), make,
        "is the disk full?",
    )  # fmt: skip


def _content(work: Work, language: str, layers: list[Path], environ: dict[str, str]) -> None:
    """Put an image into the engine's built-in content, and its digest where the engine reads it."""
    manifest = oci.image(work.out / CONTENT, layers, ARCHITECTURE, environ)
    config = work.out / CONFIG
    config.mkdir(parents=True)
    variable = f"DAGGER_{language}_SDK_MANIFEST_DIGEST"
    (config / f"sdk-{language.lower()}.env").write_text(f"export {variable}={manifest}\n")


def all_steps(where: Home, emulated: Sequence[str] = ()) -> list[Step]:
    """Every step, in order."""
    tool = debian.tool()
    root = debian.root(where, tool)
    hub = debian.mirror(where, tool)
    compiled = programs()
    installer = uv(where, root)
    sdks = [go_sdk(where, root, compiled), python_sdk(where, root, installer)]
    foreign = []
    for name in emulated:
        qemu = emulation.step(name)
        foreign += [qemu, debian.foreign(where, tool, hub, qemu, name)]
    return [tool, root, hub, compiled, installer, *sdks, *foreign]


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
    step = programs()
    with locked(where, say_waiting):
        run_all([step], where, show)
    return program(where, [step], "dagger")
