"""What a script sees of a call that goes wrong: never exit code 0."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from dagger_engine import REPO, Engine

CONTAINER = ("core", "container", "from", "--address=debian:bookworm")


def test_a_function_that_raises_exits_with_an_error_and_says_why_once(engine: Engine) -> None:
    done = engine.call("build-base", "--variant", "cuda-99-amd64", "with-exec", "--args=true")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "there is no variant 'cuda-99-amd64'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_step_that_fails_exits_with_an_error(engine: Engine) -> None:
    done = engine.dagger(*CONTAINER, "with-exec", "--args=sh,-c,exit 7", "stdout")
    assert done.returncode != 0
    assert "exit code: 7" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("variants", "--no-such-flag"),
        ("no-such-function",),
        ("build-base",),
        ("build-base", "--variant", "debian-amd64", "no-such-function"),
    ],
)
def test_an_unknown_flag_or_function_and_a_missing_flag_exit_with_an_error(
    engine: Engine, arguments: tuple[str, ...]
) -> None:
    done = engine.call(*arguments)
    assert done.returncode != 0
    assert done.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_call_that_is_cancelled_exits_with_an_error(
    engine: Engine, sign: signal.Signals, tmp_path: Path
) -> None:
    sleep = f"--args=sh,-c,echo {time.time()}; sleep 120"
    log = tmp_path / "log"
    with log.open("w") as file:
        call = subprocess.Popen(
            [REPO / "daggerw", "--progress=plain", *CONTAINER, "with-exec", sleep, "stdout"],
            env=engine.environ, cwd=REPO, stdout=subprocess.DEVNULL, stderr=file,
        )  # fmt: skip
        until = time.monotonic() + 60
        while "sleep 120" not in log.read_text():
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        call.send_signal(sign)
        assert call.wait(60) != 0


def test_a_module_that_cannot_be_loaded_exits_with_an_error(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "dagger.json").write_text('{"name": "x", "sdk": {"source": "python"}}')
    assert engine.dagger("functions", cwd=tmp_path).returncode != 0
