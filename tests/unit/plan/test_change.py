"""What counts as changed: lists, revisions, events, and every way not to know."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plan.deciding import EVERYTHING, INPUTS, MATRIX, NOTHING, counts, plan

from localai_ci.config.compile import load_compile
from localai_ci.config.data import data_dir
from localai_ci.errors import InputError
from localai_ci.plan.change import Change, from_list
from localai_ci.plan.changed_list import parse_list
from localai_ci.plan.decide import Plan, decide
from localai_ci.plan.event import Event
from localai_ci.plan.findings import Planned
from localai_ci.plan.reasons import ReasonKind
from localai_ci.plan.sources import PlanRequest, gather


def gathered(request: PlanRequest, stdin: bytes = b"") -> Plan:
    known, change = gather(request, lambda _: stdin)
    return decide(known.matrix, known.rules, change)


# -- lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "limit"), [(Event.push, 300), (Event.pull_request, 3000)], ids=str
)
def test_a_list_as_long_as_github_cuts_it_rebuilds_everything(event: Event, limit: int) -> None:
    paths = [f"docs/{n}.md" for n in range(limit)]
    assert counts(decide(MATRIX, INPUTS, from_list(event, paths[:-1]))) == NOTHING
    cut = decide(MATRIX, INPUTS, from_list(event, paths))
    assert counts(cut) == EVERYTHING
    assert f"GitHub cuts lists at {limit}" in str(cut.entries[0].reasons[0])


def test_a_pull_request_of_300_files_is_read_to_the_end() -> None:
    paths = [f"docs/{n}.md" for n in range(299)] + ["backend/go/ced/a.go"]
    assert counts(decide(MATRIX, INPUTS, from_list(Event.pull_request, paths))) == (11, 1)


def test_an_empty_list_may_be_a_git_that_failed_and_builds_everything() -> None:
    found = gathered(PlanRequest(Event.push, changed_files="-"))
    assert counts(found) == EVERYTHING
    assert "is empty" in found.change.unknown


def test_names_that_are_not_utf8_keep_their_bytes() -> None:
    (path,) = parse_list(b"backend/go/whisper/caf\xe9.go\n", "list")
    assert os.fsencode(path) == b"backend/go/whisper/caf\xe9.go"
    assert counts(plan(path)) == (11, 1)


def test_names_that_git_quoted_are_unquoted() -> None:
    assert parse_list(rb'"docs/caf\303\251 \"x\"\t.md"', "list") == ('docs/café "x"\t.md',)


def test_windows_line_ends_blank_lines_and_repeats_do_not_count() -> None:
    assert parse_list(b"a.md\r\n\r\nb.md\r\na.md\r\n", "list") == ("a.md", "b.md")


def test_a_list_with_zero_bytes_may_hold_names_with_line_breaks() -> None:
    assert parse_list(b"a\nb.md\0c.md\0", "list") == ("a\nb.md", "c.md")


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/file", "backend/../../x"])
def test_a_path_outside_the_tree_is_an_error(path: str) -> None:
    with pytest.raises(InputError, match="not a path inside the tree"):
        parse_list(path.encode(), "list")


def test_a_missing_list_is_an_error_that_says_what_to_give() -> None:
    with pytest.raises(InputError, match="standard input"):
        gathered(PlanRequest(Event.push, changed_files="/nowhere/list"))


@given(st.lists(st.text(alphabet="abc/._- é", min_size=1, max_size=12), max_size=8))
def test_a_list_ended_by_zero_bytes_is_read_back(paths: list[str]) -> None:
    wanted = [p for p in paths if p.strip() and not p.startswith(("/", "./", '"'))]
    wanted = [p for p in wanted if ".." not in p.split("/")]
    data = "".join(f"{p}\0" for p in wanted).encode()
    assert parse_list(data, "list") == tuple(dict.fromkeys(wanted))


# -- events ----------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [Event.tag, Event.schedule, Event.workflow_dispatch], ids=str)
def test_a_release_a_schedule_and_a_start_by_hand_build_everything(event: Event) -> None:
    found = plan("README.md", event=event)
    assert counts(found) == EVERYTHING
    assert {r.kind for p in found.entries for r in p.reasons} == {ReasonKind.forced}


def test_nothing_known_of_a_push_builds_everything() -> None:
    found = gathered(PlanRequest(Event.push))
    assert counts(found) == EVERYTHING
    assert "nothing was said about what changed" in str(found.entries[0].reasons[0])


def test_an_entry_can_be_asked_for_by_name() -> None:
    found = decide(MATRIX, INPUTS, Change(Event.push, ("README.md",), forced=("cpu-ced/*",)))
    assert [p.entry.id for p in found.entries] == ["cpu-ced/amd64", "cpu-ced/arm64"]


def test_asking_for_an_entry_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(InputError, match="Did you mean cpu-whisper/amd64"):
        decide(MATRIX, INPUTS, Change(Event.push, (), forced=("cpu-wisper/amd64",)))


def test_a_rebuilt_base_rebuilds_what_compiles_on_it() -> None:
    found = plan("README.md", bases=frozenset({"rocm-amd64"}))
    assert {p.entry.backend for p in found.entries} == {"llama-cpp", "bonsai"}
    assert "its builder base rocm-amd64 was rebuilt" in str(found.entries[0].reasons[0])


# -- revisions -------------------------------------------------------------------------------

PROTO = "backend/backend.proto"
MATRIX_FILE = ".github/backend-matrix.yml"
ROWS = """\
include:
  - backend: whisper
    dockerfile: ./backend/Dockerfile.golang
    tag-suffix: -cpu-whisper
    platforms: linux/amd64
    runs-on: ubuntu-latest
    base-image: ubuntu:24.04
  - backend: vllm
    dockerfile: ./backend/Dockerfile.python
    tag-suffix: -cpu-vllm
    platforms: linux/amd64
    runs-on: ubuntu-latest
    base-image: ubuntu:24.04
