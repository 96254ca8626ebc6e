"""Every way out of the program, with words from elsewhere: nothing of them is acted on."""

import io
import json
import re
import sys
from html import unescape
from pathlib import Path
from typing import cast

import dagger
import pytest
from attacks import ODD, WORDS, acted_on
from hypothesis import given, settings
from unit.cli.test_plan import run
from unit.plan.deciding import MATRIX, plan

from localai_ci.backends import report as backend_report
from localai_ci.backends.build import BuiltBackend
from localai_ci.backends.ccache_statistics import Statistics
from localai_ci.backends.package_check import Contents
from localai_ci.backends.smoke import Health, explain
from localai_ci.bases import report as base_report
from localai_ci.cli import output
from localai_ci.cli.merge import progress
from localai_ci.config.kind import ImageKind
from localai_ci.matrix.finding import Finding, Severity
from localai_ci.matrix.tables import Tables
from localai_ci.plan.checking import as_text
from localai_ci.plan.explain import explain as why
from localai_ci.plan.form import PlanFormat, render
from localai_ci.plan.report import Report, report_of
from localai_ci.release.inbox import Unusable
from localai_ci.release.result import ImageRow, MergeResult, Status

KNOWN = Tables()
ESTIMATES = KNOWN.estimates
SMALL = tuple(word for word in WORDS if len(word) < 100)


def report(*words: str) -> Report:
    """A plan in which these are names of files, below the sources of a backend too, and notes."""
    names = [f"{folder}/{word}" for word in words for folder in ("docs", "backend/go/whisper")]
    found = plan(*names, notes=words)
    return report_of(found, KNOWN, 20, pack=False)


@pytest.mark.parametrize("form", [form for form in PlanFormat if form is not PlanFormat.html])
def test_no_form_of_a_plan_has_anything_to_act_on(form: PlanFormat) -> None:
    text = render(report(*SMALL), form)
    assert acted_on(text) == []
    if form is PlanFormat.json:
        assert {f"docs/{word}" for word in SMALL} <= set(json.loads(text)["idle"])
    if form is PlanFormat.github:
        lines = text.splitlines()
        assert all(re.match(r"[a-z0-9_]+=", line) for line in lines)
        for line in lines:
            json.loads(line.partition("=")[2])


def test_the_page_shows_no_word_that_changes_others() -> None:
    text = render(report(*SMALL), PlanFormat.html)
    assert acted_on(text) == []
    assert acted_on(unescape(text)) == []
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data
    shown = json.dumps(json.loads(data[1]), ensure_ascii=False)
    assert acted_on(shown) == []
    assert len(re.findall(r"<script", text)) == 2
    assert "<img" not in text


@given(ODD)
@settings(max_examples=60, deadline=None)
def test_a_step_summary_is_plain_whatever_a_file_is_called(name: str) -> None:
    text = render(report(name), PlanFormat.markdown)
    assert acted_on(text) == []
    words = "\n".join(line for line in text.splitlines() if not line.startswith("- `"))
    assert not re.search(r"<(?!/?(?:details|summary)>)", words)


def test_an_answer_to_why_not_is_printable() -> None:
    found = report(*SMALL).plan
    for entry in (MATRIX.entries[0].id, found.entries[0].entry.id):
        assert acted_on(_printed(why(found, entry))) == []


def _printed(words: str) -> str:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", out)
        output.line(words)
        output.note(words)
        output.table(["a", "b"], [[words, words]], words)
        output.yaml({"a": words.encode(errors="replace").decode()})
    return out.getvalue()


@given(ODD)
def test_what_commands_print_is_printable(words: str) -> None:
    assert acted_on(_printed(words)) == []


@pytest.mark.parametrize("word", [" ".join(SMALL), "\x1b[31m", "##[group]x", "a\n::error::x"])
def test_a_wrong_option_is_repeated_in_printable_words(word: str) -> None:
    for command in (["plan", "--format", word], [f"x{word}"], ["plan", f"--x{word}"]):
        said = run(*command, code=2)
        assert said.startswith("error: ")
        assert acted_on(said) == []


def test_a_fault_of_our_own_is_told_in_printable_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError(" ".join(WORDS))

    monkeypatch.setattr("localai_ci.config.variants.load_variants", fails)
    said = run("variants", code=70)
    assert "Traceback" in said
    assert acted_on(said) == []


def test_the_result_of_a_merge_and_its_progress_are_printable(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for word in WORDS:
        row = ImageRow(kind=ImageKind.backends, suffix="-x", status=Status.failed, error=word)
        result = MergeResult(unusable=[word])
        result.images.append(row)
        assert acted_on(result.as_text()) == []
        result.write(tmp_path / "result.json")
        if not re.search("[\ud800-\udfff]", word):
            assert MergeResult.read(tmp_path / "result.json") == result
        with progress(1) as told:
            told(row)
        assert acted_on(capsys.readouterr().err) == []
        assert acted_on(str(Unusable(Path(word), "", word))) == []


@given(ODD)
def test_what_dagger_functions_return_is_printable(word: str) -> None:
    entry = MATRIX.entries[0]
    built = BuiltBackend(
        container=cast("dagger.Container", None),
        entry=entry,
        inputs=word,
        found="",
        base=word,
        statistics=Statistics(1, 1, 0, restored=word),
        contents=Contents({f"{word}/x": 5}),
    )
    toolchain = base_report.Toolchain(variant="x", image=word, tools={word: word})
    texts = [
        backend_report.as_table(built),
        backend_report.as_json(built),
        base_report.as_json(toolchain),
        base_report.as_table(toolchain),
        as_text(MATRIX, [Finding(Severity.error, "x", word, word, word)]),
        Health(word, 1.0).as_json(),
        str(explain(entry.id, 1, [word], TimeoutError())),
    ]
    assert [acted_on(text) for text in texts] == [[]] * len(texts)
