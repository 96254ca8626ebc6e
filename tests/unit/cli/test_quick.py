"""A plain call of `plan` is read without the program, to the same options and answers."""

import inspect
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.cli import plan as command
from localai_ci.cli import planning
from localai_ci.cli.planning import PlanOptions
from localai_ci.cli.program import commands
from localai_ci.cli.quick import FLAGS, MANY, names_of, plain_plan

PROGRAM = typer.main.get_command(commands).commands["plan"]  # type: ignore[attr-defined]
WORDS = st.sampled_from(
    [
        *(name for field in fields(PlanOptions) for name in names_of(field.name)),
        *("x", "-", "3", "0", "-1", "1.5", "json", "nothing", "--help", "-h", "--", "a=b", ""),
        *(
            "--runners=2",
            "--runners=0",
            "--format=json",
            "--pack=1",
            "-ofile",
            "-o=x",
            "--base=--x",
        ),
    ]
)


def by_program(words: list[str], monkeypatch: pytest.MonkeyPatch) -> PlanOptions | None:
    """The options as the program reads them, None where it refuses."""
    found: list[PlanOptions] = []
    monkeypatch.setattr(command, "run", found.append)
    try:
        PROGRAM.main(args=words, standalone_mode=False)
    except Exception:  # noqa: BLE001 - however it says so
        return None
    return found[0] if found else None


def test_every_option_of_the_program_is_known_with_its_default() -> None:
    declared = {p.name: p for p in PROGRAM.params if p.name != "help"}
    assert set(declared) == {field.name for field in fields(PlanOptions)}
    signature = inspect.signature(command.plan).parameters
    for field in fields(PlanOptions):
        assert tuple(declared[field.name].opts) == names_of(field.name)
        assert signature[field.name].default == field.default
        assert declared[field.name].is_flag is (field.name in FLAGS)
        assert declared[field.name].multiple is (field.name in MANY)


@given(st.lists(WORDS, max_size=6))
def test_what_is_read_quickly_is_what_the_program_reads(words: list[str]) -> None:
    quick = plain_plan(words)
    if quick is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        assert by_program(words, patch) == quick


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (
            ["--source", "a", "--base=b", "--pack"],
            PlanOptions(source=Path("a"), base="b", pack=True),
        ),
        (["--force", "a", "--force=b"], PlanOptions(force=["a", "b"])),
        (["-o", "x", "--budget", "3"], PlanOptions(out=Path("x"), budget=3.0)),
        (["--changed-files", "-"], PlanOptions(changed_files="-")),
    ],
)
def test_a_plain_call_is_read(words: list[str], wanted: PlanOptions) -> None:
    assert plain_plan(words) == wanted


@pytest.mark.parametrize(
    "words", [["--help"], ["--sorce", "x"], ["--base"], ["--runners", "0"], ["x"], ["--format=x"]]
)
def test_what_is_not_plain_is_left_to_the_program(words: list[str]) -> None:
    assert plain_plan(words) is None


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    console = str(Path(sys.executable).with_name("localai-ci"))
    return subprocess.run(
        [console, *words], capture_output=True, text=True, check=False,
        env=os.environ | environment,
    )  # fmt: skip


def test_help_errors_and_questions_of_shells_are_the_programs() -> None:
    assert "--since-published" in run("plan", "--help").stdout
    wrong = run("plan", "--sorce", "x")
    assert wrong.returncode == 2
    assert "--source" in wrong.stderr
    faulty = run("plan", "--event", "nothing")
    assert (faulty.returncode, faulty.stderr[:20]) == (2, "error: --event: unkn")
    asked = run("plan", _LOCALAI_CI_COMPLETE="complete_bash")
    assert "bash" in asked.stderr  # whoever completes asks the program, and builds no plan


def test_a_plain_plan_loads_neither_typer_nor_pydantic(tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.write_text("backend/go/whisper/main.go\n")
    code = (
        "import sys; sys.argv[0] = 'localai-ci'\nfrom localai_ci.cli import app\n"
        "try: app()\nexcept SystemExit: pass\n"
        "print(sorted({'typer', 'pydantic', 'rich', 'aiohttp', 'dagger'} & set(sys.modules)))"
    )
    arguments = ["plan", "--changed-files", str(changed), "--format", "github"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert planning.__name__.endswith("planning")
