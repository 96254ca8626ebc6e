"""The one folder that holds everything the native engine makes."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

from native import trusted
from native.errors import EngineError

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
ENGINE = Path(__file__).resolve().parents[1]
VERSION: str = json.loads((ENGINE.parent / "dagger.json").read_text())["engineVersion"]
"""Of Dagger: engine, CLI and library. dagger.json is the one place where it is written."""

PLAIN_PATH = re.compile(r"/[A-Za-z0-9._+@/-]*").fullmatch
VERSION_NAME = re.compile(r"v[0-9]{1,4}(\.[0-9]{1,4}){2}(-[a-z0-9.-]{1,40})?").fullmatch
LONGEST_SOCKET = 107  # bytes: the kernel's limit for a unix socket's path


class Home:
    """Paths below the cache folder; nothing is created here."""

    def __init__(self, base: Path, version: str = VERSION) -> None:
        """Take the folder that may hold engines of several versions."""
        self.base = base
        self.version = version
        self.folder = base / f"engine-{version}"
        self.steps = self.folder / "steps"
        self.state = self.folder / "state"
        self.run = self.folder / "run"
        self.record = self.run / "engine.json"
        self.socket = self.run / "sock" / "engine.sock"
        self.log = self.folder / "engine.log"
        self.go = self.folder / "go"
        self.lock = base / f"engine-{version}.lock"
        self.key = hashlib.sha256(os.fsencode(base)).hexdigest()[:8]
        """Tells this folder's network link, table and cgroup from another folder's."""

    def versions(self) -> "list[Home]":
        """Every engine that this cache folder holds or has held, whatever its version."""
        names = {path.name.removesuffix(".lock") for path in self.base.glob("engine-v*")}
        versions = (name.removeprefix("engine-") for name in sorted(names))
        return [Home(self.base, version) for version in versions if VERSION_NAME(version)]

    def check(self) -> None:
        """Refuse a folder that the kernel could not work with, or that others could write to."""
        name = str(self.base)
        if len(os.fsencode(self.socket)) > LONGEST_SOCKET:
            raise EngineError(
                f"the cache folder's path is too long for a unix socket: {self.socket}",
                "set LOCALAI_CI_CACHE to a shorter path",
            )
        if not PLAIN_PATH(name):
            raise EngineError(
                "the cache folder's path has a letter that mount options or a shell would read:"
                f" {name!r}",
                "set LOCALAI_CI_CACHE to a path of letters, digits and ._-+@/",
            )
        for path in (self.base, self.folder, self.run, self.steps):
            trusted.demand(path)


def home() -> Home:
    """The cache folder of this user: LOCALAI_CI_CACHE, else below XDG_CACHE_HOME."""
    own = os.environ.get("LOCALAI_CI_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    base = Path(own) if own else Path(shared) / "localai-ci"
    found = Home(base.expanduser().absolute().resolve())
    found.check()
    return found


def numbers(version: str) -> tuple[int, ...]:
    """``v1.26.1`` as numbers that can be compared."""
    return tuple(map(int, version.removeprefix("v").split(".")))


def digest(parts: Iterable[object]) -> str:
    """A short name for exactly these parts; a path stands for its content, files sorted."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(part.rglob("*")) if part.is_dir() else [part]
            data = b"".join(
                f"{file.relative_to(part.parent)}\n".encode() + file.read_bytes()
                for file in files
                if file.is_file()
            )
        else:
            data = str(part).encode()
        whole.update(f"{len(data)}:".encode() + data)
    return whole.hexdigest()[:16]


def sources() -> str:
    """What decides how the engine is built and what it knows of Python."""
    names = ("go.mod", "go.sum", "distconsts", "python-runtime", "uv.txt", "dagger-io.txt")
    return digest(ENGINE / name for name in names)


@contextlib.contextmanager
def locked(where: Home, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the folder's only lock: two calls at once make one set-up and one start."""
    import fcntl

    # What is made here is nobody else's to write, whatever the user's own habit.
    before = os.umask(0o022)
    try:
        yield from _held(where, waiting, fcntl)
    finally:
        os.umask(before)


def _held(where: Home, waiting: Callable[[], None], fcntl: ModuleType) -> Iterator[None]:
    while True:
        where.base.mkdir(parents=True, exist_ok=True)
        where.check()
        with os.fdopen(trusted.opened(where.lock, os.O_RDWR | os.O_CREAT), "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            # `clean` may have removed the file while we waited: then it is nobody's lock.
            if where.lock.exists() and os.path.samestat(os.fstat(file.fileno()), where.lock.stat()):
                yield
                return
