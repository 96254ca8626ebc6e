"""renovate.json sees every version that is pinned anywhere."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from localai_ci.config.upstreams import load_upstreams

REPO = Path(__file__).parents[2]
CONFIG: dict[str, Any] = json.loads((REPO / "renovate.json").read_text())
BY_HAND = {
    "cuda-keyring": "NVIDIA's archives have no data source",
    "cudss": "the same",
    "nvpl": "the same",
    "intel-graphics-key": "a key has no version",
}


def files(patterns: list[str]) -> list[Path]:
    """The files of a manager, by renovate's patterns (`/regex/`)."""
    found = [re.compile(pattern.strip("/")) for pattern in patterns]
    names = [p.relative_to(REPO).as_posix() for p in REPO.rglob("*") if p.is_file()]
    return [REPO / n for n in sorted(names) if any(one.search(n) for one in found)]


def matches(manager: dict[str, Any]) -> list[tuple[Path, dict[str, str]]]:
    """What a custom manager finds."""
    found = []
    for path in files(manager["managerFilePatterns"]):
        text = path.read_text()
        for one in manager["matchStrings"]:
            pattern = re.compile(one.replace("(?<", "(?P<"))
            found += [(path, match.groupdict()) for match in pattern.finditer(text)]
    return found


MANAGERS = CONFIG["customManagers"]
FOUND = {manager["description"]: matches(manager) for manager in MANAGERS}


@pytest.mark.parametrize("description", [manager["description"] for manager in MANAGERS])
def test_each_manager_finds_something(description: str) -> None:
    assert FOUND[description]


def versions(start: str) -> dict[str, set[str]]:
    (name,) = [one for one in FOUND if one.startswith(start)]
    result: dict[str, set[str]] = {}
    for _, groups in FOUND[name]:
        result.setdefault(groups.get("depName", ""), set()).add(groups["currentValue"])
    return result


def test_dagger_is_found_wherever_it_is_pinned() -> None:
    engine = json.loads((REPO / "dagger.json").read_text())["engineVersion"]
    assert versions("dagger.json") == {"": {engine}}
    assert versions("what .ci/tools.sh")["dagger"] == {engine[1:]}
    assert versions("what .ci/tools.sh")["engine"] == {engine[1:]}
    grouped = CONFIG["packageRules"][0]["matchPackageNames"]
    assert {"dagger/dagger", "github.com/dagger/dagger", "dagger-io"} == set(grouped)


def test_every_upstream_of_the_bases_is_found_or_said_to_be_followed_by_hand() -> None:
    file, _ = load_upstreams()
    (name,) = [one for one in FOUND if one.startswith("upstreams")]
    seen = {(groups["currentValue"]) for _, groups in FOUND[name]}
    pinned = [(one.name, one.version) for one in file.downloads]
    pinned += [(one.name, one.version) for one in file.repositories]
    for upstream, version in pinned:
        assert (version in seen) != (upstream in BY_HAND), upstream


def test_every_base_image_of_the_matrix_is_found() -> None:
    named = set()
    for file in ("profiles", "variants", "images"):
        text = (REPO / f"matrix/{file}.yaml").read_text()
        named |= set(re.findall(r"base_image: (\S+:[^\s}\"]+)", text))
    (name,) = [one for one in FOUND if one.startswith("base images")]
    assert {f"{g['depName']}:{g['currentValue']}" for _, g in FOUND[name]} == named
    assert len(named) >= 4


def test_actions_locks_and_modules_are_left_to_renovates_own_managers() -> None:
    enabled = set(CONFIG["enabledManagers"])
    assert {"github-actions", "gomod", "pep621", "pip_requirements", "gitlabci"} <= enabled
    seen = files(CONFIG["github-actions"]["managerFilePatterns"])
    named = [p for top in (REPO, REPO / "examples/localai") for p in top.glob(".github/**/*.yml")]
    assert {p for p in named if "uses:" in p.read_text()} <= set(seen)
    locks = set(files(CONFIG["pip_requirements"]["managerFilePatterns"]))
    pinned = {
        p
        for p in REPO.glob("**/*.txt")
        if re.search("--hash=", p.read_text()) and ".venv" not in p.parts
    }
    assert pinned | set(REPO.glob("*.lock")) == locks
