"""One version of Dagger: dagger.json says it, and everything else agrees."""

import json
import re
import subprocess
from pathlib import Path

from native.build import LIBRARY
from native.home import VERSION

REPO = Path(__file__).parents[2]
PLAIN = VERSION.removeprefix("v")


def test_the_engine_is_of_the_version_that_the_module_asks_for() -> None:
    assert json.loads((REPO / "dagger.json").read_text())["engineVersion"] == VERSION
    modules = (REPO / "engine/go.mod").read_text()
    assert re.findall(r"github\.com/dagger/dagger (v[\d.]+)$", modules, re.MULTILINE) == [VERSION]
    assert f"dagger-io=={PLAIN}" == LIBRARY


def test_the_library_has_that_version_as_its_floor_and_the_lock_is_of_its_series() -> None:
    project = (REPO / "pyproject.toml").read_text()
    series, after = PLAIN.rpartition(".")[0], int(PLAIN.split(".")[1]) + 1
    # The module itself names no version: the SDK that a released engine brings is called 0.0.0.
    assert re.findall(r'"(dagger-io[^"]*)"', project) == [
        "dagger-io",
        f"dagger-io>={PLAIN},<0.{after}",
    ]
    locked = re.findall(
        r"^dagger-io==(\S+)", (REPO / "requirements-dev.lock").read_text(), re.MULTILINE
    )
    assert len(locked) == 1
    assert locked[0].startswith(f"{series}.")
    # The engine's own runtime brings the library: a second one in the lock would be installed over.
    assert "dagger-io" not in (REPO / "requirements.lock").read_text()


def test_no_document_or_workflow_names_another_version() -> None:
    paths = ("*.md", "*.yml", "*.yaml", "*.sh", "Makefile", "engine/**/*.py", ".ci/*")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *paths], cwd=REPO, capture_output=True, check=True
    )
    named = {
        f"{name}: {version}"
        for name in listed.stdout.decode().split("\0")[:-1]
        for version in re.findall(
            r"(?i)\b(?:dagger|engine)[^\n]{0,40}?\bv?(0\.\d+\.\d+)\b", (REPO / name).read_text()
        )
        if version != PLAIN
    }
    assert named == set()
