"""The page as text: one file, everything escaped, nothing missing."""

import re
from dataclasses import replace

import pytest
from unit.plan.deciding import MATRIX, plan

from localai_ci.matrix.tables import Tables
from localai_ci.plan.decide import Plan
from localai_ci.plan.html import page
from localai_ci.plan.report import report_of

KNOWN = Tables()
ESTIMATES = KNOWN.estimates


def rendered(found: Plan) -> str:
    return page(report_of(found, KNOWN, 20, pack=False))


@pytest.fixture(scope="module")
def text() -> str:
    return rendered(
        plan("backend/go/whisper/a.go", "backend/go/ced/<b>&\udce9.go", "docs/</script>x.md")
    )


def test_the_page_is_one_file_that_loads_nothing(text: str) -> None:
    assert not re.search(r'(?:src|href)="(?!data:,"|#)', text)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", text)
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_paths_cannot_break_out_of_the_page(text: str) -> None:
    assert "<b>&" not in text
    assert text.count("</script>") == 2
    assert "docs/<wbr>&lt;/<wbr>script&gt;x.md" in text


def test_the_grid_has_a_cell_for_every_entry(text: str) -> None:
    ids = set(re.findall(r'data-id="([^"]+)"', text))
    assert ids == {e.id for e in MATRIX.entries}


def test_a_cell_says_whether_its_image_is_to_be_built_exists_or_stays_as_it_is() -> None:
    found = replace(plan("backend/go/whisper/a.go"), built={"cpu-ced/amd64": "a.test/b:c"})
    cells = r'data-id="([^"]+)"[^>]*aria-label="[^"]*?: ([^",]+)'
    states = dict(re.findall(cells, rendered(found)))
    assert states["cpu-whisper/amd64"] == "to build"
    assert states["cpu-ced/amd64"] == "exists already"
    assert states["cpu-ced/arm64"] == "not built"


def test_the_whole_matrix_fits_into_a_page_of_a_megabyte() -> None:
    found = plan("backend/backend.proto")
    assert len(rendered(found).encode()) < 1_000_000


EVIL = [
    "backend/go/whisper/</script><script>alert(1)</script>.go",
    'backend/go/whisper/" onmouseover="x.go',
    "backend/go/whisper/\u202egnp.exe",
    "backend/go/whisper/a\n::add-mask::b.go",
    "backend/go/whisper/\x1b]0;x\x07.go",
    "backend/go/whisper/{{ 7*7 }}${x}`.go",
    "docs/<img src=x onerror=alert(1)>.md",
]


def test_names_of_files_neither_break_out_nor_turn_the_writing_nor_act() -> None:
    found = plan(*EVIL)
    noted = replace(found.change, notes=("<b>note</b>\u202e ::warning::x",))
    text = rendered(replace(found, change=noted, built={"cpu-ced/amd64": "x/<i>y</i>:in-1"}))
    assert text.count("</script>") == 2
    assert "<script>alert" not in text
    assert "<img" not in text
    assert not re.search(r"<[^>]*\sonmouseover=\"x", text)
    assert not re.search("[\u202e\x1b\x07]", text)
    assert "::add-mask::" not in text
    assert "::warning::" not in text
    assert "{{ 7*7 }}" in text
    assert "<b>note" not in text
    assert "<i>y" not in text


def test_each_changed_file_says_what_it_builds_alone(text: str) -> None:
    assert text.count("alone: 12 images, 12 jobs, 2 h 38 min") == 2


def test_what_is_reused_is_counted_and_named() -> None:
    found = plan("backend/go/whisper/a.go")
    there = {"cpu-whisper/amd64": "quay.io/x:in-1", "cpu-whisper/arm64": "quay.io/x:in-2"}
    kept = tuple(p for p in found.entries if p.entry.id not in there)
    text = rendered(replace(found, entries=kept, built=there))
    assert "images reused" in text
    assert "quay.io/x:in-2" in text
    assert text.count(": exists already") == 2


def test_a_page_of_thousands_of_files_stays_small_and_says_what_it_leaves_out() -> None:
    text = rendered(plan(*(f"backend/go/whisper/{n}.go" for n in range(3000))))
    assert "and 2600 more, each at most as much" in text
    assert len(text.encode()) < 1_000_000
