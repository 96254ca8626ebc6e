"""Which engine ./daggerw takes, by the rules and by stand-in programs on PATH."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from native import choice as choosing
from native.choice import Detected, choose
from native.errors import EngineError
from native.home import VERSION

REPO = Path(__file__).parents[2]

DOCKER = Detected(dagger="/bin/dagger", runtime="docker", runtime_works=True)


@pytest.mark.parametrize(
    ("detected", "kind"),
    [
        (Detected(given_by="DAGGER_CLOUD_ENGINE"), "environment"),
        (DOCKER._replace(given_by="_EXPERIMENTAL_DAGGER_RUNNER_HOST"), "environment"),
        (DOCKER, "container"),
        (DOCKER._replace(forced="native"), "native"),
        (DOCKER._replace(forced="container"), "container"),
        (DOCKER._replace(forced="native", given_by="DAGGER_SESSION_PORT"), "native"),
        (DOCKER._replace(runtime_works=False), "native"),
        (DOCKER._replace(runtime=""), "native"),
        (DOCKER._replace(dagger=""), "native"),
        (Detected(), "native"),
    ],
)
def test_the_environment_wins_then_a_working_container_runtime_then_the_native_engine(
    detected: Detected, kind: str
) -> None:
    assert choose(detected).kind == kind


def test_the_reason_names_what_stands_in_the_way() -> None:
    assert (
        "docker is installed but does not answer"
        in choose(DOCKER._replace(runtime_works=False)).why
    )


@pytest.mark.parametrize(
    ("detected", "message"),
    [
        (Detected(forced="podman"), "LOCALAI_CI_ENGINE is 'podman'"),
        (Detected(forced="container"), "no dagger on PATH"),
        (DOCKER._replace(forced="container", runtime=""), "no container runtime on PATH: docker"),
        (DOCKER._replace(runtime_works=False, linux=False), "needs Linux"),
    ],
)
def test_what_is_missing_is_said_with_the_remedy(detected: Detected, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        choose(detected)


@pytest.mark.parametrize("version", ["v0.19.10", "v0.9.11"])
@pytest.mark.parametrize(
    "detected", [DOCKER, Detected(dagger="/bin/dagger", given_by="DAGGER_CLOUD_ENGINE")]
)
def test_an_older_dagger_is_refused_with_the_version_that_is_needed(
    detected: Detected, version: str
) -> None:
    with pytest.raises(EngineError) as refused:
        choose(detected._replace(version=version))
    said = str(refused.value)
    assert f"/bin/dagger is Dagger {version}, and this module needs {VERSION}" in said
    assert f"DAGGER_VERSION={VERSION[1:]}" in said
    assert "\n" not in said


@pytest.mark.parametrize("version", [VERSION, "v0.21.10", "v1.0.0", ""])
def test_the_same_or_a_newer_dagger_is_taken_and_one_that_does_not_say(version: str) -> None:
    assert choose(DOCKER._replace(version=version)).kind == "container"


def stand_ins(folder: Path, **programs: str) -> dict[str, str]:
    for name, script in programs.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("_EXPERIMENTAL", "DAGGER", "LOCALAI_CI"))
    }
    return kept | {"PATH": f"{folder}:/usr/bin:/bin", "LOCALAI_CI_CACHE": str(folder / "cache")}


def daggerw(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REPO / "daggerw", *arguments], env=environ, capture_output=True, text=True, check=False
    )


def saying(version: str) -> str:
    return (
        f'[ "$1" = version ] && echo "dagger {version} (image) linux/amd64" && exit; echo "got $*"'
    )


def test_an_older_dagger_on_path_does_nothing_but_say_what_is_needed(tmp_path: Path) -> None:
    done = daggerw(stand_ins(tmp_path, dagger=saying("v0.19.10"), docker="exit 0"), "functions")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert f"needs {VERSION} or newer" in done.stderr


def test_a_newer_dagger_on_path_is_called(tmp_path: Path) -> None:
    environ = stand_ins(tmp_path, dagger=saying("v1.0.0-beta.10"), docker="exit 0")
    assert daggerw(environ, "functions").stdout == "got functions\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exec sleep 60", "does not say its version within"), ("\0", "cannot be run")],
)
def test_a_dagger_that_cannot_be_asked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    monkeypatch.setattr(choosing, "RUNTIME_SECONDS", 1)
    environ = stand_ins(tmp_path, dagger=script, docker="exit 0")
    monkeypatch.setenv("PATH", environ["PATH"])
    if script == "\0":
        (tmp_path / "dagger").write_bytes(b"\x7fELF\0")
    with pytest.raises(EngineError, match=f"{tmp_path}/dagger {reason}"):
        choosing.detect(environ)


TELL = 'echo "dagger got: $*; $_EXPERIMENTAL_DAGGER_RUNNER_HOST"'


def test_dagger_with_a_container_runtime_is_called_as_it_is(tmp_path: Path) -> None:
    environ = stand_ins(tmp_path, dagger=f"{TELL}; exit 3", docker="exit 0")
    done = daggerw(environ, "call", "build-base", "--variant", "two words")
    assert done.returncode == 3
    assert done.stdout == "dagger got: call build-base --variant two words; \n"
    assert done.stderr == f"daggerw: {tmp_path}/dagger with docker\n"


def test_an_engine_given_by_the_environment_is_left_alone(tmp_path: Path) -> None:
    environ = stand_ins(tmp_path, dagger=TELL, docker="exit 1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        environ["_EXPERIMENTAL_DAGGER_RUNNER_HOST"] = address
        done = daggerw(environ, "version")
    assert done.stdout == f"dagger got: version; {address}\n"
    assert "the engine that _EXPERIMENTAL_DAGGER_RUNNER_HOST names" in done.stderr


@pytest.mark.parametrize(
    "address", ["unix:///nowhere", "unix://", "tcp://127.0.0.1:1", "tcp://127.0.0.1", "tcp://[::1"]
)
def test_an_engine_that_does_not_answer_is_named_at_once(tmp_path: Path, address: str) -> None:
    environ = stand_ins(tmp_path, dagger=TELL, docker="exit 1")
    environ["_EXPERIMENTAL_DAGGER_RUNNER_HOST"] = address
    done = daggerw(environ, "functions")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"the engine at {address} does not answer" in done.stderr
    assert "_EXPERIMENTAL_DAGGER_RUNNER_HOST" in done.stderr


def test_a_forced_container_without_a_server_fails_and_says_why(tmp_path: Path) -> None:
    environ = stand_ins(tmp_path, dagger=TELL, docker="exit 1", podman="exit 0")
    done = daggerw(environ | {"LOCALAI_CI_ENGINE": "container"}, "version")
    assert done.returncode == 1
    assert "docker is installed but does not answer" in done.stderr
    assert done.stdout == ""


def test_an_unknown_engine_command_prints_the_usage(tmp_path: Path) -> None:
    done = daggerw(stand_ins(tmp_path), "engine", "strat")
    assert done.returncode == 1
    assert "no such engine command: 'strat'" in done.stderr
    assert "usage: ./daggerw engine" in done.stderr


def test_nothing_is_made_by_asking_for_status_or_a_stop(tmp_path: Path) -> None:
    environ = stand_ins(tmp_path)
    assert "not running" in daggerw(environ, "engine", "status").stdout
    assert daggerw(environ, "engine", "stop").returncode == 0
    assert not (tmp_path / "cache").exists()
