"""Git in a tree that is not ours: its settings and the environment start no program."""

import os
import subprocess
import tempfile
import threading
from pathlib import Path

from localai_ci.config import bounds
from localai_ci.errors import InputError

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


class TooMuchError(InputError):
    """Git answered more than anybody asked for, or did not end."""


def run(
    folder: Path, *arguments: str, stdin: bytes = b"", longest: int = bounds.GIT_BYTES
) -> subprocess.CompletedProcess[bytes]:
    """A git command that only reads objects and the index.

    The user's and the machine's own settings count (safe.directory is there); what a tree brings
    in its ``.git/config`` and what stands in ``GIT_*`` have no say in what is started.

    Args:
        folder: Where.
        arguments: Command and options of ours.
        stdin: What it is given.
        longest: Bytes that it may answer.

    Raises:
        FileNotFoundError: there is no git.
        TooMuchError: it answered more, or took too long.
    """
    command = _command(folder, arguments)
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaints:
        asked.write(stdin)
        asked.seek(0)
        with subprocess.Popen(  # noqa: S603 - arguments of ours
            command,
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(folder),
        ) as started:
            clock = threading.Timer(bounds.GIT_SECONDS, started.kill)
            clock.start()
            answer = started.stdout.read(longest + 1) if started.stdout else b""
            ended = not clock.finished.is_set()
            clock.cancel()
            if len(answer) > longest:
                started.kill()
        if len(answer) > longest or not ended:
            limit = f"{longest} bytes" if ended else f"{bounds.GIT_SECONDS} s"
            raise TooMuchError(
                f"git {arguments[0]} had more to say than {limit}",
                where=str(folder),
                remedy="Check the clone: git fsck, git count-objects -v",
            )
        complaints.seek(0)
        said = complaints.read(bounds.LISTED_BYTES)
    return subprocess.CompletedProcess(command, started.returncode, answer, said)


def start(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """The same, left running: for questions one after another.

    Raises:
        FileNotFoundError: there is no git.
    """
    return subprocess.Popen(  # noqa: S603 - arguments of ours
        _command(folder, arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(folder),
    )


def _command(folder: Path, arguments: tuple[str, ...]) -> list[str]:
    settings = [word for item in _SETTINGS.items() for word in ("-c", "=".join(item))]
    return ["git", *settings, "-C", str(folder), *arguments]


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    if (folder / ".git").exists():  # whatever its core.worktree says
        kept["GIT_WORK_TREE"] = str(folder.resolve())
    return kept | _ENVIRONMENT
