"""``./daggerw`` for tests: a real engine, reached as a user reaches it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).parents[1]


class Engine(NamedTuple):
    """``./daggerw`` with the engine it starts."""

    environ: Mapping[str, str]
    address: str = ""
    """Where a registry started by ``exec`` is found by engine, containers and tests alike."""

    def dagger(
        self, *arguments: str, cwd: Path = REPO, seconds: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Any command of Dagger's CLI; its answer is all that stands in stdout."""
        return subprocess.run(
            [REPO / "daggerw", "--progress=plain", *arguments],
            env=self.environ, cwd=cwd, timeout=seconds,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def call(
        self, *arguments: str, cwd: Path = REPO, seconds: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """A function of the module in ``cwd``."""
        return self.dagger("call", *arguments, cwd=cwd, seconds=seconds)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``./daggerw engine …``."""
        return subprocess.run(
            [REPO / "daggerw", "engine", *arguments],
            env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def exec(self, *command: str) -> subprocess.Popen[str]:
        """Start a command of this machine in the engine's network."""
        return subprocess.Popen(
            [REPO / "daggerw", "engine", "exec", "--", *command], env=self.environ, text=True
        )
