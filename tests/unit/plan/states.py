"""Shared by the tests of comparisons: trees that are dictionaries."""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha1

from unit.plan.deciding import INPUTS, MATRIX

from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.tree_state import TreeState
from localai_ci.plan.change import Change
from localai_ci.plan.decide import Plan, decide
from localai_ci.plan.event import Event


def state(files: Mapping[str, str]) -> TreeState:
    data = {path: text.encode("utf-8", "surrogateescape") for path, text in files.items()}
    listed = {
        path: f"100644 {sha1(content, usedforsecurity=False).hexdigest()}"
        for path, content in data.items()
    }

    def mentions(words: Sequence[str], folders: Sequence[str]) -> tuple[str, ...]:
        pattern = re.compile("(" + "|".join(map(re.escape, words)) + r")([^A-Za-z0-9_.-]|$)")
        return tuple(
            path
            for path, text in files.items()
            if path.startswith(tuple(folders)) and pattern.search(text)
        )

    return TreeState(data.get, lambda: listed, mentions)


def planned(before: Mapping[str, str], after: Mapping[str, str], matrix: Matrix = MATRIX) -> Plan:
    """The plan of a pull request between two trees."""
    old, new = state(before), state(after)
    paths = tuple(sorted(p for p in {*before, *after} if before.get(p) != after.get(p)))
    change = Change(Event.pull_request, paths, trees=(old, new), previous=matrix)
    return decide(matrix, INPUTS, change)
