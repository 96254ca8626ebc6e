"""Git in a tree that is not ours: its settings and the environment start no program."""

import os
import subprocess
from pathlib import Path

_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.quotePath": "false",
    "diff.orderFile": os.devnull,
    "protocol.allow": "never",
}
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


def run(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A git command that only reads objects and the index.

    The user's and the machine's own settings count (safe.directory is there); what a tree brings
    in its ``.git/config`` and what stands in ``GIT_*`` have no say in what is started.

    Raises:
        FileNotFoundError: there is no git.
    """
    return subprocess.run(  # noqa: S603 - arguments of ours
        _command(folder, arguments),
        input=stdin,
        capture_output=True,
        check=False,
        env=_environment(),
    )


def start(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """The same, left running: for questions one after another, or to do something else meanwhile.

    Raises:
        FileNotFoundError: there is no git.
    """
    return subprocess.Popen(  # noqa: S603 - arguments of ours
        _command(folder, arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    )


def _command(folder: Path, arguments: tuple[str, ...]) -> list[str]:
    settings = [word for item in _SETTINGS.items() for word in ("-c", "=".join(item))]
    return ["git", *settings, "-C", str(folder), *arguments]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | _ENVIRONMENT
