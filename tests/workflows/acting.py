"""Runs of the example's workflows with act: LocalAI's side in miniature, and its artifacts.

act runs the files as they are. In the place of pinned actions it is given folders: stand-ins for
GitHub's own, which copy instead of asking a server, and a copy of this repository for ours. Two
things are others in it: matrix/registries.yaml, and that images are not started before they count,
for which they would need Ubuntu's image.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from workflows.files import NOBODY, REPO, THEIRS, US
from workflows.flat import flattened

ACT = Path(sys.executable).with_name("act")
FIXTURE = REPO / "tests/fixtures/localai"
STANDINS = Path(__file__).parent / "actions"
PINS = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1",
    "actions/upload-artifact": "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f",
    "actions/download-artifact": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
}
MODULE = (
    *("src", "matrix", "engine", ".ci", ".github", "daggerw", "dagger.json", "pyproject.toml"),
    *("requirements.lock", "README.md", "LICENSE"),
)
Payload = dict[str, Any]
_numbers = count(4701)


def git(folder: Path, *arguments: str) -> str:
    """A git command in a folder, as nobody in particular; what it prints."""
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=master")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def row(backend: str, base_image: str, **more: str) -> dict[str, str]:
    """A row as LocalAI's matrix has them: built by the fixture's Dockerfile, on a CPU."""
    return {
        "backend": backend, "dockerfile": "./backend/Dockerfile.golang", "context": "./",
        "build-type": "", "platforms": "linux/amd64", "tag-suffix": f"-cpu-{backend}",
        "base-image": base_image, "ubuntu-version": "2404", "runs-on": "ubuntu-latest",
        "skip-drivers": "false", "cuda-major-version": "", "cuda-minor-version": "",
    } | more  # fmt: skip


@dataclass
class Tree:
    """LocalAI in miniature: a repository with the example's workflows, and small backends."""

    path: Path

    @classmethod
    def make(cls, path: Path, backends: Iterable[str], base_image: str) -> "Tree":
        """Commit the fixture with these backends, each a copy of local-store."""
        shutil.copytree(FIXTURE, path)
        shutil.copytree(THEIRS, path / ".github/workflows")
        taken = ("backend", "build-type", "lang", "go-version", "tag-suffix", "runs-on")
        inputs = {key: {"type": "string"} for key in taken} | {"use-pip": {"type": "boolean"}}
        stays = {
            "on": {"workflow_call": {"inputs": inputs}},
            "jobs": {"b": {"runs-on": "macos-latest", "steps": [{"run": "true"}]}},
        }
        (path / ".github/workflows/backend_build_darwin.yml").write_text(json.dumps(stays))
        store = path / "backend/go/local-store"
        for name in backends:
            if name != "local-store":
                shutil.copytree(store, store.with_name(name))
                script = store.with_name(name) / "build.sh"
                script.write_text(script.read_text().replace("local-store", name))
        rows = [row(name, base_image) for name in backends]
        (path / ".github/backend-matrix.yml").write_text(
            json.dumps({"include": rows, "includeDarwin": []})
        )
        git(path, "init", "-q")
        # act asks the remote for the repository's name
        git(path, "remote", "add", "origin", "https://github.com/mudler/LocalAI.git")
        tree = cls(path)
        tree.commit("one")
        return tree

    def commit(self, message: str) -> str:
        """Commit all there is; the commit."""
        git(self.path, "add", "--all")
        git(self.path, "commit", "-q", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return git(self.path, "rev-parse", "HEAD")

    def change(self, backend: str, text: str) -> str:
        """Edit a backend's source and commit that."""
        path = self.path / f"backend/go/{backend}/run.sh"
        path.write_text(f"{path.read_text()}# {text}\n")
        return self.commit(text)

    def also_from(self, images: Mapping[str, str]) -> str:
        """Let each backend copy a file out of an image of its own too, and commit that."""
        path = self.path / "backend/Dockerfile.golang"
        text = path.read_text()
        stages = "".join(f"FROM {image} AS of-{name}\n" for name, image in images.items())
        first = "ARG BASE_IMAGE=debian:bookworm\n"
        head = f"ARG BACKEND\n{stages}FROM of-${{BACKEND}} AS of-this\n"
        copied = "COPY --from=of-this /etc/debian_version /also\nRUN sh"
        assert text.count("\nRUN sh") == 1
        assert text.count(first) == 1
        text = text.replace(first, first + head)
        path.write_text(text.replace("\nRUN sh", f"\n{copied}"))
        return self.commit("another image")


def module_copy(folder: Path, registries: Mapping[str, Any]) -> Path:
    """What a checkout of this repository has that workflows use; images go elsewhere."""
    folder.mkdir()
    for part in MODULE:
        source = REPO / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copy(source, folder / part)
    (folder / "matrix/registries.yaml").write_text(json.dumps(registries))  # JSON is YAML
    for name in ("build.yml", "pull-requests.yml"):
        path = folder / ".github/workflows" / name
        text = path.read_text()
        assert text.count("default: auto") == 1
        path.write_text(text.replace("default: auto", "default: never"))
    return folder


@dataclass(frozen=True)
class Outcome:
    """What one run did.

    Attributes:
        code: act's exit code.
        log: All that it printed.
    """

    code: int
    log: str

    @property
    def jobs(self) -> dict[str, str]:
        """Each job that ran with `succeeded` or `failed`, by act's name without the workflow's."""
        found = re.findall(
            r"^\[[^/\]]+/([^\]]+?) *\] +🏁 +Job (succeeded|failed)", self.log, re.MULTILINE
        )
        return {name.strip(): how for name, how in found}

    def said(self, job: str) -> str:
        """What the steps of a job printed."""
        lines = re.findall(rf"^\[[^/\]]+/{re.escape(job)} *\]   \| (.*)$", self.log, re.MULTILINE)
        return "\n".join(lines)


def tool_cache(folder: Path) -> Path:
    """Where act says that a runner keeps tools, for a hub in this folder."""
    return folder / "home/cache/act/tool_cache"


def installed(folder: Path, module: Path, cosign: str) -> None:
    """Lay what setup would install into the hub's tool cache: this project's console, and a cosign.

    Args:
        folder: The hub's.
        module: The module's copy, which the console is of.
        cosign: A shell script.
    """
    kept = tool_cache(folder) / "localai-ci"
    asked = [str(module / ".ci/console.sh"), "--where"]
    environ = os.environ | {"RUNNER_TOOL_CACHE": str(tool_cache(folder))}
    where = subprocess.run(asked, env=environ, capture_output=True, text=True, check=True).stdout
    console = Path(where.strip())
    (console / "bin").mkdir(parents=True)
    (console / "ready").touch()
    start = "from localai_ci.cli import app; app()"
    script = f'exec "{sys.executable}" -c "{start}" "$@"'
    program(console / "bin/localai-ci", f'PYTHONPATH="{module / "src"}" {script}')
    for line in (REPO / ".ci/tools.txt").read_text().splitlines():
        name, version, system, sha, *_ = line.split()
        if name == "cosign":
            program(kept / f"cosign-{version}-{system}-{sha[:12]}/cosign", cosign)


def program(path: Path, script: str) -> None:
    """Write a shell script that can be called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@dataclass
class Hub:
    """GitHub in miniature: runs of a tree's workflows, each with artifacts of its own."""

    tree: Tree
    module: Path
    folder: Path
    environ: Mapping[str, str]
    secrets: Mapping[str, str]
    artifacts: dict[str, Path] = field(default_factory=dict)

    def run(
        self,
        event: str,
        workflow: str,
        payload: Payload | None = None,
        *,
        run_id: str = "",
        flat: bool = False,
        variables: Mapping[str, str] | None = None,
        seconds: float = 1200,
    ) -> Outcome:
        """Run a workflow for an event.

        Args:
            event: GitHub's name of it.
            workflow: The file, below .github/workflows of the tree.
            payload: What GitHub would write of the event.
            run_id: An earlier run of which this is another attempt: it finds the artifacts.
            flat: Whether jobs of called workflows stand in the caller, as a run in which one
                fails needs it: see `flattened`.
            variables: Added to what every step sees.
            seconds: How long it may take.
        """
        attempt = next(_numbers)
        number = run_id or str(attempt)
        artifacts = self.folder / "artifacts" / number
        artifacts.mkdir(parents=True, exist_ok=True)
        self.artifacts[number] = artifacts
        told = self.folder / f"event-{attempt}.json"
        told.write_text(json.dumps(payload or {}))
        replaced = {f"{name}@{pin}": STANDINS / name.split("/")[1] for name, pin in PINS.items()}
        replaced[f"{US}@{NOBODY}"] = self.module
        given = dict(self.environ) | dict(variables or {}) | {
            "LAB_ARTIFACTS": str(artifacts),
            "LAB_MODULE": str(self.module),
            "LAB_TREE": str(self.tree.path),
            "GITHUB_RUN_ID": number,
        }  # fmt: skip
        file = self.tree.path / ".github/workflows" / workflow
        if flat:
            text = flattened(file, self.module / ".github/workflows")
            file = self.folder / f"flat-{attempt}.yml"
            file.write_text(text)
        command = [
            str(ACT), event, "--workflows", str(file),
            *("--platform", "ubuntu-24.04=-self-hosted"),
            *("--platform", "ubuntu-24.04-arm=-self-hosted"),
            *("--eventpath", str(told), "--action-offline-mode", "--no-cache-server"),
            *("--pull=false", "--directory", str(self.tree.path)),
        ]  # fmt: skip
        for name, folder in replaced.items():
            command += ["--local-repository", f"{name}={folder}"]
        for name, value in given.items():
            command += ["--env", f"{name}={value}"]
        for name, value in self.secrets.items():
            command += ["--secret", f"{name}={value}"]
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        done = subprocess.run(
            command,
            cwd=self.tree.path,
            env=os.environ | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=seconds,
        )
        log = re.sub(r"\x1b\[[\d;]*m", "", done.stdout)
        (self.folder / f"run-{attempt}.log").write_text(log)
        return Outcome(done.returncode, log)
