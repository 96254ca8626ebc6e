"""The commands as a user types them."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from localai_ci.cli import app
from localai_ci.errors import LocalaiCiError


def run(*arguments: str, stdin: bytes = b"", code: int = 0) -> str:
    """What a command prints: on standard output, or if it should fail on standard error."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["localai-ci", *arguments])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        try:
            app()
            found: object = 0
        except SystemExit as e:
            found = e.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    assert (found or 0) == code, texts
    return texts[0] if code == 0 else texts[1]


CHANGED = b"backend/go/whisper/main.go\nREADME.md\n"


def plan(*arguments: str, stdin: bytes = CHANGED) -> str:
    return run("plan", "--changed-files", "-", "--event", "pull_request", *arguments, stdin=stdin)


def test_the_console_script_is_installed_and_fails_in_words() -> None:
    command = [str(Path(sys.executable).with_name("localai-ci")), "matrix", "show"]
    assert b"519 entries" in subprocess.run(command, check=True, capture_output=True).stdout
    done = subprocess.run([*command, "--select", "x"], check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: ")
    assert b"Traceback" not in done.stderr


def test_a_person_sees_what_is_built_and_why() -> None:
    text = plan()
    assert text.startswith("12 of 519 entries to build (11 Linux, 1 Darwin) for 2 changed files.")
    assert "backend/go/whisper/main.go changed, in its sources backend/go/whisper" in text
    assert "README.md" in text


def test_json_has_entries_with_ids_reasons_and_rows() -> None:
    found = json.loads(plan("--format", "json"))
    entry = found["entries"][0]
    assert entry["id"] == "cpu-whisper/amd64"
    assert entry["reasons"][0]["kind"] == "own-folder"
    assert entry["row"]["dockerfile"] == "./backend/Dockerfile.golang"
    assert found["entries"][-1]["id"] == "metal-darwin-arm64-whisper/darwin-arm64"


def test_github_gets_outputs() -> None:
    outputs = dict(line.split("=", 1) for line in plan("--format", "github").splitlines())
    assert outputs["has_linux_1"] == "true"
    assert len(json.loads(outputs["linux_1"])["include"]) == 11


def test_a_step_summary_is_markdown() -> None:
    assert plan("--format", "markdown").startswith("### 12 of 519 entries to build")


def test_why_and_why_not_answer_in_a_paragraph() -> None:
    why = plan("--why", "cpu-whisper/amd64")
    assert why.count("\n") == 1
    assert why.startswith("cpu-whisper/amd64 is built because backend/go/whisper/main.go changed")
    why_not = plan("--why-not", "cpu-vllm/amd64")
    assert why_not.count("\n") == 1
    assert why_not.startswith("cpu-vllm/amd64 is not built: 2 files changed.")
    assert "python-common" in why_not


def test_names_that_are_not_utf8_are_printed_escaped() -> None:
    text = plan("--why", "cpu-whisper/amd64", stdin=b"backend/go/whisper/caf\xe9.go\n")
    assert r"caf\udce9.go" in text


def test_an_unknown_entry_is_an_error_in_words() -> None:
    text = run("plan", "--changed-files", "-", "--why", "cpu-wisper/amd64", code=2)
    assert text.startswith("error: no entry of ")
    assert "Did you mean" in text


def test_a_wrong_flag_is_a_usage_error() -> None:
    run("plan", "--no-such-flag", code=2)
    run("plan", "--event", "birthday", code=2)


@pytest.mark.parametrize("format_", ["table", "json", "github", "markdown", "html"])
def test_every_format_takes_the_whole_matrix_and_nothing_at_all(format_: str) -> None:
    assert run("plan", "--event", "tag", "--format", format_)
    assert plan("--format", format_, stdin=b"")


def test_a_page_is_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    plan("--format", "html", "--output", str(file))
    assert file.read_text("utf-8").startswith("<!doctype html>")


def test_the_previous_matrix_can_be_given_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "matrix.yml"
    text = run("matrix", "show", "--format", "localai")
    file.write_text(text.replace("rocm/dev-ubuntu-24.04:6.4.4", "rocm:old"), encoding="utf-8")
    found = plan("--previous-matrix", str(file), stdin=b".github/backend-matrix.yml\n")
    assert found.startswith("5 of 519 entries")
    assert "base-image: rocm:old → rocm/dev-ubuntu-24.04:6.4.4" in found


def test_a_file_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    text = run("plan", "--format", "html", "--output", str(tmp_path), code=2)
    assert "this cannot be written: Is a directory" in text


def test_a_registry_that_nobody_declared_is_an_error_that_names_the_others(
    tmp_path: Path,
) -> None:
    git = ("git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    said = run("plan", "--source", str(tmp_path), "--built", "Quay", code=2)
    assert "'Quay' is not a registry of registries.yaml" in said
    assert "quay, dockerhub" in said


def test_a_rebuilt_base_that_does_not_exist_is_an_error_that_names_the_others() -> None:
    assert "cuda-12-amd64" in run("plan", "--rebuilt-base", "cuda-12", code=2)


def test_simulate_compares_both_ways_on_three_shapes() -> None:
    lines = [x for x in run("simulate", "--runners", "20").splitlines() if "packed" in x]
    assert len(lines) == 3


def test_the_matrix_is_shown_selected_and_in_localais_format() -> None:
    text = run("matrix", "show", "--select", "cpu-ced/*", "--format", "localai")
    assert text.count("tag-suffix: -cpu-ced") == 2
    ids = [e["id"] for e in json.loads(run("matrix", "show", "--format", "json"))]
    assert len(ids) == 519


def test_the_matrix_checks_diffs_and_imports_itself(tmp_path: Path) -> None:
    assert "0 errors" in run("matrix", "check")
    file = tmp_path / "matrix.yml"
    file.write_text(run("matrix", "show", "--format", "localai"), encoding="utf-8")
    from localai_ci.config.data import data_dir

    assert "0 entries differ" in run("matrix", "diff", str(data_dir()), str(file))
    assert run("matrix", "import", str(file)) == ""


def test_a_faulty_matrix_makes_check_fail(tmp_path: Path) -> None:
    file = tmp_path / "matrix.yml"
    text = run("matrix", "show", "--select", "cpu-ced/amd64", "--format", "localai")
    file.write_text(text.replace("ubuntu-latest", "my-laptop"), encoding="utf-8")
    run("matrix", "check", "--matrix", str(file), code=1)


def test_estimates_are_updated_from_receipts(tmp_path: Path) -> None:
    from localai_ci.config.data import data_dir

    file = tmp_path / "estimates.yaml"
    file.write_bytes((data_dir() / "estimates.yaml").read_bytes())
    receipts = tmp_path / "receipts"
    receipts.mkdir()
    (receipts / "a.json").write_text('{"entry": "cpu-ced/amd64", "seconds": 600}')
    run("estimates", "update", str(receipts), "--file", str(file))
    assert '"cpu-ced/amd64": 10\n' in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("merge_group", 12),
        ("pull_request_target", 12),
        ("release", 519),
        ("repository_dispatch", 519),
        ("workflow_run", 519),
    ],
)
def test_an_event_goes_by_githubs_name(name: str, entries: int) -> None:
    text = run("plan", "--changed-files", "-", "--event", name, stdin=CHANGED)
    assert text.startswith(f"{entries} of 519 entries")


