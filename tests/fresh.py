"""An engine that has seen nothing, beside the shared one, and gone afterwards."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from live import REPO, Engine
from native.home import Home, home
from native.record import running


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
