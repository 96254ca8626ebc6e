"""The page in a real Chromium: widths, keys, day, night and paper, without a complaint."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from registries.browser import Tab, browser, chromium
from unit.plan.deciding import MATRIX, plan

from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.tables import Tables
from localai_ci.plan.decide import Plan
from localai_ci.plan.event import Event
from localai_ci.plan.html import page
from localai_ci.plan.report import as_json, report_of
from localai_ci.plan.saved_plan import SavedPlan

pytestmark = pytest.mark.skipif(not chromium(), reason="no Chromium here: apt-get install chromium")

KNOWN = Tables()
ESTIMATES = KNOWN.estimates
FILES = ("backend/go/whisper/a.go", "backend/go/ced/<b>&\udce9.go", "pkg/grpc/server.go",
         "docs/</script>x.md", "backend/go/whisper/" + "long" * 50 + ".go")  # fmt: skip
WIDTHS = (1000, 1440, 1920)

Act = Callable[[Tab], Awaitable[Any]]


def text_of(found: Plan, old: Plan | None = None, *, pack: bool = False) -> str:
    earlier = None
    if old:
        data = as_json(report_of(old, KNOWN, 20, pack=False))
        earlier = SavedPlan.model_validate(data)
    return page(report_of(found, KNOWN, 20, pack=pack), earlier)


def show(folder: Path, text: str, act: Act) -> Any:
    """Open a page, do something with it, and see that the browser complained of nothing."""
    file = folder / "plan.html"
    file.write_text(text, encoding="utf-8", errors="backslashreplace")

    async def run() -> Any:
        async with browser(folder) as tab:
            await tab.size(1440)
            await tab.open(file)
            result = await act(tab)
            assert tab.complaints == []
            assert [u for u in tab.requests if not u.startswith(("data:", file.as_uri()))] == []
            return result

    return asyncio.run(run())


SMALL = plan("backend/go/whisper/a.go", "backend/go/ced/a.go")
FULL = plan(event=Event.tag)


@cache
def full() -> str:
    return text_of(FULL, pack=True)


PAGES: dict[str, Callable[[], str]] = {
    "a few files": lambda: text_of(plan(*FILES)),
    "everything": full,
    "nothing": lambda: text_of(plan("README.md")),
    "a difference": lambda: text_of(plan(*FILES), SMALL),
    "reused": lambda: text_of(
        replace(SMALL, entries=SMALL.entries[12:],
                built={p.entry.id: "quay.io/x/y:in-" + "0" * 64 for p in SMALL.entries[:12]})
    ),
}  # fmt: skip

CUT = """[...document.querySelectorAll("body *")].filter(part => {
  const box = part.getBoundingClientRect();
  return box.width && box.right > document.documentElement.clientWidth + 1
    && !part.closest(".skip, option, title");
}).map(part => part.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_at_1000_1440_and_1920_pixels(name: str, tmp_path: Path) -> None:
    async def act(tab: Tab) -> None:
        await tab.js('document.querySelectorAll("details").forEach(part => part.open = true)')
        for width in WIDTHS:
            await tab.size(width)
            root = "document.documentElement"
            assert await tab.js(f"{root}.scrollWidth") == width, f"the page scrolls at {width}"
            assert await tab.js(CUT) == [], f"cut at {width}"
            boxes = '[...document.querySelectorAll(".scroll.overflows")].length'
            assert await tab.js(boxes) == 0, f"a part scrolls at {width}"

    show(tmp_path, PAGES[name](), act)


def test_a_matrix_with_more_accelerators_scrolls_inside_its_own_box(tmp_path: Path) -> None:
    rows = [
        replace(e, build_type=f"accelerator-{n}", suffix=f"-a{n}{e.suffix}")
        for n in range(40) for e in MATRIX.entries[:2]
    ]  # fmt: skip
    found = plan("backend/cpp/llama-cpp/x", matrix=Matrix(tuple(rows), "wide", {}))

    async def act(tab: Tab) -> None:
        await tab.size(1000)
        assert await tab.js("document.documentElement.scrollWidth") == 1000
        assert await tab.js('document.querySelectorAll(".scroll.overflows").length') == 1

    show(tmp_path, text_of(found), act)


FOCUS = """(() => {
  const it = document.activeElement;
  return it.id || it.dataset.id || it.className.baseVal || it.value || it.className || it.tagName;
})()"""


async def tabbed(tab: Tab, number: int) -> list[str]:
    seen = []
    for _ in range(number):
        await tab.press("Tab")
        seen.append(str(await tab.js(FOCUS)))
    return seen


def test_the_tab_key_goes_once_through_each_part_in_reading_order(tmp_path: Path) -> None:
    async def act(tab: Tab) -> list[str]:
        return await tabbed(tab, 14)

    seen = show(tmp_path, text_of(SMALL), act)
    assert seen == [
        "skip", "no-print", "search", "only", "reason", "minutes",
        "linkish by-file", "linkish by-file", "cpu-ced/amd64",
        "as planned", "one image a job", "packed", "bar", "SUMMARY",
    ]  # fmt: skip


def test_arrows_walk_the_grid_and_enter_and_escape_show_and_leave(tmp_path: Path) -> None:
    async def act(tab: Tab) -> None:
        await tabbed(tab, 9)
        walk = []
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "End", "Home", "ArrowUp", "ArrowUp"):
            await tab.press(key)
            walk.append(await tab.js(FOCUS))
        assert walk == [
            "cpu-ced/arm64", "gpu-nvidia-cuda-12-ced/amd64", "gpu-nvidia-cuda-12-whisper/amd64",
            "metal-darwin-arm64-whisper/darwin-arm64", "cpu-whisper/amd64", "cpu-ced/amd64",
            "cpu-ced/amd64",
        ]  # fmt: skip
        await tab.press("Enter")
        assert "Built because" in await tab.js('document.querySelector("#details").textContent')
        assert await tab.js('document.querySelectorAll(".cell.chosen").length') == 1
        assert await tab.js('document.querySelectorAll("#grid [tabindex=\\"0\\"]").length') == 1
        await tab.press("Escape")
        assert "Built because" not in await tab.js('document.querySelector("#details").textContent')
        assert await tab.js(FOCUS) == "cpu-ced/amd64"
        await tab.press("/")
        assert await tab.js(FOCUS) == "search"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await tab.js(outline) == "solid"

    show(tmp_path, text_of(SMALL), act)