def test_the_version_is_printed() -> None:
    assert run("--version").startswith("localai-ci ")


def test_exit_codes_tell_findings_from_input_and_from_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("plan", "--matrix", str(tmp_path / "none"), code=2)

    def fails(*_: object) -> None:
        raise LocalaiCiError("no answer")

    monkeypatch.setattr("localai_ci.matrix.loading.load_matrix", fails)
    run("matrix", "show", code=3)
    monkeypatch.setattr("localai_ci.matrix.loading.load_matrix", lambda *_: 1 / 0)
    assert "please report it" in run("matrix", "show", code=70)


def test_what_a_terminal_or_a_runner_would_act_on_is_printed_escaped() -> None:
    name = b"backend/go/whisper/\x1b[31m::add-mask::x\xe2\x80\xae##[set-output]\0"
    text = plan("--why", "cpu-whisper/amd64", stdin=name)
    assert not {"\x1b", "\u202e"} & set(text)
    assert "::add-mask" not in text
    assert "##[" not in text
    assert "\\x1b[31m" in text


def test_a_file_name_is_never_markup() -> None:
    text = plan(stdin=b"docs/[/x].md\ncore/[id].tsx\n")
    assert "docs/[/x].md" in text
    assert "core/[id].tsx" in text


def test_a_step_summary_shows_names_as_they_are() -> None:
    name = b"docs/a`b|<img src=x>::add-mask::x\n.md\0README.md\0"
    text = plan("--format", "markdown", stdin=name)
    assert "::add-mask" not in text
    assert "- ``" in text
    assert r"a`b|<img src=x>:\:add-mask" in text
    assert "\n.md" not in text


@pytest.mark.parametrize("seconds", ["100000", "true", "-1", "NaN", "1e999", '"600"'])
def test_a_receipt_with_a_time_that_cannot_be_is_refused(seconds: str, tmp_path: Path) -> None:
    from localai_ci.config.data import data_dir

    file = tmp_path / "estimates.yaml"
    before = (data_dir() / "estimates.yaml").read_bytes()
    file.write_bytes(before)
    receipts = tmp_path / "receipts"
    receipts.mkdir()
    (receipts / "a.json").write_text(f'{{"entry": "cpu-ced/amd64", "seconds": {seconds}}}')
    said = run("estimates", "update", str(receipts), "--file", str(file), code=2)
    assert "a.json: `seconds` is" in said or "a.json: not a receipt" in said
    assert file.read_bytes() == before


def test_a_budget_that_no_runner_has_is_refused() -> None:
    assert "360" in run("plan", "--event", "schedule", "--budget", "600", code=2)
