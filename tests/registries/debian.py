"""Debian's docker-registry as a process on loopback, its data in a folder of the test."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from registries.ports import free_port

PACKAGES = "docker-registry skopeo apache2-utils openssl"


def program(name: str) -> str:
    """The path of an installed program; the test fails with the remedy where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: apt-get install -y {PACKAGES}", pytrace=False)
    return found


def output(name: str, *arguments: str, **environment: str) -> str:
    """What another program prints; it must succeed."""
    done = subprocess.run(
        [program(name), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{name} {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@dataclass
class Process:
    """A running registry."""

    address: str
    folder: Path
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        with log:
            self._running = subprocess.Popen(
                [program("docker-registry"), "serve", str(self.folder / "config.yml")],
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "none"},
            )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                httpx.get(f"http://{self.address}/v2/", timeout=1)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"docker-registry did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        if self._running is not None:
            self._running.terminate()
            self._running.wait(10)
            self._running = None

    def collect_garbage(self) -> None:
        """Delete all untagged manifests and what only they held, as quay does after an hour."""
        subprocess.run(
            [
                program("docker-registry"),
                "garbage-collect",
                "--delete-untagged",
                str(self.folder / "config.yml"),
            ],
            check=True,
            capture_output=True,
        )


@contextmanager
def registry(
    folder: Path, auth: Mapping[str, Any] | None = None, *, log_requests: bool = False
) -> Iterator[Process]:
    """Start one on a free port.

    Args:
        folder: An empty folder for its data, configuration and log.
        auth: The ``auth`` section of its configuration.
        log_requests: A line for each request in its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": not log_requests}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data"), "maxthreads": 100},
            "delete": {"enabled": True},
        },
        "http": {"addr": address, "secret": "shared by all uploads of a test"},
    }
    if auth:
        config["auth"] = dict(auth)
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    process = Process(address, folder)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def htpasswd(folder: Path, user: str, password: str) -> Mapping[str, Any]:
    """The configuration of basic authentication for one user."""
    folder.mkdir(parents=True, exist_ok=True)
    line = subprocess.run(
        [program("htpasswd"), "-niBC", "4", user],
        input=password.encode(),
        check=True,
        capture_output=True,
    ).stdout
    (folder / "htpasswd").write_bytes(line)
    return {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