"""


class Tree:
    """A small tree like LocalAI's, with a history."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "--quiet", "--initial-branch=master")
        self.write(MATRIX_FILE, ROWS)
        self.write(PROTO, "message A { int32 x = 1; }\n")
        self.write("backend/go/whisper/main.go", "package main // whisper\n" * 20)
        self.write("backend/python/vllm/backend.py", "print('vllm')\n" * 20)
        self.write("README.md", "read me\n")
        self.base = self.commit()

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(self.path), *identity, *arguments]
        done = subprocess.run(command, check=True, capture_output=True)
        return os.fsdecode(done.stdout).strip()

    def write(self, path: str, text: str) -> None:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "x")
        return self.git("rev-parse", "HEAD")

    def plan(self, event: Event = Event.push, base: str = "", **more: str) -> list[str]:
        request = PlanRequest(event, source=self.path, base=base or self.base, **more)  # type: ignore[arg-type]
        return [p.entry.id for p in gathered(request).entries]


ALL = ["cpu-whisper/amd64", "cpu-vllm/amd64"]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_checkout_tells_what_changed_and_brings_its_own_matrix(tree: Tree) -> None:
    tree.write("backend/go/whisper/main.go", "package main\n")
    tree.commit()
    assert tree.plan() == ["cpu-whisper/amd64"]


def test_no_change_between_two_revisions_builds_nothing(tree: Tree) -> None:
    assert tree.plan() == []


def test_a_file_that_is_moved_rebuilds_where_it_was_and_where_it_is(tree: Tree) -> None:
    tree.git("mv", "backend/go/whisper/main.go", "backend/python/vllm/main.go")
    tree.commit()
    assert tree.plan() == ALL


def test_a_file_that_is_moved_out_of_all_folders_rebuilds_where_it_was(tree: Tree) -> None:
    tree.git("mv", "backend/go/whisper/main.go", "main.go")
    tree.commit()
    assert tree.plan() == ["cpu-whisper/amd64"]


def test_a_deleted_file_rebuilds_where_it_was(tree: Tree) -> None:
    tree.git("rm", "--quiet", "backend/python/vllm/backend.py")
    tree.commit()
    assert tree.plan() == ["cpu-vllm/amd64"]


def test_a_name_that_is_not_utf8_is_found_in_its_folder(tree: Tree) -> None:
    name = os.fsdecode(b"backend/go/whisper/caf\xe9.go")
    (tree.path / name).write_bytes(b"x")
    tree.commit()
    assert tree.plan() == ["cpu-whisper/amd64"]


def test_a_new_submodule_pointer_rebuilds_the_backend_it_is_in(tree: Tree) -> None:
    pointer = "160000," + "1" * 40 + ",backend/python/vllm/sources"
    tree.git("update-index", "--add", "--cacheinfo", pointer)
    tree.git("commit", "--quiet", "--message", "x")
    assert tree.plan() == ["cpu-vllm/amd64"]


@pytest.mark.parametrize("base", ["0" * 40, "f" * 40, "no-such-branch"])
def test_a_first_push_or_an_unknown_revision_builds_everything(tree: Tree, base: str) -> None:
    assert tree.plan(base=base) == ALL


def test_an_unknown_head_builds_everything_of_the_installed_matrix(tree: Tree) -> None:
    assert len(tree.plan(head="no-such-branch")) == len(MATRIX.entries)


def test_a_revision_that_looks_like_an_option_is_not_one(tree: Tree) -> None:
    assert tree.plan(base="--output=/tmp/x") == ALL


