"""Shared by the tests of decisions: the real matrix, and short ways to ask."""

from collections.abc import Iterable
from typing import Any

from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.rules import load_inputs
from localai_ci.plan.change import Change
from localai_ci.plan.decide import Plan, decide
from localai_ci.plan.event import Event

MATRIX = load_matrix()
INPUTS = load_inputs()
EVERYTHING = (457, 62)
NOTHING = (0, 0)


def plan(*paths: str, event: Event = Event.push, matrix: Matrix = MATRIX, **more: Any) -> Plan:
    return decide(matrix, INPUTS, Change(event, paths, **more))


def counts(found: Plan) -> tuple[int, int]:
    linux = sum(p.entry.os == "linux" for p in found.entries)
    return linux, len(found.entries) - linux


def backends(found: Plan, system: str = "") -> set[str]:
    return {p.entry.backend for p in found.entries if not system or p.entry.os == system}


def matrix_of(entries: Iterable[Entry]) -> Matrix:
    return Matrix(tuple(entries), "before", {})
