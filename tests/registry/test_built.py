"""`plan --built`: what a registry holds from the same inputs is not built again."""

import json
import subprocess
from pathlib import Path

import anyio
from registries.images import publish
from registries.oci import oci_registry
from registries.session import QUICK, fresh
from typer.testing import CliRunner

from localai_ci.backends.input_hash import inputs_of
from localai_ci.cli import commands
from localai_ci.matrix.tables import Tables
from localai_ci.names import input_tag
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.plan.event import Event
from localai_ci.plan.sources import PlanRequest, snapshot

ENTRY = "cpu-whisper/amd64"
GIT = ("-c", "user.name=t", "-c", "user.email=t@localhost")


def clone(folder: Path, base_image: str) -> Path:
    """A clone of a LocalAI whose matrix is one backend for two architectures."""
    rows = "".join(
        f"""\
- {{backend: whisper, dockerfile: ./backend/Dockerfile.golang, context: ./, build-type: '',
   cuda-major-version: '', cuda-minor-version: '', platforms: linux/{arch}, platform-tag: {arch},
   tag-latest: auto, tag-suffix: -cpu-whisper, runs-on: ubuntu-latest, base-image: '{base_image}',
   skip-drivers: 'false', ubuntu-version: '2404'}}
"""
        for arch in ("amd64", "arm64")
    )
    files = {
        "backend/go/whisper/main.go": "package main\n",
        "backend/Dockerfile.golang": "ARG BASE_IMAGE\nARG DEPS_REFRESH\n",
        ".dockerignore": "backend/go/*/build\n",
        ".github/backend-matrix.yml": f"include:\n{rows}includeDarwin: []\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "tree")):
        subprocess.run(["git", "-C", str(folder), *GIT, *command], check=True)
    return folder


def planned(tree: Path, registries: Path, *more: str) -> tuple[set[str], str]:
    """The entries that are left of a change to llama-cpp, and what was said beside."""
    changed = tree.parent / "changed"
    changed.write_text("backend/go/whisper/main.go\n")
    arguments = ["plan", "--source", str(tree), "--changed-files", str(changed)]
    files = ["--registries", str(registries), "--format", "json"]
    done = CliRunner().invoke(commands, [*arguments, *files, *more], catch_exceptions=False)
    return {entry["id"] for entry in json.loads(done.stdout)["entries"]}, done.stderr


def file(folder: Path, repository: Repository, bases: Repository) -> Path:
    path = folder / "registries.yaml"
    path.write_text(
        f"registries:\n  own:\n    backends: {repository}\n    images: {repository}-server\n"
        f"bases: {bases}\ntags: {{backends: [sha]}}\n"
    )
    return path


def test_an_image_of_the_same_inputs_is_dropped_and_after_an_edit_or_a_week_it_is_built(
    tmp_path: Path,
) -> None:
    with oci_registry() as registry:
        images, bases = fresh(registry.address), fresh(registry.address)
        tree = clone(tmp_path / "localai", f"{bases}:24.04")
        known = Tables(given=tree / ".github/backend-matrix.yml")

        async def stock() -> None:
            async with Transport(policy=QUICK) as transport:
                base = await publish(transport, bases, "24.04", "base")
                request = PlanRequest(Event.push, tree)
                inputs = inputs_of(
                    known.matrix.by_id()[ENTRY],
                    snapshot(request, known),
                    base.digest,
                    "2026-W47",
                )
                tag = input_tag(inputs.digest, "-cpu-whisper", "amd64")
                await publish(transport, images, tag, "image")

        anyio.run(stock)
        path = file(tmp_path, images, bases)
        built = ("--built", "own", "--refresh", "2026-W47")
        everything, _ = planned(tree, path)
        assert everything == {ENTRY, "cpu-whisper/arm64"}
        assert planned(tree, path, *built)[0] == {"cpu-whisper/arm64"}
        assert planned(tree, path, *built[:-1], "2026-W48")[0] == everything

        (tree / "backend/go/whisper/main.go").write_text("package other\n")
        subprocess.run(["git", "-C", str(tree), *GIT, "commit", "-qam", "edit"], check=True)
        assert planned(tree, path, *built)[0] == everything


def test_a_registry_that_does_not_answer_drops_nothing_and_is_told(tmp_path: Path) -> None:
    nowhere = Repository.parse("127.0.0.1:9/none")
    tree = clone(tmp_path / "localai", f"{nowhere}:24.04")
    path = file(tmp_path, nowhere, nowhere)
    everything, _ = planned(tree, path)
    left, said = planned(tree, path, "--built", "own")
    assert left == everything
    assert "counted as not built" in said
