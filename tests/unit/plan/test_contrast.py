"""Colours of the page: every pair that is used is legible (WCAG 2.2 AA), by day and by night."""

import re
from importlib.resources import files

import pytest

CSS = (files("localai_ci.plan") / "page" / "colours.css").read_text("utf-8")
KINDS = ["sources", "dockerfile", "shared", "row", "protocol", "base", "asked", "unknown"]

TEXT = [
    *[
        (ink, ground)
        for ink in ("ink", "quiet", "accent", "warn")
        for ground in ("panel", "ground")
    ],
    ("on-accent", "accent"),
    ("ink", "mark"),
    *[("on-kind", kind) for kind in KINDS],
    *[(f"on-step-{step}", f"step-{step}") for step in range(1, 6)],
]
"""Text and what it stands on: 4.5 to 1."""

EDGES = [("edge", "panel"), ("edge", "ground"), ("accent", "panel"), ("warn", "panel"),
         ("ink", "panel"), *[(kind, "panel") for kind in KINDS]]  # fmt: skip
"""Controls, marks and what they stand on: 3 to 1."""


def scheme(name: str) -> dict[str, str]:
    day, _, night = CSS.partition("@media")
    found = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})\b", day))
    if name == "dark":
        found |= dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})\b", night))
    return found


def luminance(colour: str) -> float:
    def linear(part: int) -> float:
        value = part / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_itself_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_text_has_a_contrast_of_4_5_with_what_it_stands_on(name: str) -> None:
    colours = scheme(name)
    weak = {
        pair: round(found, 2)
        for pair in TEXT
        if (found := contrast(colours[pair[0]], colours[pair[1]])) < 4.5
    }
    assert not weak


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_edge_and_mark_has_a_contrast_of_3(name: str) -> None:
    colours = scheme(name)
    weak = {
        pair: round(found, 2)
        for pair in EDGES
        if (found := contrast(colours[pair[0]], colours[pair[1]])) < 3
    }
    assert not weak


def test_both_schemes_name_the_same_colours() -> None:
    day, _, night = CSS.partition("@media")
    names = [set(re.findall(r"--([a-z0-9-]+): #", part)) for part in (day, night)]
    assert names[0] == names[1]


def test_no_colour_stands_outside_of_the_file_that_is_checked() -> None:
    folder = files("localai_ci.plan") / "page"
    for name in ("page.css", "parts.css", "timeline.js", "details.js", "filters.js"):
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!-)", (folder / name).read_text("utf-8")), name
