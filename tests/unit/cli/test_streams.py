"""What happens to the output of a command that nobody reads, that is full, closed, or not UTF-8."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from localai_ci.cli import app

RUN = (sys.executable, "-c", "from localai_ci.cli import app; app()")


def command(script: str, *words: str, **environment: str) -> tuple[int, str]:
    """Runs `localai-ci WORDS` in a line of shell, where it is "$@"; its code and standard error."""
    done = subprocess.run(
        ["bash", "-c", script, "bash", *RUN, *words],
        env=os.environ | environment, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", [("matrix", "show"), ("variants",)])
def test_a_reader_that_leaves_early_is_no_fault(words: tuple[str, ...], buffered: str) -> None:
    """Which one is first is chance where all fits the pipe."""
    script = '"$@" | true; exit ${PIPESTATUS[0]}'
    code, said = command(script, *words, PYTHONUNBUFFERED=buffered)
    assert code in {0, 141}
    assert said == ""


def test_output_that_is_closed_is_not_missed() -> None:
    assert command('"$@" >&-', "variants") == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_disk_under_the_output_is_said_in_a_sentence(buffered: str) -> None:
    code, said = command('"$@" >/dev/full', "variants", PYTHONUNBUFFERED=buffered)
    assert code == 3
    assert said.startswith("error: standard output cannot be written: No space left on device\n")
    assert "Traceback" not in said


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html", "github"])
def test_a_terminal_of_few_characters_gets_the_others_escaped(form: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"backend/\xff.py\nbackend/\xc3\xa4.py\n")
    words = ("plan", "--event=push", f"--changed-files={tmp_path / 'list'}", f"--format={form}")
    code, said = command('"$@" >/dev/null', *words, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert code == 0
    assert "Traceback" not in said


FILES: dict[str, Callable[[Path], object]] = {
    "missing": Path.exists,
    "a folder": Path.mkdir,
    "empty": Path.touch,
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe"),
    "not JSON": lambda path: path.write_text("{"),
}
COMMANDS = (
    ("matrix", "check", "--matrix", "FILE"),
    ("matrix", "show", "--matrix", "FILE"),
    ("matrix", "import", "FILE"),
    ("bases", "differ", "FILE", "FILE"),
    ("estimates", "update", "FILE"),
    ("rollback", "--result", "FILE"),
    ("gc", "--older-than", "10", "--plan", "FILE"),
    ("tags", "--event=push", "--ref=refs/heads/x", f"--sha={'a' * 40}", "--registries", "FILE"),
    ("merge", "--event=push", "--ref=refs/heads/x", f"--sha={'a' * 40}", "--receipts", "FILE"),
    ("plan", "--event=push", "--source", "FILE"),
)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:2]))
def test_a_file_that_cannot_be_used_ends_every_command_with_two_and_a_sentence(
    words: tuple[str, ...],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "given"
    FILES[kind](path)
    given = [str(path) if word == "FILE" else word for word in words]
    monkeypatch.setattr("sys.argv", ["localai-ci", *given])
    with pytest.raises(SystemExit) as ended:
        app()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.startswith("error: ")
    assert str(path) in said.err
    assert said.out == ""
