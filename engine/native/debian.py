"""What comes from Debian: the engine's own root and, without Docker Hub, `debian:bookworm`."""

import http.client
import os
import shlex
import subprocess
from pathlib import Path

from native import emulation, oci
from native.home import ARCHITECTURE, Home, digest
from native.steps import Step, Work

SUITE = "bookworm"
PACKAGES = (
    "ca-certificates", "containernetworking-plugins", "dnsmasq-base", "docker-registry", "git",
    "iproute2", "iptables", "nftables", "openssh-client", "openssl", "python3", "python3-pip",
    "python3-venv", "runc", "tini", "util-linux",
)  # fmt: skip
TOOL_PACKAGES = ("mmdebstrap", "debian-archive-keyring")
IMAGE, IMAGE_PACKAGES = "library/debian", ("ca-certificates",)
STORE = "srv/mirror"
MIRROR = "127.0.0.1:5999"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# mmdebstrap copies both from the host; an image must not know where it was made.
NAMELESS = ': >"$1/etc/resolv.conf"; echo localhost >"$1/etc/hostname"'
REMEDY = "are Debian's packages reachable (`apt-get update`)?"


def tool() -> Step:
    """The package that makes Debian roots, and Debian's keys, unpacked, not installed."""

    def make(work: Work) -> None:
        work.run("apt-get", "download", *TOOL_PACKAGES)
        for package in work.folder.glob("*.deb"):
            work.run("dpkg-deb", "-x", package, work.out)

    return Step(
        "mmdebstrap", "fetch mmdebstrap", digest(TOOL_PACKAGES), make,
        "run `apt-get update`",
    )  # fmt: skip


def root(where: Home, mmdebstrap: Step) -> Step:
    """The engine's root, unpacked, and as the layer that the SDK's image stands on."""

    def make(work: Work) -> None:
        _mmdebstrap(work, mmdebstrap.out(where), PACKAGES, work.out / "root.tar")
        (work.out / "root").mkdir()
        work.run("tar", "-xpf", work.out / "root.tar", "-C", work.out / "root")

    key = digest([SUITE, PACKAGES, sources()])
    title = "make the engine's root from Debian packages"
    return Step("root", title, key, make, REMEDY, (mmdebstrap,))


def mirror(where: Home, mmdebstrap: Step) -> Step:
    """A registry that answers for Docker Hub's debian:bookworm; empty where the Hub is there."""

    def make(work: Work) -> None:
        if docker_hub_answers():
            return
        tar, blobs = work.folder / "debian.tar", work.folder / "blobs"
        _mmdebstrap(work, mmdebstrap.out(where), IMAGE_PACKAGES, tar)
        manifest = oci.image(blobs, [tar], ARCHITECTURE)
        oci.registry(work.out / STORE, IMAGE, SUITE, blobs, [manifest])
        tar.unlink()
        config = work.out / "etc/localai-ci"
        config.mkdir(parents=True)
        (config / "mirror.yml").write_text(
            f"{{version: 0.1, http: {{addr: '{MIRROR}'}}, storage: {{filesystem: "
            f"{{rootdirectory: /{STORE}}}, maintenance: {{readonly: {{enabled: true}}}}}}}}\n"
        )

    key = digest([SUITE, MIRROR, IMAGE_PACKAGES, sources()])
    title = "see whether Docker Hub answers, else mirror it"
    return Step("mirror", title, key, make, REMEDY, (mmdebstrap,))


def foreign(where: Home, mmdebstrap: Step, native: Step, emulator: Step, architecture: str) -> Step:
    """The same image for an emulated architecture; it lies over the mirror and takes its tag."""

    def make(work: Work) -> None:
        if not (native.out(where) / STORE).exists():
            return
        tar, blobs = work.folder / "debian.tar", work.folder / "blobs"
        prefix = emulation.within(emulation.rule(where, emulator, architecture))
        tool = mmdebstrap.out(where)
        _mmdebstrap(work, tool, IMAGE_PACKAGES, tar, architecture=architecture, prefix=prefix)
        emulation.unregister(where)
        manifest = oci.image(blobs, [tar], architecture)
        size = (blobs / manifest.removeprefix("sha256:")).stat().st_size
        known = oci.registered(native.out(where) / STORE, IMAGE, SUITE)
        both = oci.index(blobs, {ARCHITECTURE: known, architecture: (manifest, size)})
        # It holds this machine's image too, so that the two can never be of different makes.
        for data in (native.out(where) / STORE / oci.STORAGE).glob("blobs/sha256/*/*/data"):
            os.link(data, blobs / data.parent.name)
        oci.registry(work.out / STORE, IMAGE, SUITE, blobs, [manifest, known[0], both])
        tar.unlink()

    key = digest([native.key, emulator.key])
    title = f"the same for {architecture}, emulated (minutes)"
    needs = (mmdebstrap, native, emulator)
    return Step(f"mirror-{architecture}", title, key, make, REMEDY, needs)


def _mmdebstrap(
    work: Work,
    unpacked: Path,
    packages: tuple[str, ...],
    target: Path,
    *,
    architecture: str = ARCHITECTURE,
    prefix: tuple[str, ...] = (),
) -> None:
    work.run(
        *prefix, "perl", unpacked / "usr/bin/mmdebstrap", "--mode=root", "--variant=minbase",
        f"--include={','.join(packages)}", f"--keyring={unpacked}/usr/share/keyrings",
        f"--customize-hook={NAMELESS}", *(f"--aptopt={option}" for option in apt_options()),
        # The kernel holds the emulator open; mmdebstrap would look for a copy in the new root.
        f"--architectures={architecture}", "--skip=check/qemu",
        SUITE, target, *sources(),
        environ={"SOURCE_DATE_EPOCH": "0", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip


def sources() -> list[str]:
    """The host's own Debian sources of that suite; none lets mmdebstrap take the usual ones."""
    form = "$(ORIGIN) $(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    rows = [line.split(" ", 2) for line in listed.stdout.splitlines()]
    return sorted(
        {line for origin, name, line in rows if origin == "Debian" and name.startswith(SUITE)}
    )


def apt_options() -> list[str]:
    """The host's proxies and its leave to use an old snapshot."""
    names = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until")
    dump = subprocess.run(
        ["apt-config", "dump", *names], capture_output=True, text=True, check=False
    )
    return dump.stdout.splitlines()


def docker_hub_answers() -> bool:
    """Whether images can be pulled from Docker Hub: its registry answers, not a proxy's error."""
    hub = http.client.HTTPSConnection("registry-1.docker.io", timeout=5)
    try:
        hub.request("GET", "/v2/")
        answer = hub.getresponse()
    except OSError:
        return False
    finally:
        hub.close()
    return (
        answer.status in (200, 401)
        and answer.getheader("docker-distribution-api-version") is not None
    )


def chroot(work: Work, folder: Path, command: str) -> None:
    """Run a command inside a Debian root, with the host's DNS and certificates; /mnt is ``out``."""
    inside = shlex.quote(str(folder))
    files = " && ".join(
        f"mount --bind {file} {inside}{file}"
        for file in (BUNDLE, "/etc/resolv.conf")
        if Path(file).exists() and (folder / file[1:]).exists()
    )
    work.run(
        "sh", "-ec",
        f"{files or ':'}\nmount --bind {shlex.quote(str(work.out))} {inside}/mnt\n"
        f"exec chroot {inside} {command}",
        environ={"PIP_CERT": BUNDLE, "SSL_CERT_FILE": BUNDLE, "PIP_ROOT_USER_ACTION": "ignore"},
    )  # fmt: skip
