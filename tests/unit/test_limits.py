"""The page of limits says what the source says."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/reference/limits.md"
MODULES = ("config.bounds", "oci.limits", "json_text", "errors", "matrix.limits", "bases.mirrors")


def told() -> dict[str, dict[str, float]]:
    """Name and number by module, as the page has them."""
    found: dict[str, dict[str, float]] = {}
    module = ""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            named = re.search(r"`src/localai_ci/(.+)\.py`", line)
            module = named[1].replace("/", ".") if named else module
        elif row := re.match(r"\| `(\w+)` \| ([\d,.]+) \|", line):
            found.setdefault(module, {})[row[1]] = float(row[2].replace(",", ""))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_every_bound_is_in_the_reference_with_its_number(name: str) -> None:
    module = importlib.import_module(f"localai_ci.{name}")
    numbers = {
        key: float(value)
        for key, value in vars(module).items()
        if key.isupper() and not key.startswith("_") and isinstance(value, int | float)
    }
    assert told()[name] == numbers


def test_no_other_module_is_told_of() -> None:
    assert set(told()) == set(MODULES)
