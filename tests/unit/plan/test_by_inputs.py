"""By inputs: exactly what has another input hash is built, and rules only explain."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.plan.deciding import INPUTS, MATRIX, backends
from unit.plan.states import state

from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.tables import Tables
from localai_ci.plan.by_inputs import by_inputs
from localai_ci.plan.change import Change
from localai_ci.plan.decide import Plan, decide
from localai_ci.plan.event import Event
from localai_ci.plan.explain import explain
from localai_ci.plan.sources import PROTO, snapshot_of

SOME = Matrix(
    tuple(e for e in MATRIX.entries if e.backend in {"whisper", "vllm", "llama-cpp", "kokoros"}),
    "some", {},
)  # fmt: skip
TREE = {
    ".dockerignore": "**/venv\n",
    ".docker/install-base-deps.sh": "",
    ".github/workflows/backend_build.yml": "",
    "backend/backend.proto": "message A { int32 x = 1; }\n",
    "backend/Dockerfile.golang": "FROM a AS b\nRUN x\nFROM scratch\nCOPY --from=b / /\n",
    "backend/Dockerfile.llama-cpp": "ARG BUILDER_TARGET=builder-fromsource\n"
    "FROM a AS builder-fromsource\nRUN 1\nFROM b AS builder-prebuilt\nRUN 2\n"
    "FROM ${BUILDER_TARGET} AS c\nFROM scratch\nCOPY --from=c / /\n",
    "backend/go/whisper/main.go": "package main\n",
    "backend/python/vllm/backend.py": "",
    "backend/python/common/x.sh": "",
    "backend/cpp/llama-cpp/Makefile": "",
    "pkg/grpc/server.go": "package grpc\n",
    "core/app.go": "package core\n",
    "go.mod": "module m\n\ngo 1.26\n",
    "README.md": "",
}


def planned(
    after: Mapping[str, str],
    event: Event = Event.pull_request,
    matrix: Matrix = SOME,
    previous: Matrix = SOME,
) -> tuple[Plan, Plan]:
    """By rules, and by inputs."""
    old, new = state(TREE), state(after)
    paths = tuple(sorted(p for p in {*TREE, *after} if TREE.get(p) != after.get(p)))
    proto = (TREE[PROTO], after.get(PROTO, ""))
    change = Change(event, paths, trees=(old, new), previous=previous, proto=proto)
    if matrix != previous:
        change = replace(change, paths=(*paths, ".github/backend-matrix.yml"))
    plan = decide(matrix, INPUTS, change)
    before, now = (snapshot_of(tree, Tables()) for tree in (old, new))
    return plan, by_inputs(plan, before, now, previous)


@pytest.mark.parametrize(
    ("path", "text", "which"),
    [
        ("backend/go/whisper/main.go", "package other\n", {"whisper"}),
        ("backend/go/whisper/venv/x", "left out\n", set()),
        ("backend/python/common/x.sh", "x\n", {"vllm"}),
        ("backend/Dockerfile.golang", TREE["backend/Dockerfile.golang"] + "# c\n", set()),
        (
            "backend/Dockerfile.llama-cpp",
            TREE["backend/Dockerfile.llama-cpp"].replace("RUN 1", "RUN 3"),
            set(),
        ),
        (
            "backend/Dockerfile.llama-cpp",
            TREE["backend/Dockerfile.llama-cpp"].replace("RUN 2", "RUN 3"),
            {"llama-cpp"},
        ),
        (".docker/install-base-deps.sh", "x\n", {"llama-cpp"}),
        (".github/workflows/backend_build.yml", "x\n", set()),
        (".dockerignore", "", set()),
        (".dockerignore", "backend/python/common\n", {"vllm"}),
        ("backend/backend.proto", "message A { int32 x = 1; int32 y = 2; }\n",
         {"whisper", "vllm", "llama-cpp", "kokoros"}),
        ("README.md", "x\n", set()),
        ("core/app.go", "package other\n", set()),
    ],
)  # fmt: skip
def test_exactly_what_has_other_inputs_is_built(path: str, text: str, which: set[str]) -> None:
    rules, hashed = planned(TREE | {path: text})
    assert backends(hashed, "linux") == which
    left = {p.entry.id for p in rules.entries} - {p.entry.id for p in hashed.entries}
    assert set(hashed.same) == left


def test_the_reasons_of_the_rules_stay_and_what_they_miss_is_explained() -> None:
    _, hashed = planned(TREE | {"backend/python/common/x.sh": "x\n"})
    assert "rule python-common" in explain(hashed, "cpu-vllm/amd64")
    more = TREE | {"backend/backend.proto": "message A { int32 x = 1; int32 y = 2; }\n"}
    rules, hashed = planned(more)
    assert not rules.entries
    said = explain(hashed, "cpu-whisper/amd64")
    assert "its inputs are not what they were: 1 file (backend/backend.proto)" in said
    _, hashed = planned(TREE | {".github/workflows/backend_build.yml": "x\n"})
    assert "its inputs are what they were" in explain(hashed, "cpu-whisper/amd64")


def test_a_row_counts_by_what_enters_the_image() -> None:
    def edited(**fields: object) -> Matrix:
        first, *rest = SOME.entries
        return Matrix((replace(first, **fields), *rest), "some", {})  # type: ignore[arg-type]

    assert not planned(TREE, matrix=edited(runner="other"))[1].entries
    assert len(planned(TREE, matrix=edited(build_type="cublas"))[1].entries) == 1
    assert len(planned(TREE, previous=Matrix(SOME.entries[1:], "some", {}))[1].entries) == 1


def test_a_push_completes_images_and_a_release_stays_whole() -> None:
    edit = TREE | {"backend/go/whisper/main.go": "package other\n"}
    found = planned(edit, Event.push)[1]
    assert {p.entry.suffix for p in found.entries} == {
        e.suffix for e in SOME.entries if e.backend == "whisper"
    }
    assert planned(edit, Event.tag)[1].complete


@settings(max_examples=25)
@given(st.sets(st.sampled_from(sorted(TREE)), max_size=3), st.booleans())
def test_rules_build_whatever_the_inputs_say_but_for_additions_to_the_protocol(
    edited: set[str],
    gone: bool,
) -> None:
    after = {
        path: text + ("\n// more\n" if path in edited else "")
        for path, text in TREE.items()
        if not (gone and path in edited)
    }
    rules, hashed = planned(after)
    missed = {p.entry.id for p in hashed.entries} - {p.entry.id for p in rules.entries}
    assert not missed or "backend/backend.proto" in edited
