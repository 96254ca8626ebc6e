"""Registries that this project did not write, each as its own people start it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from registries import debian
from registries.ports import free_port
from registries.tools import built


def crane(folder: Path) -> AbstractContextManager[str]:
    """`crane registry serve`: keeps what it is given, and looks at nothing in it."""
    port = free_port()
    command = [str(built("crane")), "registry", "serve", "--address", f"127.0.0.1:{port}"]
    return _started(folder, command, port)


def distribution(folder: Path) -> AbstractContextManager[str]:
    """The CNCF's registry, version 3."""
    port = free_port()
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{port}", "secret": "of a test"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    return _started(folder, [str(built("registry")), "serve", str(folder / "config.yml")], port)


@contextmanager
def debians(folder: Path) -> Iterator[str]:
    """Debian's docker-registry 2.8."""
    with debian.registry(folder) as made:
        yield made.address


FOREIGN: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {
    "crane 0.22": crane,
    "distribution 3": distribution,
    "Debian's docker-registry 2.8": debians,
}


@contextmanager
def _started(folder: Path, command: list[str], port: int) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "OTEL_TRACES_EXPORTER": "none"},
        )  # fmt: skip
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://{address}/v2/", timeout=1)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                break
        else:
            pytest.fail(f"{command[0]} did not start: {(folder / 'log').read_text()[-2000:]}")
        yield address
    finally:
        running.terminate()
        running.wait(10)
