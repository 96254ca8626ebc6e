"""The page in a real browser: what it shows, what a click and a search do, no error."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from unit.plan.deciding import MATRIX, plan

from localai_ci.config.estimates import load_estimates
from localai_ci.plan.decide import Plan
from localai_ci.plan.html import page
from localai_ci.plan.jobs import single
from localai_ci.plan.report import Report
from localai_ci.plan.simulate import simulate

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=4000",
]

# Runs in the page after its own script, and leaves what it saw where the test finds it.
PROBE = """<script>
const seen = {errors: window.faults};
const $ = text => document.querySelector(text);
const visible = () => [...document.querySelectorAll("#grid tbody tr")].filter(r => !r.hidden)
  .map(r => r.dataset.backend);
seen.rows = visible();
seen.cells = document.querySelectorAll("#grid .cell").length;
seen.planned = document.querySelectorAll("#grid .cell:not(.idle)").length;
seen.why = $("#details").textContent;
$('[data-id="cpu-whisper/amd64"]').click();
seen.details = $("#details").textContent;
seen.chosen = [...document.querySelectorAll(".cell.chosen")].map(c => c.dataset.id);
$("#only").click();
$("#search").value = "vulkan arm64 ced";
$("#search").dispatchEvent(new Event("input"));
seen.found = visible();
seen.bright = document.querySelectorAll("#grid .cell:not(.dim)").length;
$("#search").value = "no such thing";
$("#search").dispatchEvent(new Event("input"));
seen.empty = !$("#empty").hidden;
$("#search").value = "";
$("#search").dispatchEvent(new Event("input"));
seen.all = visible().length;
seen.bars = document.querySelectorAll("#timeline .bar").length;
document.querySelectorAll("#modes button")[2].click();
seen.packed = document.querySelectorAll("#timeline .bar").length;
$("#timeline .bar").dispatchEvent(new MouseEvent("click"));
seen.job = $("#details").textContent;
const out = document.createElement("pre");
out.id = "seen";
out.textContent = JSON.stringify(seen);
document.body.append(out);
</script>"""
FAULTS = "<script>window.faults = []; window.onerror = m => { window.faults.push(m); };</script>"


def rendered(found: Plan) -> str:
    estimates = load_estimates()
    jobs = single([p.entry for p in found.entries], estimates)
    run = simulate(jobs, 20, estimates, one_merge=True)
    return page(Report(found, jobs, run, 20, estimates))


@pytest.fixture(scope="module")
def text() -> str:
    return rendered(
        plan("backend/go/whisper/a.go", "backend/go/ced/<b>&\udce9.go", "docs/</script>x.md")
    )


def test_the_page_is_one_file_that_loads_nothing(text: str) -> None:
    assert not re.search(r'(?:src|href)="(?!data:,")', text)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", text)
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_paths_cannot_break_out_of_the_page(text: str) -> None:
    assert "<b>&" not in text
    assert text.count("</script>") == 2
    assert "docs/&lt;/script&gt;x.md" in text


def test_the_grid_has_a_cell_for_every_entry(text: str) -> None:
    ids = set(re.findall(r'data-id="([^"]+)"', text))
    assert ids == {e.id for e in MATRIX.entries}


def test_a_cell_says_whether_its_image_is_to_be_built_exists_or_stays_as_it_is() -> None:
    found = replace(plan("backend/go/whisper/a.go"), built={"cpu-ced/amd64": "a.test/b:c"})
    titles = dict(re.findall(r'data-id="([^"]+)"[^>]*title="[^"]*: ([^"]+)"', rendered(found)))
    assert titles["cpu-whisper/amd64"] == "to build"
    assert titles["cpu-ced/amd64"] == "exists already"
    assert titles["cpu-ced/arm64"] == "not built"


def test_the_whole_matrix_fits_into_a_page_of_a_megabyte() -> None:
    found = plan("backend/backend.proto")
    assert len(rendered(found).encode()) < 1_000_000


def test_in_a_browser_the_grid_answers_to_clicks_and_searches(text: str, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        pytest.skip("no Chromium here: apt-get install chromium")
    file = tmp_path / "plan.html"
    # Only for this test: the page itself takes no script but its own.
    probed = text.replace("<head>", f"<head>{FAULTS}").replace("</body>", f"{PROBE}</body>")
    file.write_text(probed, encoding="utf-8", errors="backslashreplace")
    command = [browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, timeout=120, check=True)
    dom = done.stdout.decode("utf-8", "replace")
    match = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert match, dom[-2000:]
    seen = json.loads(unescape(match[1]))
    assert seen["errors"] == []
    assert seen["rows"] == ["ced", "whisper"]
    assert (seen["cells"], seen["planned"]) == (519, 24)
    assert "backend/go/whisper/a.go changed, in its sources" in seen["why"]
    assert "Built because" in seen["details"]
    assert "ubuntu:24.04" in seen["details"]
    assert seen["chosen"] == ["cpu-whisper/amd64"]
    assert (seen["found"], seen["bright"]) == (["ced"], 1)
    assert seen["empty"] is True
    assert seen["all"] == 75
    assert (seen["bars"], seen["packed"] < 24) == (24, True)
    assert "waits" in seen["job"]
    assert b"CONSOLE" not in done.stderr
