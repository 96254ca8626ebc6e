"""GitLab's form of the run, by gitlab-ci-local: the plan, then the pipeline that it printed."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from registries.session import CANARY, USER
from registries.tools import TOOLS

from workflows.acting import Hub, git, tool_cache
from workflows.conftest import PASSWORDS, World
from workflows.files import REPO
from workflows.test_runs import same_and_signed

pytestmark = [pytest.mark.engine, pytest.mark.slow]
VERSION = "4.61.1"  # the newest for Node 20


def gitlab_ci_local() -> str:
    """The program, installed once from npm; the test is skipped where there is no npm or rsync."""
    if not (shutil.which("npm") and shutil.which("rsync")):
        pytest.skip("gitlab-ci-local needs npm and rsync: apt-get install npm rsync")
    folder = TOOLS / f"gitlab-ci-local-{VERSION}"
    found = folder / "node_modules/.bin/gitlab-ci-local"
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", "."]
        subprocess.run([*install, f"gitlab-ci-local@{VERSION}"], cwd=folder, check=True)
    return str(found)


def test_a_push_on_gitlab_builds_merges_and_signs_what_github_would(
    world: World, repository: Callable[..., Hub], tmp_path: Path
) -> None:
    hub = repository("gitlab-one", "gitlab-two")
    tree = hub.tree
    shutil.copy(REPO / "examples/gitlab-ci.yml", tree.path / ".gitlab-ci.yml")
    before = tree.commit("on GitLab")
    after = tree.change("gitlab-one", "an edit")
    module = tmp_path / "module"
    shutil.copytree(world.module, module)
    git(module, "init", "-q")
    git(module, "add", "--all", "--force")
    git(module, "commit", "-qm", "the module")
    variables = {
        "LOCALAI_CI_REPOSITORY": str(module),
        "LOCALAI_CI_COMMIT": git(module, "rev-parse", "HEAD"),
        "CI_PIPELINE_SOURCE": "push", "STARTED_BY": "push", "CI_COMMIT_BRANCH": "master",
        "CI_COMMIT_SHA": after, "CI_COMMIT_BEFORE_SHA": before, "CI_DEFAULT_BRANCH": "master",
        "CI_PIPELINE_ID": "990", "PLANNED_BY": "989",
        "RUNNER_TOOL_CACHE": str(tool_cache(world.folder)), "SMOKE": "never",
        **hub.environ,
    }  # fmt: skip
    # A child pipeline gets the variables of its parent's file.
    told = yaml.safe_load((REPO / "examples/gitlab-ci.yml").read_text())["variables"]
    variables = told | variables
    for name, password in PASSWORDS.items():
        variables[f"LOCALAI_CI_{name.upper()}_USERNAME"] = f"{name}-{USER}"
        variables[f"LOCALAI_CI_{name.upper()}_PASSWORD"] = password

    def run(*arguments: str) -> str:
        given = [word for n, v in variables.items() for word in ("--variable", f"{n}={v}")]
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        done = subprocess.run(
            [gitlab_ci_local(), "--force-shell-executor", "--shell-isolation",
             "--artifacts-to-source", "--concurrency", "1", *given, *arguments],
            cwd=tree.path, env=os.environ | {"HOME": str(home)}, capture_output=True, text=True,
            check=False, timeout=1800,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-6000:]
        assert CANARY not in said
        return said

    run("plan")
    child = json.loads((tree.path / "plan/child.yml").read_text())
    assert "cpu-gitlab-one/amd64" in child
    assert "cpu-gitlab-two/amd64" not in child
    # gitlab-ci-local knows no other pipeline, of which this job would get the plan.
    del child["the plan"]["needs"]
    copied = f"mkdir -p plan && cp '{tree.path}/plan/plan.json' plan/"
    child["the plan"]["script"].insert(0, copied)
    (tree.path / "child.yml").write_text(json.dumps(child))
    said = run("--file", "child.yml")
    assert "1 images" in said
    short = after[:7]
    same_and_signed(world, "master-cpu-gitlab-one", f"sha-{short}-cpu-gitlab-one")
    assert not [tag for tag in world.tags("quay") if "gitlab-two" in tag]
