""".dockerignore, rules, Dockerfiles and folders without rows: compared, not rebuilt."""

import pytest
from unit.plan.deciding import EVERYTHING, INPUTS, MATRIX, NOTHING, backends, counts, plan
from unit.plan.states import planned, state

from localai_ci.config.data import data_dir
from localai_ci.plan.change import Change
from localai_ci.plan.decide import decide
from localai_ci.plan.event import Event

TREE = {
    ".dockerignore": ".git\n**/venv\n",
    "backend/go/whisper/main.go": "package main\n",
    "backend/go/whisper/notes.md": "",
    "backend/python/vllm/backend.py": "",
    "backend/python/common/libbackend.sh": "",
    "backend/Dockerfile.golang": "FROM x AS b\nRUN make\nFROM y AS unused\nFROM scratch\n"
    "COPY --from=b / /\n",
    "docs/x.md": "",
    "core/app.go": "package core\n",
}


def ignoring(text: str) -> set[str]:
    return backends(planned(TREE, TREE | {".dockerignore": text}), "linux")


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n.git\n**/venv\n",
        ".git\n**/venv\nlocal-ai\n",
        "**/venv\n.git\n.git/\n",
        ".git\n**/venv\ndocs\n",
        ".git\r\n**/venv\r\n",
        "",
    ],
)
def test_a_dockerignore_that_says_the_same_of_every_input_builds_nothing(text: str) -> None:
    assert ignoring(text) == set()


@pytest.mark.parametrize("text", ["**/*.md\n", "backend/go/whisper\n", "*\n!backend/python\n"])
def test_a_dockerignore_rebuilds_what_loses_files_by_it(text: str) -> None:
    found = ignoring(text)
    assert "whisper" in found
    assert "vllm" not in found


def test_a_file_that_is_let_in_again_counts_as_well() -> None:
    out = TREE | {".dockerignore": "backend/python/common\n"}
    found = planned(out, TREE)
    assert backends(found, "linux") == {e.backend for e in MATRIX.entries if e.build == "python"}
    assert backends(found, "darwin") == set()


def test_a_line_that_is_no_pattern_is_a_doubt() -> None:
    found = planned(TREE, TREE | {".dockerignore": "[\n"})
    assert counts(found) == (EVERYTHING[0], 0)
    assert "is not understood" in str(found.entries[0].reasons[0])


RULES = (data_dir() / "inputs.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "which"),
    [
        ("paths: [go.mod,", "paths: [core/**, go.mod,", "golang"),
        ('except: ["**/*_test.go"]\n    select: {builds: [golang]}',
         'except: ["**/*_test.go"]\n    select: {builds: [golang, python]}', ""),
        ("Copied into every Python image.", "Copied into every image of Python.", ""),
        ("name: python-common", "name: common-of-python", ""),
        ("select: {builds: [python]}\n  - name: go-packages",
         "select: {builds: [python, rust]}\n  - name: go-packages", "rust"),
    ],
)  # fmt: skip
def test_rules_are_compared_by_what_they_decide_of_each_file(
    old: str, new: str, which: str
) -> None:
    assert old in RULES
    before, after = TREE | {"matrix/inputs.yaml": RULES}, RULES.replace(old, new)
    states = state(before), state(before | {"matrix/inputs.yaml": after})
    change = Change(Event.pull_request, ("matrix/inputs.yaml",), trees=states)
    found = decide(MATRIX, states[1].tables.rules, change)
    assert {p.entry.build for p in found.entries} == ({which} if which else set())


def test_a_tree_without_rules_before_is_compared_with_the_installed_ones() -> None:
    found = planned(TREE, TREE | {"matrix/inputs.yaml": RULES})
    assert counts(found) == NOTHING


def test_a_dockerfile_rebuilds_its_entries_only_by_stages_that_they_use() -> None:
    path = "backend/Dockerfile.golang"
    unused = TREE | {path: TREE[path].replace("FROM y", "FROM z")}
    assert counts(planned(TREE, unused)) == NOTHING
    assert planned(TREE, unused).idle[path].startswith("no entry uses a stage")
    found = planned(TREE, TREE | {path: TREE[path].replace("make", "make all")})
    assert {p.entry.build for p in found.entries} == {"golang"}
    assert counts(planned({}, TREE | {"backend/go/x": ""})) != NOTHING


def test_a_dockerfile_that_is_not_understood_rebuilds_its_entries_and_says_why() -> None:
    path = "backend/Dockerfile.golang"
    found = planned(TREE, TREE | {path: TREE[path] + "NEW x\n"})
    assert {p.entry.build for p in found.entries} == {"golang"}
    assert "cannot be told" in str(found.entries[0].reasons[0])


NEW = {"backend/go/new/main.go": "package main\n", "backend/go/new/Makefile": ""}


def test_a_folder_without_rows_builds_nothing_as_long_as_nothing_else_mentions_it() -> None:
    mentions = {
        "backend/index.yaml": "uri: backend/go/new\n",
        "backend/go/new/README.md": "../new/x",
        "scripts/lib/backend-filter.mjs": "backend/go/new/",
        "backend/go/whisper/package.sh": "cp ../new-er/x .\n",
        "docs/new.md": "backend/go/new\n",
    }
    found = planned(TREE | mentions, TREE | mentions | NEW)
    assert counts(found) == NOTHING
    assert "backend/go/new" in found.change.notes[-1]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("backend/go/whisper/package.sh", "cp ../new/x .\n"),
        ("backend/Dockerfile.golang", "COPY backend/go/new /x\n"),
        ("backend/go/ced/main.go", 'import "github.com/mudler/LocalAI/backend/go/new"\n'),
    ],
)
def test_a_folder_without_rows_that_others_use_rebuilds_everything(path: str, text: str) -> None:
    tree = TREE | {path: text}
    found = planned(tree, tree | NEW)
    assert counts(found) == EVERYTHING
    assert f"is mentioned in {path}" in str(found.entries[0].reasons[0])


def test_a_loose_file_beside_the_folders_of_backends_is_no_folder_without_rows() -> None:
    assert counts(plan("backend/go/shared.mk")) == EVERYTHING
    assert INPUTS.rule("backend/go/shared.mk") is None
