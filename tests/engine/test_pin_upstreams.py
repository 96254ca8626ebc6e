"""`pin-upstreams` fetches what has no checksum and writes what really came."""

import hashlib
from pathlib import Path

import yaml
from dagger_engine import REPO, Done, Engine, arranged, module_copy
from fake_upstreams.internet import Internet
from fake_upstreams.packages import run

PROTOC = "github.com/protocolbuffers/protobuf/releases/download/v27.1/protoc-27.1-linux-x86_64.zip"


def pin(engine: Engine, module: Path, *flags: str) -> Done:
    """The difference, applied to this copy of the module."""
    return engine.dagger("call", "-y", *arranged(("pin-upstreams", *flags)), cwd=module)


def test_checksums_and_commits_are_those_of_the_bytes_and_the_rest_stays_as_it_was(
    engine: Engine, internet: Internet, prepared_image: str, tmp_path: Path
) -> None:
    copy = module_copy(tmp_path)
    out = copy / "matrix/upstreams.yaml"
    done = pin(engine, copy, "--mirror", internet.url, "--image", prepared_image)
    assert done.returncode == 0, done.stderr[-3000:]
    before = (REPO / "matrix/upstreams.yaml").read_text()
    text = out.read_text()
    file = yaml.safe_load(text)
    protoc = hashlib.sha256((internet.www / PROTOC).read_bytes()).hexdigest()
    assert file["downloads"][0]["sha256"] == protoc
    commit = run("git", "-C", internet.www / "github.com/grpc/grpc", "rev-parse", "v1.65.0")
    assert file["repositories"][0]["commit"] == commit.strip()
    # CMake's sources are not among the fake upstreams: told, and left for the next time.
    assert next(d for d in file["downloads"] if d["name"] == "cmake")["sha256"] is None
    assert "cmake 3.31.10: localai-ci: could not fetch" in done.stderr
    changed = [
        (old, new)
        for old, new in zip(before.splitlines(), text.splitlines(), strict=True)
        if old != new
    ]
    assert all(old.strip() in {"sha256: null", "commit: null"} for old, _ in changed)


def test_a_mirror_that_asks_for_a_login_gets_it_from_apt_too(
    engine: Engine, internet: Internet, prepared_image: str, tmp_path: Path
) -> None:
    login = "login fake password canary-of-a-mirror\n"
    netrc = tmp_path / "netrc"
    netrc.write_text(
        f"machine {engine.address} {login}"
        f"machine http://{engine.address}:5009 {login}"  # apt wants the scheme where it is not TLS
    )
    copy = module_copy(tmp_path)
    flags = ("--image", prepared_image, "--mirror", internet.faulty("auth", ""))
    refused = pin(engine, copy, *flags)
    assert refused.returncode != 0
    assert f"{prepared_image}: step apt failed" in refused.stderr
    done = pin(engine, copy, *flags, "--mirror-credentials", f"file://{netrc}")
    assert done.returncode == 0, done.stderr[-3000:]
    written = (copy / "matrix/upstreams.yaml").read_text()
    assert written != (REPO / "matrix/upstreams.yaml").read_text()
    assert "canary-of" not in done.stderr + written


def test_when_nothing_can_be_read_it_says_so_and_writes_nothing(
    engine: Engine, internet: Internet, tmp_path: Path
) -> None:
    copy = module_copy(tmp_path)
    done = pin(engine, copy, "--mirror", internet.faulty("404", ""))
    assert done.returncode != 0
    left = (copy / "matrix/upstreams.yaml").read_text()
    assert left == (REPO / "matrix/upstreams.yaml").read_text()
    assert "none of the unverified upstreams could be read" in done.stderr
