"""A job's entries share their base: it is chosen once, and had once."""

from typing import Any, cast

import anyio
import pytest

from localai_ci.backends import base_choice
from localai_ci.backends.base_choice import BasePreference, Chosen, SharedBases
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.recipe import recipe
from localai_ci.bases.step import BaseRecipe
from localai_ci.errors import LocalaiCiError
from localai_ci.oci.login import ANONYMOUS

RECIPES = {name: recipe(name, Mirrors()) for name in ("amd64", "debian-amd64")}


class Engine:
    """Counts what is asked of it; fails the first ``faults`` times."""

    def __init__(self, faults: int = 0) -> None:
        self.chosen: list[str] = []
        self.had: list[str] = []
        self.faults = faults

    async def choose(self, wanted: BaseRecipe, *_: object) -> Chosen:
        name = wanted.variant.name
        self.chosen.append(name)

        async def get() -> Any:
            await anyio.sleep(0.01)
            self.had.append(name)
            if len(self.had) <= self.faults:
                raise LocalaiCiError("no network")
            return f"container of {name}"

        return Chosen(name, "0" * 12, "as a test", get)


def ask(engine: Engine, patch: pytest.MonkeyPatch, *variants: str) -> tuple[SharedBases, list[Any]]:
    """Ask for bases, all at once; what came of each."""
    patch.setattr(base_choice, "choose", engine.choose)
    found: list[Any] = []

    async def all_of_them() -> SharedBases:
        shared = SharedBases()

        async def one(variant: str) -> None:
            chosen = await shared.choose(RECIPES[variant], BasePreference(), ANONYMOUS, None)
            try:
                found.append(await chosen.container())
            except LocalaiCiError as e:
                found.append(e)

        async with anyio.create_task_group() as group:
            for variant in variants:
                group.start_soon(one, variant)
        return shared

    return anyio.run(all_of_them), found


def test_three_entries_on_one_base_ask_for_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    shared, found = ask(engine, monkeypatch, "amd64", "amd64", "amd64")
    assert engine.chosen == engine.had == ["amd64"]
    assert found == ["container of amd64"] * 3
    ((variant, seconds, why),) = shared.told
    assert (variant, why) == ("amd64", "as a test")
    assert seconds >= 0


def test_each_base_of_a_job_is_had_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    _, found = ask(engine, monkeypatch, "amd64", "debian-amd64", "amd64")
    assert sorted(engine.had) == ["amd64", "debian-amd64"]
    assert sorted(found) == ["container of amd64"] * 2 + ["container of debian-amd64"]


def test_a_base_that_failed_is_tried_again_by_the_next_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(faults=1)
    _, found = ask(engine, monkeypatch, "amd64", "amd64")
    assert len(engine.had) == 2
    assert cast("LocalaiCiError", found[0]).what == "no network"
    assert found[1] == "container of amd64"
