"""What a job tells of its entries: data, a table, and what failed."""

import json

from hypothesis import given
from hypothesis import strategies as st

from localai_ci.release.outcomes import JobReport, LegOutcome, LegResult, joined

GOOD = LegOutcome("cpu-good/amd64", LegResult.published, 61.4, 12_300_000, 45_600_000, "answered")
BAD = LegOutcome("cpu-bad/amd64", LegResult.failed, 3.0, error="step x failed\n    tail\n  remedy")
JOB = JobReport("backends", "4711", (GOOD, BAD), (("amd64", 12.0, "built in place"),), 80.0)


def test_the_table_has_a_row_for_each_entry_and_each_base() -> None:
    rows = [line for line in JOB.as_markdown().splitlines() if line.startswith("| ")][1:]
    assert rows == [
        "| cpu-good/amd64 | published | 61 | 12.3 | 45.6 | answered |",
        "| cpu-bad/amd64 | failed | 3 |  |  | step x failed |",
        "| amd64 | base | 12 | | | built in place |",
    ]
    assert "1 of 2 legs published, 1 failed." in JOB.as_markdown()


def test_what_failed_is_told_whole_and_nothing_else_is() -> None:
    assert JOB.as_failures() == "cpu-bad/amd64: step x failed\n    tail\n  remedy\n"
    assert JobReport("backends", "1", (GOOD,)).as_failures() == ""


def test_the_data_say_whether_all_is_well() -> None:
    told = json.loads(JOB.as_json())
    assert (told["ok"], told["run"], told["kind"]) == (False, "4711", "backends")
    assert told["entries"][0]["disk"] == 45_600_000
    assert told["bases"] == [{"variant": "amd64", "seconds": 12.0, "why": "built in place"}]
    assert json.loads(JobReport("images", "1", (GOOD,)).as_json())["ok"]


def test_a_run_fails_by_what_no_job_did_too() -> None:
    whole = joined([JobReport("backends", "1", (GOOD,))], "1", 5.0)
    assert not whole.failures
    also = JobReport("backends", "1", (GOOD,), also=("image -cpu-x refused: no receipt",))
    assert not json.loads(also.as_json())["ok"]
    assert "> image \\-cpu" in also.as_markdown() or "> image -cpu" in also.as_markdown()


def test_a_job_without_entries_has_nothing_to_fail_by() -> None:
    assert json.loads(joined([], "1", 0.0).as_json())["ok"]


@given(st.text(max_size=200))
def test_whatever_a_build_printed_stays_in_its_cell_and_commands_no_runner(text: str) -> None:
    report = JobReport("backends", "1", (LegOutcome("cpu-x/amd64", LegResult.failed, error=text),))
    lines = report.as_markdown().splitlines()
    (row,) = [line for line in lines if line.startswith("| cpu-x/amd64")]
    assert row.endswith(" |")
    assert "::set-output" not in report.as_failures()
    assert "\x1b" not in report.as_failures() + row
    assert json.loads(report.as_json())["entries"][0]["error"] == text