def test_the_run_is_walked_by_arrows_and_says_what_ends_last(tmp_path: Path) -> None:
    async def act(tab: Tab) -> None:
        assert await tab.js('document.querySelectorAll("#timeline .lane.own").length') == 2
        lanes = '[...document.querySelectorAll("#timeline .lane.own")].map(t => t.textContent)'
        assert await tab.js(lanes) == ["bigger-runner 1", "bigger-runner 2"]
        ends = await tab.js('document.querySelector("#ends").textContent')
        assert "ends last, after" in ends
        assert "With one" in ends or "would not help" in ends
        assert "bigger-runner (2 machines of your own)" in await tab.js(
            'document.querySelector("#pools").textContent'
        )
        assert await tab.js('document.querySelectorAll("#timeline .chain").length') >= 2
        await tab.js('document.querySelector("#timeline [tabindex=\\"0\\"]").focus()')
        before = await tab.js("document.activeElement.getAttribute('aria-label')")
        await tab.press("ArrowDown")
        after = await tab.js("document.activeElement.getAttribute('aria-label')")
        assert (" on bigger-runner" in before, before != after) == (True, True)
        await tab.press("Enter")
        assert "on bigger-runner: starts at once" in await tab.js(
            'document.querySelector("#details").textContent'
        )
        await tab.js('document.querySelectorAll("#modes button")[1].click()')
        assert await tab.js('document.querySelectorAll("#timeline .bar").length') == 519

    show(tmp_path, full(), act)


def test_a_full_run_is_coloured_by_minutes_and_says_them(tmp_path: Path) -> None:
    async def act(tab: Tab) -> None:
        cell = "document.querySelector('[data-id=\"gpu-rocm-hipblas-llama-cpp/amd64\"]')"
        assert await tab.js(f"{cell}.textContent") == "147"
        colours = """new Set([...document.querySelectorAll(".cell")]
          .map(cell => getComputedStyle(cell).backgroundColor)).size"""
        assert await tab.js(colours) >= 3
        await tab.js('document.querySelector("#colours button").click()')
        assert await tab.js(f"{cell}.textContent") == "A"

    show(tmp_path, full(), act)


def test_a_changed_file_shows_its_images_and_a_search_finds_others(tmp_path: Path) -> None:
    async def act(tab: Tab) -> None:
        rows = """[...document.querySelectorAll("#grid tbody tr:not([hidden])")]
          .map(row => row.dataset.backend)"""
        bright = 'document.querySelectorAll("#grid tr:not([hidden]) .cell:not(.dim)").length'
        await tab.js("document.querySelector('[data-file*=\"ced/\"]').click()")
        assert (await tab.js(rows), await tab.js(bright)) == (["ced"], 12)
        await tab.press("Escape")
        assert await tab.js(rows) == ["ced", "whisper"]
        await tab.js('document.querySelector("#only").click()')
        await tab.press("/")
        for letter in "vulkan arm64 ced":
            await tab.press(letter)
        assert (await tab.js(rows), await tab.js(bright)) == (["ced"], 1)
        for letter in " nothing":
            await tab.press(letter)
        assert await tab.js('!document.querySelector("#empty").hidden') is True

    show(tmp_path, text_of(plan(*FILES[:2])), act)


def test_by_night_the_ground_is_dark_and_on_paper_it_is_white(tmp_path: Path) -> None:
    async def act(tab: Tab) -> bytes:
        ground = "getComputedStyle(document.body).backgroundColor"
        assert await tab.js(ground) == "rgb(245, 246, 248)"
        await tab.media("screen", "dark")
        assert await tab.js(ground) == "rgb(17, 22, 29)"
        await tab.media("print", "dark")
        assert await tab.js(ground) == "rgb(255, 255, 255)"
        ink = "getComputedStyle(document.body).color"
        assert await tab.js(ink) == "rgb(26, 33, 43)"
        hidden = 'getComputedStyle(document.querySelector("nav")).display'
        assert await tab.js(hidden) == "none"
        await tab.media("", "dark")
        return await tab.pdf()

    pdf: bytes = show(tmp_path, full(), act)
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 2
