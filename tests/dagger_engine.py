"""What tests on a real engine use: the engine, as a user reaches it, and reading its progress."""

import itertools
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from native.home import Home, home
from native.record import running

REPO = Path(__file__).parents[1]
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Engine:
    """``./daggerw`` with the engine it starts.

    Attributes:
        environ: What ``./daggerw`` is run with.
        address: Where a server started by ``exec`` is found by engine, containers and tests alike.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    address: str = ""

    def dagger(
        self, *arguments: str, cwd: Path = REPO, seconds: float = 900, stdin: str = ""
    ) -> Done:
        """Any command of Dagger's CLI; its answer is all that stands in stdout."""
        return subprocess.run(
            [REPO / "daggerw", "--progress=plain", *arguments],
            env=self.environ,
            cwd=cwd,
            timeout=seconds,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def call(
        self, *arguments: str, cwd: Path = REPO, seconds: float = 900, output: Path | None = None
    ) -> Done:
        """A function of the module in ``cwd``; never raises for its exit code.

        Args:
            arguments: What it is, then flags in any order, then what follows it: see `arranged`.
            cwd: The module's folder.
            seconds: How long it may take.
            output: Where the CLI writes what comes out, instead of printing it.
        """
        to = ("-o", str(output)) if output else ()
        return self.dagger("call", *to, *arranged(arguments), cwd=cwd, seconds=seconds)

    def ok(self, *arguments: str, cwd: Path = REPO, seconds: float = 900) -> str:
        """What a call prints; its failure is the test's, with the end of its log."""
        done = self.call(*arguments, cwd=cwd, seconds=seconds)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-6000:]}"
        return done.stdout.strip()

    def command(self, *arguments: str) -> Done:
        """``./daggerw engine …``."""
        return subprocess.run(
            [REPO / "daggerw", "engine", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def exec(self, *command: str) -> subprocess.Popen[str]:
        """Start a command of this machine in the engine's network; what it says is dropped."""
        return subprocess.Popen(
            [REPO / "daggerw", "engine", "exec", "--", *command],
            env=self.environ,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @contextmanager
    def serving(self, url: str, *command: str) -> Iterator[None]:
        """A server in the engine's network, from when ``url`` answers to the end of the block."""
        process = self.exec(*command)
        try:
            _wait_for(url, process)
            yield
        finally:
            process.terminate()
            process.wait(30)

    @contextmanager
    def fake_upstreams(self, www: Path, port: int, log: Path, ready: str = "") -> Iterator[str]:
        """A folder as upstreams below its address; yields that. ``ready`` is a path to wait for."""
        log.touch()
        url = f"http://{self.address}:{port}"
        server = (str(REPO / "tests/fake_upstreams/server.py"), str(www), self.address, str(port))
        with self.serving(f"{url}{ready}", "python3", *server, str(log)):
            yield url

    @contextmanager
    def registry(
        self, folder: Path, port: int, auth: Mapping[str, Any] | None = None
    ) -> Iterator[str]:
        """Debian's docker-registry in the engine's network; its data are in ``folder``."""
        host = f"{self.address}:{port}"
        config = {
            "version": 0.1,
            "storage": {
                "filesystem": {"rootdirectory": f"{folder}/data"},
                "delete": {"enabled": True},
            },
            "http": {"addr": host, "secret": "shared by all uploads of a test"},
        } | ({"auth": dict(auth)} if auth else {})
        path = folder / "config.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        with self.serving(f"http://{host}/", "docker-registry", "serve", str(path)):
            yield host


# Whose flag it is decides where it stands: the module's, an object's or a function's.
SETTINGS = {
    *("--mirror", "--mirror-credentials", "--apt-mirror", "--apt-ports-mirror", "--apt-snapshot"),
    *("--epoch", "--docker-config", "--insecure", "--registries"),
}
OF_FUNCTIONS = {
    *("--as-json", "--canary", "--published", "--repository", "--ccache-save"),
    *("--run-id", "--run-url", "--revision"),
}
WITHOUT_VALUE = {
    *("--insecure", "--as-json", "--canary", "--ccache-save", "--dry-run", "--keep-anchors"),
    *("--force-latest", "--provenance", "--sign"),
}


def arranged(words: Sequence[str]) -> tuple[str, ...]:
    """A call as Dagger's CLI takes it: each flag behind the object or function that it is of.

    ``backend image --source=. --mirror=M sync`` is
    ``--mirror=M backend --source=. image sync``.
    """
    path = tuple(itertools.takewhile(lambda word: not word.startswith("-"), words))
    left = list(words[len(path) :])
    settings, of_object, of_function = list[str](), list[str](), list[str]()
    while left and left[0].startswith("--"):
        name, is_whole, _ = left[0].partition("=")
        size = 1 if is_whole or name in WITHOUT_VALUE else 2
        mine = settings if name in SETTINGS else of_function if name in OF_FUNCTIONS else of_object
        mine += left[:size]
        del left[:size]
    return (*settings, *path[:1], *of_object, *path[1:], *of_function, *left)


def executed(done: Done) -> list[str]:
    """The commands that really ran in a call, as plain progress tells: those not cached."""
    log = re.sub(r"\x1b\[[\d;]*m", "", done.stderr)
    started = dict(re.findall(r"^(\d+) *: [┆ ]*withExec (.*)$", log, re.MULTILINE))
    cached = set(re.findall(r"^(\d+) *: [┆ ]*Container\.withExec CACHED", log, re.MULTILINE))
    return [command for number, command in started.items() if number not in cached]


def module_with(folder: Path, data: str, old: str, new: str) -> Path:
    """A copy of the module with one place of a file of matrix/ changed."""
    copy = module_copy(folder)
    path = copy / "matrix" / data
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {data}"
    path.write_text(text.replace(old, new))
    return copy


def module_copy(folder: Path) -> Path:
    """A copy of the module: what a checkout of it has that the engine loads."""
    copy = folder / "module"
    shutil.copytree(REPO / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPO / "matrix", copy / "matrix")
    for part in ("dagger.json", "pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
        shutil.copy(REPO / part, copy / part)
    return copy


@contextmanager
def fresh_engine(base: Path, *, before: Sequence[str] = ()) -> Iterator[Engine]:
    """A native engine whose programs are the shared one's and whose state is empty.

    Args:
        base: Its cache folder; must not exist, and is gone afterwards.
        before: A command in front of the engine's own, such as ``nice``.
    """
    where = Home(base)
    where.folder.mkdir(parents=True)
    subprocess.run(["cp", "-al", home().steps, where.steps], check=True)
    environ = os.environ | {"LOCALAI_CI_CACHE": str(base), "LOCALAI_CI_ENGINE": "native"}
    command = [*before, str(REPO / "daggerw"), "engine"]
    try:
        subprocess.run([*command, "start"], env=environ, check=True, capture_output=True)
        record = running(where)
        assert record is not None
        yield Engine(environ, record.address)
    finally:
        subprocess.run([*command, "stop"], env=environ, check=True, capture_output=True)
        shutil.rmtree(base)


def _wait_for(url: str, process: subprocess.Popen[str]) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            assert process.poll() is None, f"the server of {url} has ended"
            time.sleep(0.1)
        else:
            time.sleep(0.2)
            assert process.poll() is None, f"another server answers at {url}: end it first"
            return
    raise TimeoutError(f"{url} does not answer")
