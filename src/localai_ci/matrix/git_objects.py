"""Reads objects of a repository, one after another, from one git process."""

import select
import subprocess
import weakref
from pathlib import Path

from localai_ci.config import bounds
from localai_ci.matrix.git_process import start


class GitObjects:
    """``git cat-file --batch``: started with the first question, ended with this object."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, name: str, limit: int) -> tuple[list[bytes], bytes]:
        """An object by a name without line breaks, links followed: git's first line, the content.

        The content is empty for what has none (``missing``), and None stands for no content of
        more than ``limit`` bytes: its size is in the first line.

        Raises:
            FileNotFoundError: there is no git.
            EOFError: git ended; with what it said.
        """
        process = self._running()
        assert process.stdin  # noqa: S101 - both are pipes
        assert process.stdout  # noqa: S101
        try:
            process.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], bounds.GIT_SECONDS)[0]:
                raise EOFError(self.end() or f"no answer for {bounds.GIT_SECONDS} s")
            head = process.stdout.readline()
        except BrokenPipeError:
            head = b""
        if not head:
            raise EOFError(self.end())
        words = head.rstrip(b"\n").split(b" ")
        if not words[-1].isdigit() or words[-1:] == words:  # "missing", "ambiguous"
            return words, b""
        size = int(words[-1])
        if size > limit:
            self.end()
            return words, b""
        content = process.stdout.read(size + 1)
        if len(content) != size + 1:
            raise EOFError(self.end())
        return words, content[:-1]

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = start(self._folder, "cat-file", "--batch", "--follow-symlinks")
            weakref.finalize(self, _end, self._process)
        return self._process

    def end(self) -> str:
        """End the process; what it said on its standard error."""
        process, self._process = self._process, None
        return _end(process) if process else ""


def _end(process: "subprocess.Popen[bytes]") -> str:
    if process.returncode is not None:
        return ""
    process.kill()  # it only reads
    _, said = process.communicate()
    return said.decode("utf-8", "replace")
