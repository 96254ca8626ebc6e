"""`build-base` on the real engine: the debian base does what consumers ask of it."""

import json
import time
from pathlib import Path

import pytest
from dagger_engine import REPO, Engine, executed, module_with

DEBIAN = ("build-base", "--variant", "debian-amd64")


def test_the_readmes_first_command_prints_what_was_asked(engine: Engine) -> None:
    out = engine.ok(*DEBIAN, "with-exec", "--args=protoc,--version", "stdout")
    assert out == "libprotoc 3.21.12"


@pytest.mark.parametrize("prefix", ["copied", "in-place"])
def test_a_grpc_client_and_server_compile_and_answer(engine: Engine, prefix: str) -> None:
    """Consumers copy /opt/grpc into /usr/local, or use it where it lies."""
    copy = "cp -a /opt/grpc/. /usr/local/ && " if prefix == "copied" else ""
    script = (
        f"{copy}cmake -S /src -B /build -DCMAKE_CXX_COMPILER_LAUNCHER=ccache"
        " && cmake --build /build && /build/greeter --name=you"
    )
    out = engine.ok(
        *DEBIAN,
        "with-directory",
        "--path=/src",
        f"--source={REPO / 'tests/fixtures/greeter'}",
        "with-exec",
        f'--args="sh","-euc","{script}"',
        "stdout",
    )
    assert out.splitlines()[-1] == "Hello, you, from gRPC 1.51.1"


def test_every_tool_is_what_the_variant_says(engine: Engine) -> None:
    report = json.loads(engine.ok("base", "toolchain", "--variant", "debian-amd64", "--as-json"))
    tools = report["tools"]
    assert tools["release"] == "debian 12"
    assert tools["machine"] == "x86_64"
    for tool, version in {"protoc": "3.21.", "cmake": "3.25.", "grpc": "1.51."}.items():
        assert tools[tool].startswith(version)
    assert tools["protobuf"] == tools["protoc"]
    assert "ccache" in tools
    assert set(report["bytes_by_step"]) == {"image", "apt", "cmake", "protoc", "grpc"}
    assert min(report["bytes_by_step"].values()) > 1_000_000


def test_the_image_has_no_build_variable(engine: Engine) -> None:
    report = json.loads(engine.ok("base", "toolchain", "--variant", "debian-amd64", "--as-json"))
    assert set(report["environment"]) <= {"PATH", "container"}


def test_a_second_build_executes_no_step(engine: Engine) -> None:
    engine.ok(*DEBIAN, "sync")
    nonce = str(time.time_ns())
    again = engine.call(*DEBIAN, "with-exec", f"--args=echo,{nonce}", "stdout")
    assert again.stdout.strip() == nonce
    assert executed(again) == [f"echo {nonce}"]


def test_a_changed_field_rebuilds_only_what_depends_on_it(engine: Engine, tmp_path: Path) -> None:
    """The version that gRPC must have is asked of the finished base: no step is rebuilt for it."""
    engine.ok(*DEBIAN, "sync")
    module = module_with(tmp_path, "variants.yaml", 'grpc: "1.51"', 'grpc: "1.50"')
    done = engine.call(*DEBIAN, "sync", cwd=module)
    assert done.returncode != 0
    assert "grpc is 1.51.1, promised 1.50" in done.stderr
    assert executed(done) == []


def test_an_unknown_variant_is_told_in_words_without_a_traceback(engine: Engine) -> None:
    done = engine.call("build-base", "--variant", "debian-amd46")
    assert done.returncode != 0
    assert "no variant 'debian-amd46'. Did you mean 'debian-amd64'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_architecture_says_what_it_needs(engine: Engine) -> None:
    done = engine.call("build-base", "--variant", "debian-arm64", "sync")
    if done.returncode == 0:
        pytest.skip("this engine runs arm64")
    assert "does not run on this engine, which is linux/amd64" in done.stderr
    assert "./daggerw engine start --emulate arm64" in done.stderr
    assert "ubuntu-24.04-arm" in done.stderr


def test_an_unreachable_archive_names_its_url_and_the_mirror_flag(engine: Engine) -> None:
    done = engine.call(*DEBIAN, "--apt-mirror", "http://127.0.0.9:1", "sync")
    assert done.returncode != 0
    assert "step apt failed" in done.stderr
    assert "could not fetch http://127.0.0.9:1/debian" in done.stderr
    assert "--apt-mirror URL" in done.stderr


def test_an_unreachable_image_names_it_and_the_flag(engine: Engine) -> None:
    done = engine.call(*DEBIAN, "--base-image", "127.0.0.9:1/none:none", "sync")
    assert done.returncode != 0
    assert "the base image 127.0.0.9:1/none:none was not found" in done.stderr
    assert "--base-image REF" in done.stderr
