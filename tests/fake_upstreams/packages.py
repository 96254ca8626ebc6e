"""Real small Debian packages, and signed apt repositories of them."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "99.0-fake"  # above anything a distribution has


@dataclass(frozen=True)
class Package:
    """A package: files by absolute path; a file that starts with #! is executable."""

    name: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    depends: str = ""
    postinst: str = ""


def run(*args: str | Path, cwd: Path | None = None) -> str:
    """A program's output; its failure is the test's."""
    done = subprocess.run(args, cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout


class Key:
    """A throw-away signing key."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self._home = home
        self._gpg = ("gpg", "--homedir", str(home), "--batch", "--yes", "--quiet")
        uid = "fake <fake@localhost>"
        run(*self._gpg, "--passphrase", "", "--quick-generate-key", uid, "ed25519", "sign", "1d")

    def public(self, *, armored: bool) -> bytes:
        """The key as keyring files have it."""
        armor = ("--armor",) if armored else ()
        command = [*self._gpg, *armor, "--export"]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def close(self) -> None:
        """End the agent that gpg has started for this key."""
        run("gpgconf", "--homedir", self._home, "--kill", "all")

    def sign(self, release: Path) -> None:
        """Write InRelease beside a Release file."""
        out = release.with_name("InRelease")
        run(*self._gpg, "--clearsign", "--output", out, release)


def build(package: Package, target: Path) -> Path:
    """The .deb file of a package, in the folder ``target``."""
    tree = target / f".{package.name}"
    control = tree / "DEBIAN/control"
    control.parent.mkdir(parents=True)
    fields = {
        "Package": package.name,
        "Version": VERSION,
        "Architecture": "all",
        "Maintainer": "fake <fake@localhost>",
        "Depends": package.depends,
        "Description": f"stands in for {package.name}",
    }
    control.write_text("".join(f"{key}: {value}\n" for key, value in fields.items() if value))
    if package.postinst:
        script = control.with_name("postinst")
        script.write_text(f"#!/bin/sh\nset -e\n{package.postinst}\n")
        script.chmod(0o755)
    for path, content in package.files.items():
        file = tree / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        if file.read_bytes()[:2] == b"#!":
            file.chmod(0o755)
    deb = target / f"{package.name}_{VERSION}_all.deb"
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, deb)
    run("rm", "-r", tree)
    return deb


def flat_repository(folder: Path, key: Key, packages: list[Package]) -> None:
    """A repository whose sources line ends in ``/``: packages and index in one folder."""
    folder.mkdir(parents=True)
    for package in packages:
        build(package, folder)
    (folder / "Packages").write_text(run("apt-ftparchive", "packages", ".", cwd=folder))
    release = run("apt-ftparchive", "release", ".", cwd=folder)
    (folder / "Release").write_text(release)
    key.sign(folder / "Release")


def suite_repository(
    root: Path, key: Key, suite: str, component: str, packages: list[Package]
) -> None:
    """A repository of the usual shape, ``dists/SUITE/COMPONENT``, for both architectures."""
    pool = root / "pool"
    pool.mkdir(parents=True)
    for package in packages:
        build(package, pool)
    index = run("apt-ftparchive", "packages", "pool", cwd=root)
    dist = root / "dists" / suite
    for arch in ("amd64", "arm64"):
        binary = dist / component / f"binary-{arch}"
        binary.mkdir(parents=True)
        (binary / "Packages").write_text(index)
    options = (f"Suite={suite}", f"Components={component}", "Architectures=amd64 arm64")
    flags = [flag for o in options for flag in ("-o", f"APT::FTPArchive::Release::{o}")]
    (dist / "Release").write_text(run("apt-ftparchive", *flags, "release", ".", cwd=dist))
    key.sign(dist / "Release")
