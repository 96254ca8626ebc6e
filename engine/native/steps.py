"""Set-up as a list of steps, each a folder that appears whole or not at all.

A step's folder is named after everything that decides its content, so what is there is right:
an interrupted set-up goes on with the step it was in, and a changed input re-runs only the steps
that read it.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from native.errors import EngineError
from native.home import Home

LOG_LINES, LOG_COLUMNS = 15, 160


class Work:
    """What a step may use: a folder to fill, and a way to run commands."""

    def __init__(self, folder: Path) -> None:
        """Take the step's unfinished folder."""
        self.folder = folder
        self.out = folder / "out"
        self.log = folder / "log"

    def run(
        self,
        *command: str | Path,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Run a command; what it prints goes to the step's log.

        It runs in its own process and mount namespace, tied to this process: a set-up that is
        killed leaves nothing running and nothing mounted.
        """
        tie = ["setpriv", "--pdeathsig", "KILL", "--"]
        if os.geteuid() == 0:
            tie += ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(map(str, command))}\n")
            log.flush()
            subprocess.run(
                [*tie, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(self.folder), **(environ or {})},
                cwd=cwd or self.folder,
                check=True,
            )


class Step(NamedTuple):
    """One step: its folder's name says what it is and what it was made from."""

    name: str
    title: str
    key: str
    make: Callable[[Work], None]
    remedy: str

    def out(self, where: Home) -> Path:
        """What the step makes: there when, and only when, it is finished."""
        return where.steps / f"{self.name}-{self.key}" / "out"


def run_all(steps: Sequence[Step], where: Home, show: Callable[[str], None]) -> None:
    """Run the steps that are not there yet; the caller holds the lock."""
    for number, step in enumerate(steps, start=1):
        if not step.out(where).exists():
            show(f"  {number}/{len(steps)} {step.title} …")
            seconds = _make(step, where)
            show(f" {seconds:.1f} s\n")


def _make(step: Step, where: Home) -> float:
    final = step.out(where).parent
    for left in where.steps.glob(f"{step.name}-*.part"):
        shutil.rmtree(left)
    work = Work(final.with_name(f"{final.name}.part"))
    work.out.mkdir(parents=True)
    began = time.monotonic()
    try:
        step.make(work)
    except (subprocess.CalledProcessError, OSError) as error:
        _explain(step, work, error)
    seconds = time.monotonic() - began
    (work.folder / "seconds").write_text(f"{seconds:.2f}\n")
    work.folder.rename(final)
    return seconds


def _explain(step: Step, work: Work, error: Exception) -> NoReturn:
    lines = work.log.read_text(errors="replace").splitlines() if work.log.exists() else []
    end = "".join(f"    {line[:LOG_COLUMNS]}\n" for line in lines[-LOG_LINES:])
    reason = (
        f"exit status {error.returncode}"
        if isinstance(error, subprocess.CalledProcessError)
        else str(error)
    )
    raise EngineError(
        f"\nset-up failed at {step.title!r} ({reason}). The end of {work.log}:\n{end}",
        f"{step.remedy}; then run the same command again: finished steps are kept",
    ) from None


def prune(steps: Sequence[Step], where: Home) -> None:
    """Remove what earlier inputs of these steps made; only while no engine stands on it."""
    kept = {step.name: step.out(where).parent for step in steps}
    for folder in where.steps.iterdir():
        if kept.get(folder.name.rpartition("-")[0], folder) != folder:
            shutil.rmtree(folder)
