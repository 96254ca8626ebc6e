"""Which engine a call uses: one given by the environment, a container's, or the native one."""

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

from native.errors import EngineError
from native.home import VERSION, numbers

# What Dagger's own CLI reads; any of them means that somebody has already chosen.
GIVEN_BY = ("_EXPERIMENTAL_DAGGER_RUNNER_HOST", "DAGGER_CLOUD_ENGINE", "DAGGER_SESSION_PORT")

# In the order in which Dagger's CLI tries them. It takes the first one on PATH and fails if that
# one does not answer, so a second one that would work is of no use.
RUNTIMES = ("docker", "podman", "finch", "nerdctl")

RUNTIME_SECONDS = 10
INSTALLER = "https://dl.dagger.io/dagger/install.sh"


class Detected(NamedTuple):
    """What the choice depends on."""

    given_by: str = ""
    """The environment variable that names an engine; empty if none does."""
    forced: str = ""
    """LOCALAI_CI_ENGINE."""
    dagger: str = ""
    """The `dagger` on PATH; empty if there is none."""
    runtime: str = ""
    """The container runtime that `dagger` would take; empty if there is none."""
    runtime_works: bool = False
    linux: bool = True
    version: str = ""
    """Of that `dagger`, as it says itself; empty if it was not asked or says none."""


class Choice(NamedTuple):
    """The engine to use and, for the user, why."""

    kind: str
    """environment, container or native."""
    why: str


def choose(detected: Detected) -> Choice:
    """Decide; raises EngineError when what is asked for is not here."""
    if detected.forced not in ("", "native", "container"):
        raise EngineError(
            f"LOCALAI_CI_ENGINE is {detected.forced!r}, expected native or container",
            "unset it to let daggerw choose",
        )
    if detected.given_by and not detected.forced:
        _demand_version(detected)
        return Choice("environment", f"the engine that {detected.given_by} names")
    if detected.forced == "native":
        return Choice("native", "native engine, as LOCALAI_CI_ENGINE says")
    obstacle = _obstacle(detected)
    if not obstacle:
        _demand_version(detected)
        return Choice("container", f"{detected.dagger} with {detected.runtime}")
    if detected.forced == "container":
        raise EngineError(
            f"LOCALAI_CI_ENGINE=container cannot be met: {obstacle}",
            "install or start what is missing, or use LOCALAI_CI_ENGINE=native",
        )
    if not detected.linux:
        raise EngineError(
            f"no engine here: {obstacle}",
            "the native engine needs Linux: install dagger and a container runtime",
        )
    return Choice("native", f"native engine ({obstacle})")


def _demand_version(detected: Detected) -> None:
    """Refuse a `dagger` that could not load the module, before it does anything."""
    if detected.version and numbers(detected.version) < numbers(VERSION):
        raise EngineError(
            f"{detected.dagger} is Dagger {detected.version}, and this module needs {VERSION} or"
            f" newer: `curl -fsSL {INSTALLER} | DAGGER_VERSION={VERSION[1:]}"
            " BIN_DIR=$HOME/.local/bin sh` installs it, LOCALAI_CI_ENGINE=native does without"
        )


def _obstacle(detected: Detected) -> str:
    if not detected.dagger:
        return "no dagger on PATH"
    if not detected.runtime:
        return f"no container runtime on PATH: {', '.join(RUNTIMES)}"
    if not detected.runtime_works:
        return f"{detected.runtime} is installed but does not answer"
    return ""


def detect(environ: Mapping[str, str]) -> Detected:
    """What this machine has; starts the container runtime's client only where it decides."""
    forced = environ.get("LOCALAI_CI_ENGINE", "")
    given_by = next((name for name in GIVEN_BY if environ.get(name)), "")
    path = environ.get("PATH", "")
    dagger = which("dagger", path)
    runtime = next((name for name in RUNTIMES if which(name, path)), "")
    asked = dagger and runtime and forced != "native" and not (given_by and not forced)
    works = bool(asked) and answers(runtime)
    uses_it = works or (given_by and not forced)
    version = version_of(dagger) if dagger and uses_it else ""
    return Detected(given_by, forced, dagger, runtime, works, sys.platform == "linux", version)


def which(program: str, path: str) -> str:
    """Find a program; shutil.which would cost its import on every call."""
    for folder in path.split(os.pathsep):
        found = f"{folder}/{program}"
        if folder and os.access(found, os.X_OK) and not os.path.isdir(found):  # noqa: PTH112
            return found
    return ""


def version_of(dagger: str) -> str:
    """The version that a `dagger` says it is; empty where it says none, as one made by hand.

    Raises EngineError where it cannot be run or does not answer: no call of it would.
    """
    import re
    import subprocess

    try:
        asked = subprocess.run(
            [dagger, "version"], capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, errors="replace", timeout=RUNTIME_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        reason = f"does not say its version within {RUNTIME_SECONDS} s"
    except OSError as e:
        reason = f"cannot be run: {e.strerror}"
    else:
        reason = ""
    if reason:
        raise EngineError(
            f"{dagger} {reason}",
            "take it off PATH or repair it, or use LOCALAI_CI_ENGINE=native",
        )
    said = re.match(r"dagger (v\d+\.\d+\.\d+)\b", asked.stdout)
    return said[1] if said else ""


def demand_engine(address: str) -> None:
    """Refuse a socket or port where nothing listens: Dagger's CLI waits ten minutes for it."""
    import socket
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        match parts.scheme:
            case "unix":
                with socket.socket(socket.AF_UNIX) as tried:
                    tried.settimeout(RUNTIME_SECONDS)
                    tried.connect(parts.netloc + parts.path)
            case "tcp" | "tls":
                place = (parts.hostname or "", parts.port or 0)
                socket.create_connection(place, RUNTIME_SECONDS).close()
            case _:
                pass  # Started or tunnelled by the CLI itself, which says at once what it lacks.
    except (OSError, ValueError) as e:
        raise EngineError(
            f"the engine at {address} does not answer: {e}",
            "start it, or correct or unset _EXPERIMENTAL_DAGGER_RUNNER_HOST",
        ) from e


def answers(runtime: str) -> bool:
    """Ask the runtime for its containers: a client without a server fails."""
    import subprocess

    try:
        listed = subprocess.run(
            [runtime, "ps"], capture_output=True, check=False, timeout=RUNTIME_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0