def test_a_pull_request_does_not_rebuild_what_its_base_did_since(tree: Tree) -> None:
    tree.git("checkout", "--quiet", "-b", "feature")
    tree.write("backend/python/vllm/backend.py", "print('mine')\n")
    tree.commit()
    tree.git("checkout", "--quiet", "master")
    tree.write("backend/go/whisper/main.go", "package theirs\n")
    tree.commit()
    request = {"base": "master", "head": "feature"}
    assert tree.plan(Event.pull_request, **request) == ["cpu-vllm/amd64"]
    assert tree.plan(Event.push, **request) == ALL


def test_histories_without_a_common_commit_build_everything(tree: Tree) -> None:
    tree.git("checkout", "--quiet", "--orphan", "other")
    tree.write("README.md", "another beginning\n")
    tree.commit()
    assert tree.plan(Event.pull_request, base="master", head="other") == ALL


def test_a_row_that_says_something_else_is_found_between_revisions(tree: Tree) -> None:
    tree.write(MATRIX_FILE, ROWS.replace("ubuntu:24.04", "ubuntu:26.04", 1))
    tree.commit()
    assert tree.plan() == ["cpu-whisper/amd64"]


def test_a_backend_that_goes_with_its_folder_builds_nothing(tree: Tree) -> None:
    tree.git("rm", "--quiet", "-r", "backend/python/vllm")
    tree.write(MATRIX_FILE, ROWS.partition("  - backend: vllm")[0])
    tree.commit()
    assert tree.plan() == []


def test_a_backend_that_comes_with_its_folder_builds_itself(tree: Tree) -> None:
    tree.write("backend/go/ced/main.go", "package main\n")
    first = ROWS.partition("  - backend: vllm")[0].partition("include:\n")[2]
    tree.write(MATRIX_FILE, ROWS + first.replace("whisper", "ced"))
    tree.commit()
    assert tree.plan() == ["cpu-ced/amd64"]


def test_windows_line_ends_in_the_matrix_file_change_no_row(tree: Tree) -> None:
    tree.write(MATRIX_FILE, ROWS.replace("\n", "\r\n"))
    tree.commit()
    assert tree.plan() == []


def test_a_previous_matrix_that_is_not_sound_builds_everything(tree: Tree) -> None:
    tree.write(MATRIX_FILE, "include: [\n")
    tree.base = tree.commit()
    tree.write(MATRIX_FILE, ROWS)
    tree.commit()
    assert tree.plan() == ALL


def test_a_matrix_that_is_not_sound_is_an_error_with_its_line(tree: Tree) -> None:
    tree.write(MATRIX_FILE, ROWS.replace("    platforms: linux/amd64\n", "", 1))
    tree.commit()
    with pytest.raises(InputError, match=r"backend-matrix\.yml:2: .*platforms: this key is mis"):
        tree.plan()


def test_an_additive_proto_edit_between_revisions_builds_nothing(tree: Tree) -> None:
    tree.write(PROTO, "message A { int32 x = 1; int32 y = 2; }\n")
    tree.commit()
    assert tree.plan() == []
    tree.write(PROTO, "message A { int32 x = 3; }\n")
    tree.commit()
    assert tree.plan() == ALL


def test_a_deleted_proto_file_builds_everything(tree: Tree) -> None:
    tree.git("rm", "--quiet", PROTO)
    tree.commit()
    assert tree.plan() == ALL


def test_our_own_files_in_the_tree_are_preferred_to_localais(tree: Tree) -> None:
    for name in ("profiles.yaml", "backends.yaml"):
        tree.write(f"matrix/{name}", (data_dir() / name).read_text("utf-8"))
    tree.base = tree.commit()
    text = (data_dir() / "backends.yaml").read_text("utf-8")
    tree.write(
        "matrix/backends.yaml", text.replace("ik-llama-cpp: [cpu@amd64]", "ik-llama-cpp: [cpu]")
    )
    tree.commit()
    assert tree.plan() == ["cpu-ik-llama-cpp/amd64", "cpu-ik-llama-cpp/arm64"]


def test_a_new_rule_in_the_tree_rebuilds_what_it_selects_and_nothing_else(tree: Tree) -> None:
    text = (data_dir() / "inputs.yaml").read_text("utf-8")
    tree.write("matrix/inputs.yaml", text)
    tree.write("tools/x.sh", "")
    tree.base = tree.commit()
    tree.write("matrix/inputs.yaml", text.replace("go.mod, go.sum", "go.mod, go.sum, tools/**"))
    tree.commit()
    assert tree.plan() == ["cpu-whisper/amd64"]
    tree.base = tree.git("rev-parse", "HEAD")
    tree.write("matrix/inputs.yaml", (tree.path / "matrix/inputs.yaml").read_text() + "# more\n")
    tree.commit()
    assert tree.plan() == []


