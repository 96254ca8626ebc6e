"""The canaries are where a thief would look, and a theft is noticed."""

import subprocess
import urllib.request
from pathlib import Path

import pytest

from redteam.canaries import ALL, canaries
from redteam.tree import program


@pytest.mark.parametrize("name", ALL)
def test_a_canary_that_turns_up_anywhere_is_noticed(name: str, tmp_path: Path) -> None:
    with canaries(tmp_path) as found:
        assert found.taken({"log": "nothing"}) == []
        assert found.taken({"log": f"said {name}!"}) == [f"{name} in log"]
        everywhere = "".join(
            path.read_text() for path in [*found.home.rglob("*"), found.outside] if path.is_file()
        )
        assert name in everywhere + "".join(found.environ.values()) + "canary-loopback-service-5a6c"


def test_a_program_that_ran_and_a_service_that_was_asked_are_noticed(tmp_path: Path) -> None:
    with canaries(tmp_path) as found:
        subprocess.run([program(found, "x")], check=True, env=found.environ, capture_output=True)
        urllib.request.urlopen(f"http://127.0.0.1:{found.port}/y", timeout=5).close()
        assert found.taken({}) == ["a program ran: x\n", "loopback was asked for /y"]
