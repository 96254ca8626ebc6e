"""Set-up as steps, each a folder that appears whole or not at all.

A step's folder is named after everything that decides its content, so what is there is right:
an interrupted set-up goes on with the step it was in, and a changed input re-runs only the steps
that read it. Steps that do not need each other run at the same time.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from native.errors import EngineError
from native.home import Home
from native.terminal import end_of

LOG_LINES, LOG_COLUMNS = 15, 160
TICK_SECONDS = 1.0


class Stopped(Exception):  # noqa: N818 - no error: another step failed, or the user gave up
    """A step was ended before its time."""


class Work:
    """What a step may use: a folder to fill, and a way to run commands."""

    def __init__(self, folder: Path) -> None:
        """Take the step's unfinished folder."""
        self.folder = folder
        self.out = folder / "out"
        self.log = folder / "log"
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._counted: tuple[int, int | None, str] | None = None

    def run(
        self,
        *command: str | Path,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        lines: tuple[int | None, str] | None = None,
    ) -> None:
        """Run a command; what it prints goes to the step's log.

        It runs in its own process and mount namespace, tied to this process: a set-up that is
        killed leaves nothing running and nothing mounted.

        Args:
            command: Program and arguments.
            environ: Variables beside this process's own.
            cwd: Where it runs; the step's folder if nothing is said.
            lines: How many lines it will print, if that is known, and of what: its progress.
        """
        tie = ["setpriv", "--pdeathsig", "KILL", "--"]
        if os.geteuid() == 0:
            tie += ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(map(str, command))}\n")
            log.flush()
            self._counted = lines and (log.tell(), *lines)
            self._running = subprocess.Popen(
                [*tie, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(self.folder), **(environ or {})},
                cwd=cwd or self.folder,
                start_new_session=True,
            )
            if self._stopped:
                self.stop()
            code = self._running.wait()
            self._counted = None
        if self._stopped:
            raise Stopped
        if code:
            raise subprocess.CalledProcessError(code, command)

    def stop(self) -> None:
        """End the command that runs, and with it the step."""
        self._stopped = True
        if self._running and self._running.poll() is None:
            # The whole group: one that is ended while it starts has not tied its child to itself.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)

    def progress(self) -> str:
        """How far the running command is: ``512 of 1702 packages``, where it is known."""
        if not self._counted:
            return ""
        start, total, noun = self._counted
        with self.log.open("rb") as log:
            log.seek(start)
            seen = log.read().count(b"\n")
        return f"{seen} {noun}" if total is None else f"{min(seen, total)} of {total} {noun}"


class Step(NamedTuple):
    """One step: its folder's name says what it is and what it was made from."""

    name: str
    title: str
    key: str
    make: Callable[[Work], None]
    remedy: str
    needs: "tuple[Step, ...]" = ()
    """Steps whose folders it reads."""

    def out(self, where: Home) -> Path:
        """What the step makes: there when, and only when, it is finished."""
        return where.steps / f"{self.name}-{self.key}" / "out"


class Display(Protocol):
    """Where a set-up says how far it is."""

    def finished(self, line: str) -> None:
        """A step is finished."""

    def running(self, line: str) -> None:
        """What runs now; called once a second."""


def run_all(steps: Sequence[Step], where: Home, display: Display) -> None:
    """Run the steps that are not there yet, as many at once as can be; the caller holds the lock.

    Raises:
        EngineError: a step failed; the others are ended, the finished ones kept.
    """
    _Run([step for step in steps if not step.out(where).exists()], where, display).to_the_end()


class _Run:
    """One set-up: which steps wait, which run, and the first one that failed."""

    def __init__(self, missing: list[Step], where: Home, display: Display) -> None:
        self.waiting, self.where, self.display = missing, where, display
        self.total, self.done = len(missing), 0
        self.works: dict[str, tuple[Step, Work, float]] = {}
        self.changed = threading.Condition()
        self.failed: Exception | None = None

    def to_the_end(self) -> None:
        try:
            with self.changed:
                while (self.waiting or self.works) and not self.failed:
                    self._start_what_can()
                    self.changed.wait(TICK_SECONDS)
                    if self.works:
                        self.display.running(self._line())
        finally:
            with self.changed:
                for _, work, _ in self.works.values():
                    work.stop()
                self.changed.wait_for(lambda: not self.works)
        if self.failed:
            raise self.failed

    def _start_what_can(self) -> None:
        for step in list(self.waiting):
            if all(need.out(self.where).exists() for need in step.needs):
                self.waiting.remove(step)
                work = _fresh(step, self.where)
                self.works[step.name] = step, work, time.monotonic()
                threading.Thread(target=self._run, args=(step, work), daemon=True).start()

    def _run(self, step: Step, work: Work) -> None:
        failed = None
        began = time.monotonic()
        try:
            step.make(work)
            seconds = time.monotonic() - began
            (work.folder / "seconds").write_text(f"{seconds:.2f}\n")
            work.folder.rename(step.out(self.where).parent)
        except Exception as error:  # noqa: BLE001 - the thread's end is told to the one that waits
            failed = error
        with self.changed:
            del self.works[step.name]
            if failed is None:
                self.done += 1
                after = f"{self.done} of {self.total}"
                self.display.finished(f"{after}: {step.title}, {seconds:.1f} s")
            elif self.failed is None and not isinstance(failed, Stopped):
                self.failed = _explained(step, work, failed)
            self.changed.notify()

    def _line(self) -> str:
        """``compile the engine: 512 of 1702 packages, 31 s; then: pack the Python SDK``."""
        now = time.monotonic()
        running = "; ".join(
            ", ".join(filter(None, (step.title, work.progress(), f"{now - began:.0f} s")))
            for step, work, began in self.works.values()
        )
        return f"{running}; then: {self.waiting[0].title}" if self.waiting else running


def _fresh(step: Step, where: Home) -> Work:
    final = step.out(where).parent
    for left in where.steps.glob(f"{step.name}-*.part"):
        shutil.rmtree(left)
    work = Work(final.with_name(f"{final.name}.part"))
    work.out.mkdir(parents=True)
    return work


def _explained(step: Step, work: Work, error: Exception) -> Exception:
    if not isinstance(error, subprocess.CalledProcessError | OSError):
        return error
    lines = end_of(work.log).splitlines() if work.log.exists() else []
    end = "".join(f"    {line[:LOG_COLUMNS]}\n" for line in lines[-LOG_LINES:])
    reason = (
        f"exit status {error.returncode}"
        if isinstance(error, subprocess.CalledProcessError)
        else str(error)
    )
    return EngineError(
        f"set-up failed at {step.title!r} ({reason}). The end of {work.log}:\n{end}",
        f"{step.remedy}; then run the same command again: finished steps are kept",
    )


def prune(steps: Sequence[Step], where: Home) -> None:
    """Remove what earlier inputs of these steps made; only while no engine stands on it."""
    kept = {step.name: step.out(where).parent for step in steps}
    for folder in where.steps.iterdir():
        if kept.get(folder.name.rpartition("-")[0], folder) != folder:
            shutil.rmtree(folder)
