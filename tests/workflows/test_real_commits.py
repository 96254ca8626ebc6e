"""LocalAI's own history, event by event: every job that a workflow would start can run."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localai_ci.matrix.limits import MATRIX, OUTPUTS
from localai_ci.names import is_entry_id
from workflows.files import REPO

TREE = Path(os.environ.get("LOCALAI_TREE", "/nowhere"))
COMMITS = 20
OUTPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
NOT_IN_ARTIFACTS = set('":<>|*?\\/\r\n')
MACHINES = {"ubuntu-latest", "ubuntu-24.04-arm", "macos-latest", "bigger-runner", "arc-runner-set"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TREE.is_dir(), reason="set LOCALAI_TREE to a clone of LocalAI"),
]


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(TREE), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commits() -> list[str]:
    return git("log", "--first-parent", f"-{COMMITS}", "--format=%H").splitlines()


def events(sha: str) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Every kind of event that this commit could be of."""
    before = git("rev-parse", f"{sha}^1")
    branch, queue = "refs/heads/master", "refs/heads/gh-readonly-queue/master/pr-7-x"
    yield "push", branch, {"before": before, "after": sha}
    yield "push", "refs/tags/v9.9.9", {"before": "0" * 40}
    yield "pull_request", "refs/pull/7/merge", {"pull_request": {"base": {"sha": before}}}
    yield "merge_group", queue, {"merge_group": {"base_sha": before}}
    yield "schedule", branch, {}
    yield "workflow_dispatch", branch, {}


@pytest.mark.parametrize("number", range(COMMITS))
def test_plans_of_real_commits_are_jobs_that_github_would_run(number: int, tmp_path: Path) -> None:
    sha = commits()[number]
    seen = 0
    for name, ref, payload in events(sha):
        told = tmp_path / "event.json"
        told.write_text(json.dumps(payload))
        written = tmp_path / "plan.json"
        environ = os.environ | {
            "GITHUB_EVENT_NAME": name, "GITHUB_REF": ref, "GITHUB_SHA": sha,
            "GITHUB_EVENT_PATH": str(told),
        }  # fmt: skip
        done = subprocess.run(
            [str(REPO / ".venv/bin/localai-ci"), "plan", "--ci", "github", "--source", str(TREE),
             "--pack", "--blocks", "1", "--format", "github", "--write", f"json={written}"],
            env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{sha} {name}: {done.stderr}"
        outputs = dict(line.split("=", 1) for line in done.stdout.splitlines())
        check(f"{sha} {name} {ref}", outputs, json.loads(written.read_text()))
        whole = ref.startswith("refs/tags/") or name in {"schedule", "workflow_dispatch"}
        assert (outputs["run_all"] == "true") >= whole
        seen += 1
    assert seen == 6


def check(where: str, outputs: dict[str, str], plan: dict[str, list[dict[str, object]]]) -> None:
    size = sum(len(text.encode("utf-16-le")) for text in outputs.values())
    assert size <= OUTPUTS, where
    assert all(OUTPUT_NAME.fullmatch(name) for name in outputs), where
    named, artifacts, rows = set[tuple[object, object]](), set[str](), 0
    for output, flag in (("linux_1", "has_linux"), ("darwin_1", "has_darwin"),
                         ("images", "has_images")):  # fmt: skip
        listed = json.loads(outputs[output])["include"]
        assert outputs[flag] == ("true" if listed else "false"), where
        assert len(listed) < MATRIX, where
        for row in listed:
            rows += 1
            assert row["name"], where
            assert not re.search(r"[\x00-\x1f]|\$\{\{", row["name"]), where
            assert row["runner"] in MACHINES, f"{where}: {row['runner']}"
            artifact = row["artifact"]
            assert artifact.startswith("receipts-"), where
            assert len(artifact) <= 255, where
            assert not NOT_IN_ARTIFACTS & set(artifact), where
            artifacts.add(artifact)
            for entry in row["entries"].split():
                assert is_entry_id(entry), where
                assert (row["kind"], entry) not in named, where
                named.add((row["kind"], entry))
    assert len(artifacts) == rows, f"{where}: two rows have one artifact"
    promised = {("backends", e["id"]) for e in plan["entries"]}
    promised |= {("images", e["id"]) for e in plan["images"]}
    assert named == promised, where