def test_a_folder_without_rows_is_looked_for_in_the_files_that_make_images(tree: Tree) -> None:
    tree.write("backend/go/new/main.go", "package main\n")
    tree.write("backend/index.yaml", "- backend/go/new\n")
    tree.commit()
    assert tree.plan() == []
    tree.write("backend/go/whisper/package.sh", "cp ../new/x .\n")
    tree.base = tree.commit()
    tree.write("backend/go/new/main.go", "package other\n")
    tree.commit()
    assert tree.plan() == ALL


def test_a_new_rule_for_no_file_of_the_tree_makes_nothing_stale(tree: Tree) -> None:
    text = (data_dir() / "inputs.yaml").read_text("utf-8")
    tree.write("matrix/inputs.yaml", text)
    tree.base = tree.commit()
    tree.write("matrix/inputs.yaml", text.replace("go.mod, go.sum", "go.mod, go.sum, tools/**"))
    tree.commit()
    assert tree.plan() == []


def test_an_edit_of_the_compile_table_rebuilds_what_is_compiled_by_it_and_nothing_else() -> None:
    table = load_compile()

    def edited(**update: object) -> dict[str, Planned]:
        after = table.model_copy(update=update)
        return plan("matrix/compile.yaml", compile=(table, after)).by_id

    bonsai = table.backends["bonsai"].model_copy(update={"make": ["fallback"], "exceptions": []})
    rebuilt = edited(backends=table.backends | {"bonsai": bonsai})
    assert {planned.entry.backend for planned in rebuilt.values()} == {"bonsai"}
    rocm = edited(amdgpu_targets="gfx908")
    assert {planned.entry.build_type for planned in rocm.values()} == {"hipblas"}
    assert "golang" in {planned.entry.build for planned in rocm.values()}
    limits = table.ccache.model_copy(update={"max_size": "3G"})
    assert edited(ccache=limits) == {}


def test_the_compile_table_of_both_revisions_is_compared(tree: Tree) -> None:
    for name in ("profiles.yaml", "backends.yaml", "inputs.yaml", "compile.yaml"):
        text = (data_dir() / name).read_text("utf-8")
        tree.write(f"matrix/{name}", text)
    tree.base = tree.commit()
    assert text.count("make: [avx2]") == 1
    tree.write("matrix/compile.yaml", text.replace("make: [avx2]", "make: [fallback]"))
    tree.commit()
    assert tree.plan() == ["cpu-ik-llama-cpp/amd64"]
    tree.write("matrix/compile.yaml", text + "# more words\n")
    tree.commit()
    assert tree.plan() == []


def test_rules_that_were_not_sound_before_build_everything(tree: Tree) -> None:
    tree.write("matrix/inputs.yaml", "rules: [\n")
    tree.base = tree.commit()
    tree.write("matrix/inputs.yaml", (data_dir() / "inputs.yaml").read_text("utf-8"))
    tree.commit()
    assert tree.plan() == ALL


def test_a_folder_that_is_no_checkout_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a git checkout"):
        gathered(PlanRequest(Event.push, source=tmp_path, base="HEAD"))


def test_a_base_without_a_tree_is_refused() -> None:
    with pytest.raises(InputError, match="--source"):
        gathered(PlanRequest(Event.push, base="HEAD~1"))


@pytest.mark.parametrize("name", ["variants", "upstreams"])
def test_what_the_bases_are_made_of_rebuilds_what_compiles_on_one(name: str) -> None:
    found = plan(f"matrix/{name}.yaml")
    assert found.entries
    assert all(planned.entry.builder for planned in found.entries)


@pytest.mark.parametrize(
    "data",
    [
        b"M\tbackend/go/whisper/main.go\n",
        b"R100\tREADME.md\tbackend/go/whisper/main.go\n",
        b'["README.md", "backend/go/whisper/main.go"]',
        b'[\n  "./backend/go/whisper/main.go"\n]\n',
    ],
)
def test_a_list_in_another_form_is_read(data: bytes) -> None:
    change = from_list(Event.pull_request, parse_list(data, "list"))
    assert counts(decide(MATRIX, INPUTS, change)) == (11, 1)


def test_several_paths_in_one_line_are_a_doubt_that_is_named() -> None:
    data = b"backend/go/whisper/main.go backend/go/ced/main.go\n"
    change = from_list(Event.pull_request, parse_list(data, "list"))
    assert counts(decide(MATRIX, INPUTS, change)) == EVERYTHING
    assert "several paths in one line" in change.unknown


@pytest.mark.parametrize("data", [b'{"files": []}', b"[1, 2]", b'["a"', b"[" * 100_000])
def test_json_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="not a list of names"):
        parse_list(data, "list")


def test_a_name_that_begins_like_json_is_a_name() -> None:
    assert parse_list(b"[id].tsx\nREADME.md\n", "list") == ("[id].tsx", "README.md")
