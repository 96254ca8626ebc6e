"""Two plans, and what differs."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner
from unit.plan.deciding import plan

from localai_ci.cli import commands
from localai_ci.errors import InputError
from localai_ci.matrix.tables import Tables
from localai_ci.plan.html import page
from localai_ci.plan.plan_diff import as_json, as_markdown, as_text, plan_diff
from localai_ci.plan.report import as_json as plan_json
from localai_ci.plan.report import report_of
from localai_ci.plan.saved_plan import SavedPlan, load_plan, read_plan

KNOWN = Tables()
ESTIMATES = KNOWN.estimates
PATHS = ["backend/go/whisper/a.go", "backend/go/ced/a.go", "backend/python/vllm/a", "README.md"]


def saved(*paths: str, built: dict[str, str] | None = None) -> SavedPlan:
    data = plan_json(report_of(plan(*paths), KNOWN, 20, pack=False))
    return SavedPlan.model_validate(data | {"built": built or {}})


SAVED = {
    paths: saved(*paths) for paths in [(), *[(p,) for p in PATHS], tuple(PATHS[:2]), tuple(PATHS)]
}


@settings(max_examples=40)
@given(st.sampled_from(list(SAVED.values())), st.sampled_from(list(SAVED.values())))
def test_what_one_plan_adds_the_other_way_round_it_loses(old: SavedPlan, new: SavedPlan) -> None:
    found, back = plan_diff(old, new), plan_diff(new, old)
    assert [e.id for e in found.added] == [e.id for e in back.removed]
    assert [e.id for e in found.removed] == [e.id for e in back.added]
    assert {c.id for c in found.changed} == {c.id for c in back.changed}
    assert bool(found) == (old.entries != new.entries) == bool(back)
    left = set(old.by_id()) - {e.id for e in found.removed} | {e.id for e in found.added}
    assert left == set(new.by_id())


def test_a_plan_and_itself_do_not_differ() -> None:
    found = plan_diff(SAVED[tuple(PATHS)], SAVED[tuple(PATHS)])
    assert not found
    assert as_text(found) == "Both plans build the same, for the same reasons."


def test_text_markdown_and_json_say_what_is_more_why_and_what_it_costs() -> None:
    found = plan_diff(saved("backend/go/ced/a.go"), saved(*PATHS[:2]))
    assert "12 images more to build." in as_text(found)
    assert "backend/go/whisper/a.go changed, in its sources" in as_text(found)
    assert "images: 12 → 24" in as_text(found)
    assert "| images | 12 | 24 |" in as_markdown(found)
    data = as_json(found)
    assert len(data["added"]) == 12  # type: ignore[arg-type]
    assert data["figures"]["images"] == [12, 24]  # type: ignore[index]


def test_another_reason_or_another_row_is_a_change() -> None:
    old = saved("backend/go/whisper/a.go")
    new = saved("backend/go/whisper/b.go")
    assert {c.id for c in plan_diff(old, new).changed} == set(old.by_id())
    first = old.entries[0]
    other = first.model_copy(update={"row": first.row | {"base-image": "ubuntu:26.04"}})
    (changed,) = plan_diff(
        old, old.model_copy(update={"entries": [other, *old.entries[1:]]})
    ).changed
    assert str(changed) == "base-image: ubuntu:24.04 → ubuntu:26.04"


def test_what_the_new_plan_only_tags_is_not_called_removed() -> None:
    old, id_ = saved("backend/go/whisper/a.go"), "cpu-whisper/amd64"
    entries = [e for e in old.entries if e.id != id_]
    new = old.model_copy(update={"entries": entries, "built": {id_: "quay.io/x:in-1"}})
    assert "exists already" in as_text(plan_diff(old, new))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"entries": 1}', "\x00", "[" * 100_000, '{"budget": {"jobs": 1e999}}',
             '{"event":"push","entries":[{"id":1}],"budget":{}}']
)  # fmt: skip
def test_what_is_not_a_plan_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="not a plan") as caught:
        read_plan(text.encode(), "old.json")
    assert "old.json" in str(caught.value)


def test_a_plan_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json"):
        load_plan(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        load_plan(tmp_path)


def test_the_command_exits_with_1_where_plans_differ_and_with_0_where_not(tmp_path: Path) -> None:
    files = []
    for number, paths in enumerate([PATHS[:1], PATHS[:2]]):
        file = tmp_path / f"{number}.json"
        file.write_text(
            json.dumps(plan_json(report_of(plan(*paths), KNOWN, 20, pack=False))), "utf-8"
        )
        files.append(str(file))
    run = CliRunner().invoke
    assert run(commands, ["plan-diff", files[0], files[0]]).exit_code == 0
    told = run(commands, ["plan-diff", *files, "--format", "json"])
    assert told.exit_code == 1
    assert len(json.loads(told.stdout)["added"]) == 12


def test_a_page_shows_the_difference_and_marks_the_images() -> None:
    report = report_of(plan(*PATHS[1:2]), KNOWN, 20, pack=False)
    text = page(report, saved(PATHS[0]))
    assert "Against the earlier plan" in text
    assert "12 images more to build, 12 images not built any more." in text
    assert text.count(' data-mark="added" aria') == 12
    assert text.count(' data-mark="removed" aria') == 12
    assert "Against the earlier plan" not in page(report)
