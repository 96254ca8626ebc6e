"""The real engine: started once, left running."""

import os

import pytest
from native import record
from native.home import home
from real_engine import Engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that daggerw chooses here; a native one is started and left running."""
    found = Engine(os.environ)
    chosen = found.dagger("version")
    assert chosen.returncode == 0, chosen.stderr
    native = record.running(home()) if "native engine" in chosen.stderr else None
    return found._replace(address=native.address if native else "")
