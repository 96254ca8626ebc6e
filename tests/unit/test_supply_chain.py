"""What is installed and compiled is what was looked at: hashes, pins, and a list of what is not."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from native.build import LIBRARY, UV
from native.home import VERSION

from localai_ci.config.upstreams import (
    Upstreams,
    load_upstreams,
    new_unverified,
    unverified,
    verified_since,
)

REPO = Path(__file__).parents[2]
LOCKS = (
    *("requirements.lock", "requirements-dev.lock"),
    *("engine/uv.txt", "engine/dagger-io.txt", "tests/fuzz/atheris.txt", ".ci/build.txt"),
)


def requirements(text: str) -> dict[str, list[str]]:
    """Each line of a lock with its hashes."""
    logical = text.replace("\\\n", " ").splitlines()
    return {line.split(" ")[0]: re.findall(r"--hash=(\S+)", line) for line in logical if line}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_one_version_with_its_hashes(lock: str) -> None:
    found = requirements((REPO / lock).read_text())
    assert found
    for requirement, hashes in found.items():
        assert re.fullmatch(r"[a-z0-9._-]+==[a-z0-9.!+]+", requirement)
        assert hashes, f"{requirement} has no hash: make lock"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_says_where_it_was_made(lock: str) -> None:
    assert not re.search(r"https?:|--(extra-)?index|--find-links|/", (REPO / lock).read_text())


def test_what_is_installed_from_a_lock_is_installed_by_its_hashes() -> None:
    makefile = (REPO / "Makefile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip install .*", makefile)
    from_locks = [line for line in installs if " -r " in line]
    assert len(from_locks) == 3
    assert all("--require-hashes" in line and "--no-deps" in line for line in from_locks)
    assert all("-e ." in line for line in installs if line not in from_locks)
    runtime = (REPO / "engine/python-runtime/main.dang").read_text()
    assert "hashes=--require-hashes" in runtime


def test_installer_and_build_backend_are_one_version_each_named_in_one_place() -> None:
    assert re.fullmatch(r"uv==\d+\.\d+\.\d+", UV)
    project = tomllib.loads((REPO / "pyproject.toml").read_text())
    (backend,) = project["build-system"]["requires"]
    assert re.fullmatch(r"hatchling==\d+\.\d+\.\d+", backend)
    assert backend in requirements((REPO / ".ci/build.txt").read_text())
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, check=True)
    paths = [REPO / name for name in listed.stdout.decode().split("\0")[:-1]]
    texts = {path: path.read_bytes() for path in paths if path.is_file()}
    assert [p.name for p, text in texts.items() if re.search(rb"\buv==\d", text)] == ["uv.txt"]


def test_the_native_engines_library_is_of_the_engines_version() -> None:
    assert f"dagger-io=={VERSION.removeprefix('v')}" == LIBRARY


def test_no_upstream_is_new_without_a_checksum() -> None:
    """As `localai-ci variants --unverified`, which fails for the same reasons."""
    file, _ = load_upstreams()
    assert new_unverified(file) == []
    assert verified_since(file) == []


def test_a_new_upstream_and_a_new_version_of_an_old_one_need_a_checksum() -> None:
    file, _ = load_upstreams()
    first = next(d for d in file.downloads if d in unverified(file))
    newer = first.model_copy(update={"version": "99"})
    other = first.model_copy(update={"name": "other"})
    done = first.model_copy(update={"sha256": "0" * 64})
    rest = tuple(d for d in file.downloads if d is not first)

    def labels(*downloads: object) -> Upstreams:
        return file.model_copy(update={"downloads": (*rest, *downloads)})

    assert new_unverified(labels(first, other)) == [other.label]
    assert new_unverified(labels(newer)) == [newer.label]
    assert new_unverified(labels(done)) == []
    assert verified_since(labels(done)) == [first.label]


def test_every_go_module_that_is_compiled_has_its_sum() -> None:
    """Go itself refuses another content; what it does not know it would ask a database for."""
    modules = (REPO / "engine/go.mod").read_text()
    sums = (REPO / "engine/go.sum").read_text()
    required = re.findall(r"^\t(\S+) (v\S+)(?: // indirect)?$", modules, re.MULTILINE)
    replaced = set(re.findall(r"^\t?(?:replace )?(\S+)(?: v\S+)? => ", modules, re.MULTILINE))
    assert len(required) > 100
    for name, version in required:
        assert name in replaced or f"{name} {version}/go.mod h1:" in sums, name
