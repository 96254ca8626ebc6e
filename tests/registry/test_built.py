"""`plan --built`: what a registry holds from the same inputs is not built again."""

import json
import subprocess
from pathlib import Path

import anyio
import pytest
from lab.images import publish
from lab.oci import oci_registry
from lab.rooms import QUICK, fresh
from typer.testing import CliRunner

from localai_ci.cli import commands
from localai_ci.matrix.loading import load_matrix
from localai_ci.names import base_tag, input_tag
from localai_ci.plan.git import Checkout
from localai_ci.plan.inputhash import inputs_of
from localai_ci.plan.rules import load_inputs
from localai_ci.registry.reference import Repository
from localai_ci.registry.transport import Transport

ENTRY = "cpu-llama-cpp/amd64"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A clone of a LocalAI with one backend's folder."""
    folder = tmp_path / "localai"
    file = folder / "backend/cpp/llama-cpp/grpc-server.cpp"
    file.parent.mkdir(parents=True)
    file.write_text("int main() {}\n")
    git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@localhost")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "tree")):
        subprocess.run([*git, *command], check=True)
    return folder


def planned(tree: Path, registries: Path, *more: str) -> tuple[set[str], str]:
    """The entries that are left of a change to llama-cpp, and what was said beside."""
    changed = tree.parent / "changed"
    changed.write_text("backend/cpp/llama-cpp/grpc-server.cpp\n")
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


def test_an_image_of_the_same_inputs_is_dropped_and_after_an_edit_it_is_built(
    tree: Path, tmp_path: Path
) -> None:
    with oci_registry() as registry:
        images, bases = fresh(registry.address), fresh(registry.address)
        entry = {e.id: e for e in load_matrix().entries}[ENTRY]

        async def stock() -> None:
            async with Transport(policy=QUICK) as transport:
                base = await publish(transport, bases, base_tag(entry.builder), "base")
                listing = Checkout(tree).listing("HEAD")
                hashed = inputs_of(entry, listing, load_inputs(), base.digest).digest
                tag = input_tag(hashed, entry.suffix, entry.arch)
                await publish(transport, images, tag, "image")

        anyio.run(stock)
        path = file(tmp_path, images, bases)
        everything, _ = planned(tree, path)
        left, _ = planned(tree, path, "--built", "own")
        assert everything - left == {ENTRY}

        (tree / "backend/cpp/llama-cpp/grpc-server.cpp").write_text("int main() { return 1; }\n")
        git = ("git", "-C", str(tree), "-c", "user.name=t", "-c", "user.email=t@localhost")
        subprocess.run([*git, "commit", "-qam", "edit"], check=True)
        assert planned(tree, path, "--built", "own")[0] == everything


def test_a_registry_that_does_not_answer_drops_nothing_and_is_told(
    tree: Path, tmp_path: Path
) -> None:
    nowhere = Repository.parse("127.0.0.1:9/none")
    path = file(tmp_path, nowhere, nowhere)
    everything, _ = planned(tree, path)
    left, said = planned(tree, path, "--built", "own")
    assert left == everything
    assert "counted as not built" in said
