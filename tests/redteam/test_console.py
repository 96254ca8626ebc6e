"""Each attack of the fork against plan and check: it gets an answer, and nothing else."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from redteam.canaries import Canaries, canaries
from redteam.tree import ATTACKS, fork

HERE = Path(__file__).parent
SECONDS = 15
BYTES = 1 << 30
FORMATS = ("table", "json", "github", "markdown", "html")
FAULT = 70


@pytest.fixture
def laid_out(tmp_path: Path) -> Iterator[Canaries]:
    with canaries(tmp_path) as found:
        yield found


def attacked(root: Path, files: Path) -> list[list[str]]:
    """What a pipeline asks of a fork's tree."""
    plan = ["plan", "--source", str(root), "--base", "HEAD~1"]
    found = [[*plan, "--format", form, "--output", str(files / f"plan.{form}")] for form in FORMATS]
    found += [[*plan, "--event", "pull_request"], ["plan", "--source", str(root)]]
    found += [["plan", "--source", str(root), "--base", "HEAD~1", "--head", "HEAD~1"]]
    found += [["matrix", "check", "--source", str(root)]]
    found += [["matrix", "check", "--source", str(root), "--format", "json"]]
    found += [["matrix", "check", "--matrix", str(root / "matrix")]]
    found += [["matrix", "show", "--matrix", str(root / ".github/backend-matrix.yml")]]
    found += [["matrix", "import", str(root / ".github/backend-matrix.yml")]]
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_a_forks_tree_gets_an_answer_and_no_canary(
    name: str, laid_out: Canaries, tmp_path: Path
) -> None:
    root = fork(tmp_path, name, laid_out)
    files = tmp_path / "written"
    files.mkdir()
    commands = attacked(root, files)
    done = subprocess.run(
        [sys.executable, HERE / "driver.py", files, str(SECONDS), str(BYTES)],
        input=json.dumps(commands), env=laid_out.environ, cwd=tmp_path,
        capture_output=True, text=True, timeout=(SECONDS + 2) * len(commands), check=True,
    )  # fmt: skip
    texts = {path.name: path.read_text(errors="surrogateescape") for path in files.iterdir()}
    assert laid_out.taken(texts) == []
    for number, (command, code) in enumerate(zip(commands, json.loads(done.stdout), strict=True)):
        said = texts[f"{number}.err"]
        assert code in {0, 1, 2, 3}, f"{command} ended with {code}: {said[-1500:]}"
        assert "Traceback" not in said
        for text in (texts[f"{number}.out"], said):
            _plain(" ".join(command), text)
    for form in ("table", "markdown"):
        _plain(form, texts.get(f"plan.{form}", ""))
    for line in texts.get("plan.github", "").splitlines():
        assert re.match(r"[A-Za-z0-9_.-]+=", line)
        assert "touch" not in line, f"a hostile value reaches a workflow: {line[:300]}"


def _plain(where: str, text: str) -> None:
    """Nothing that a terminal or a runner would act on."""
    odd = [c for c in text if not (c.isprintable() or c in "\n\t")]
    assert not odd, f"{where}: {odd[:5]}"
    commands = re.findall(r"^.*(?:::[a-z-]+[ :].*|##\[.*)$", text, re.MULTILINE)
    assert not commands, f"{where}: {commands[:3]}"
