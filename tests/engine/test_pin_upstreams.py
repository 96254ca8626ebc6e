"""`pin-upstreams` fetches what has no checksum and writes what really came."""

import hashlib
from pathlib import Path

import yaml
from live import REPO, Engine
from standin.internet import Internet
from standin.packages import run

PROTOC = "github.com/protocolbuffers/protobuf/releases/download/v27.1/protoc-27.1-linux-x86_64.zip"


def test_checksums_and_commits_are_those_of_the_bytes_and_the_rest_stays_as_it_was(
    engine: Engine, internet: Internet, stocked_image: str, tmp_path: Path
) -> None:
    out = tmp_path / "upstreams.yaml"
    flags = ("--mirror", internet.url, "--image", stocked_image)
    done = engine.dagger("call", "-o", str(out), "pin-upstreams", *flags)
    assert done.returncode == 0, done.stderr[-3000:]
    before = (REPO / "matrix/upstreams.yaml").read_text()
    text = out.read_text()
    file = yaml.safe_load(text)
    protoc = hashlib.sha256((internet.www / PROTOC).read_bytes()).hexdigest()
    assert file["downloads"][0]["sha256"] == protoc
    commit = run("git", "-C", internet.www / "github.com/grpc/grpc", "rev-parse", "v1.65.0")
    assert file["repositories"][0]["commit"] == commit.strip()
    # CMake's sources are not in the stand-in: told, and left for the next time.
    assert next(d for d in file["downloads"] if d["name"] == "cmake")["sha256"] is None
    assert "cmake 3.31.10: localai-ci: could not fetch" in done.stderr
    changed = [
        (old, new)
        for old, new in zip(before.splitlines(), text.splitlines(), strict=True)
        if old != new
    ]
    assert all(old.strip() in {"sha256: null", "commit: null"} for old, _ in changed)


def test_a_mirror_that_asks_for_a_login_gets_it_from_apt_too(
    engine: Engine, internet: Internet, stocked_image: str, tmp_path: Path
) -> None:
    login = "login standin password canary-of-a-mirror\n"
    netrc = tmp_path / "netrc"
    netrc.write_text(
        f"machine {engine.address} {login}"
        f"machine http://{engine.address}:5009 {login}"  # apt wants the scheme where it is not TLS
    )
    out = tmp_path / "upstreams.yaml"
    pin = ("call", "-o", str(out), "pin-upstreams", "--image", stocked_image)
    mirror = ("--mirror", internet.faulty("auth", ""))
    refused = engine.dagger(*pin, *mirror)
    assert refused.returncode != 0
    assert f"{stocked_image}: step apt failed" in refused.stderr
    done = engine.dagger(*pin, *mirror, "--mirror-credentials", f"file://{netrc}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "canary-of" not in done.stderr + out.read_text()


def test_when_nothing_can_be_read_it_says_so_and_writes_nothing(
    engine: Engine, internet: Internet, tmp_path: Path
) -> None:
    out = tmp_path / "upstreams.yaml"
    mirror = internet.faulty("404", "")
    done = engine.dagger("call", "-o", str(out), "pin-upstreams", "--mirror", mirror)
    assert done.returncode != 0
    assert "none of the unverified upstreams could be read" in done.stderr
    assert not out.exists()
