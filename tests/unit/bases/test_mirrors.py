"""Mirrors: one rule for every upstream, and nothing of it stays in the image."""

import re
import subprocess
from pathlib import Path

import pytest

from localai_ci.bases.mirrors import Mirrors
from localai_ci.config.variants import load_variants
from localai_ci.errors import InputError

UBUNTU = """\
Types: deb
URIs: http://archive.ubuntu.com/ubuntu/
Suites: noble noble-updates
"""
PORTS = "deb http://ports.ubuntu.com/ubuntu-ports/ jammy main\n"
SECURITY = "deb http://security.ubuntu.com/ubuntu noble-security main\n"
CUDA = "deb [signed-by=/k.gpg] https://developer.download.nvidia.com/compute/cuda/repos/x/ /\n"


def rewritten(mirrors: Mirrors, text: str, tmp_path: Path) -> str:
    """What apt reads while a step runs: the rendered sed, run for real on a sources file."""
    script = mirrors.apt("install nothing")
    (sed,) = re.findall(r"sed -Ei (.*)", script) or [""]
    path = tmp_path / "test.list"
    path.write_text(text)
    if sed:
        subprocess.run(["bash", "-euc", f"sed -Ei {sed} {path}"], check=True)
    return path.read_text()


def test_without_mirrors_sources_stay_untouched() -> None:
    assert "sed" not in Mirrors().apt("install x")


def test_an_upstream_is_found_below_the_mirror_by_host_and_path() -> None:
    mirrors = Mirrors("http://mirror.example:8080/")
    assert (
        mirrors.url("https://github.com/grpc/grpc")
        == "http://mirror.example:8080/github.com/grpc/grpc"
    )


@pytest.mark.parametrize(
    ("mirrors", "text", "expected"),
    [
        (Mirrors(apt_mirror="http://m/ubuntu"), UBUNTU, "URIs: http://m/ubuntu/\n"),
        (Mirrors(apt_mirror="http://m/ubuntu"), SECURITY, "deb http://m/ubuntu/ noble-security"),
        (Mirrors(apt_mirror="http://m/ubuntu"), PORTS, "http://ports.ubuntu.com/"),
        (Mirrors(apt_ports_mirror="http://p/ubuntu-ports"), PORTS, "http://p/ubuntu-ports/ jammy"),
        (
            Mirrors(apt_mirror="http://m"),
            "deb http://d.example/debian bookworm main\n",
            "deb http://m/debian bookworm",
        ),
        (
            Mirrors(apt_mirror="http://m"),
            "URIs: http://d.example/debian-security\n",
            "URIs: http://m/debian-security\n",
        ),
        (Mirrors("http://m"), CUDA, "http://m/developer.download.nvidia.com/compute/cuda/repos/x/"),
        (Mirrors("http://m"), UBUNTU, "http://archive.ubuntu.com/ubuntu/"),
        (Mirrors("http://m", apt_mirror="http://a/u"), UBUNTU, "URIs: http://a/u/\n"),
        (
            Mirrors(apt_snapshot="20260101T000000Z"),
            UBUNTU,
            "http://snapshot.ubuntu.com/ubuntu/20260101T000000Z/\n",
        ),
        (
            Mirrors("http://m", apt_snapshot="20260101T000000Z"),
            PORTS,
            "http://m/snapshot.ubuntu.com/ubuntu/20260101T000000Z/ jammy",
        ),
    ],
)
def test_apt_reads_through_the_mirrors(
    tmp_path: Path, mirrors: Mirrors, text: str, expected: str
) -> None:
    assert expected in rewritten(mirrors, text, tmp_path)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mirror": "ftp://m"}, "not an http"),
        ({"mirror": "http://m'; rm -rf /"}, "not an http"),
        ({"apt_snapshot": "yesterday"}, "20260101T000000Z"),
        ({"apt_snapshot": "20260101T000000Z", "apt_mirror": "http://m"}, "cannot both"),
    ],
)
def test_a_bad_mirror_is_refused_before_anything_runs(fields: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        Mirrors(**fields)


def test_a_snapshot_is_refused_where_the_archive_is_not_ubuntus() -> None:
    with pytest.raises(InputError, match="not Ubuntu"):
        Mirrors(apt_snapshot="20260101T000000Z").check(load_variants().get("debian-amd64"))


def test_a_login_in_a_mirrors_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="--mirror-credentials") as caught:
        Mirrors(mirror="https://me:hunter2@mirror.example")
    assert "hunter2" not in str(caught.value)
