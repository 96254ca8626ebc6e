"""Nothing is silent: lists in any form, odd repositories and settings are read, doubted or told."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from unit.plan.deciding import EVERYTHING, INPUTS, MATRIX, NOTHING, counts, plan
from unit.plan.test_change import ALL, Tree, gathered

from localai_ci.errors import InputError
from localai_ci.matrix.tables import Tables
from localai_ci.plan.change import from_list
from localai_ci.plan.changed_list import parse_list
from localai_ci.plan.decide import Plan, decide
from localai_ci.plan.event import Event
from localai_ci.plan.links import with_aliases
from localai_ci.plan.report import report_of
from localai_ci.plan.sources import PlanRequest

FILE = "backend/go/whisper/main.go"
WHISPER = (11, 1)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "tree").mkdir()
    return Tree(tmp_path / "tree")


def of_list(data: bytes, event: Event = Event.push) -> Plan:
    return decide(MATRIX, INPUTS, from_list(event, parse_list(data, "list")))


# -- lists -----------------------------------------------------------------------------------

API = [{"sha": "x", "filename": FILE, "status": "modified"}]
READ = {
    "CRLF": f"{FILE}\r\nREADME.md\r\n".encode(),
    "zero bytes": f"{FILE}\0README.md\0".encode(),
    "a byte order mark": b"\xef\xbb\xbf" + FILE.encode(),
    "UTF-16 little": FILE.encode("utf-16"),
    "UTF-16 big": b"\xfe\xff" + f"{FILE}\r\n".encode("utf-16-be"),
    "in quotes": f'"{FILE}"\n'.encode(),
    "octal": rb'"backend/go/whisper/caf\303\251.go"',
    "./": f"./{FILE}\n".encode(),
    "detours": b"backend/go/ced/../whisper//./main.go\n",
    "a folder with a slash": b"backend/go/whisper/\n",
    "--name-status": f"M\t{FILE}\n".encode(),
    "a rename": f"R100\tdocs/a.md\t{FILE}\n".encode(),
    "a rename away": f"R087\t{FILE}\tdocs/a.md\n".encode(),
    "--raw": f":100644 100755 0123abc 4567def M\t{FILE}\n".encode(),
    "--raw of a rename": f":100644 100644 0123abc 0123abc R100\t{FILE}\ta.md\n".encode(),
    "JSON": json.dumps([FILE]).encode(),
    "JSON of GitHub": json.dumps(API).encode(),
    "JSON of a comparison": json.dumps({"status": "ahead", "files": API}).encode(),
    "JSON of gh pr view": json.dumps({"files": [{"path": FILE, "additions": 1}]}).encode(),
    "JSON of a rename": json.dumps([{"filename": "a.md", "previous_filename": FILE}]).encode(),
    "JSON, one a line": f"{json.dumps(API[0])}\n{json.dumps({'filename': 'a.md'})}\n".encode(),
    "JSON, pages": (json.dumps(API) + "\n" + json.dumps([{"filename": "a"}])).encode(),
}


@pytest.mark.parametrize("data", READ.values(), ids=READ)
def test_a_list_in_this_form_is_read(data: bytes) -> None:
    assert counts(of_list(data)) == WHISPER


DOUBTED = {
    "several in a line": f"README.md {FILE}",
    "with commas": f"README.md,{FILE}",
    "with semicolons": f"README.md;{FILE}",
    "YAML": f"- {FILE}",
    "--stat": " go.mod | 2 +-",
    "--stat of a binary": " docs/x.png | Bin 0 -> 12 bytes",
    "--numstat": "1\t2\tgo.mod",
    "status --short": " M go.mod",
    "status of a new one": "?? go.mod",
    "status of a rename": "R  a.md -> go.mod",
    "an arrow": "docs/{a.md => b.md}",
    "a whole diff": "diff --git a/go.mod b/go.mod",
    "a hunk": "@@ -1 +1 @@",
    "backslashes": "backend\\go\\whisper\\main.go",
    "an address": "https://github.com/mudler/LocalAI/blob/master/go.mod",
    "in single quotes": "'go.mod'",
    "an indent": "  go.mod",
    "an error": "fatal: bad object 0123",
    "capitals": "Backend/Go/Whisper/main.go",
    "empty": "",
    "blank": "\n \n",
}


@pytest.mark.parametrize("text", DOUBTED.values(), ids=DOUBTED)
def test_a_list_in_another_form_is_a_doubt(text: str) -> None:
    found = of_list(text.encode())
    assert counts(found) == EVERYTHING
    assert "what changed is not known" in str(found.entries[0].reasons[0]) or "capitals" in str(
        found.entries[0].reasons[0]
    )


REFUSED = {
    "absolute": b"/home/me/LocalAI/go.mod",
    "out of the tree": b"backend/../../go.mod",
    "UTF-16 without a mark": "docs/x.md\n".encode("utf-16-le"),
    "JSON of numbers": b"[1]",
    "JSON of an error": b'{"message": "Not Found"}',
    "JSON of nothing": b'{"files": []}',
    "half of JSON": b'[{"filename": "a"',
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_is_no_list_of_paths_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_list(data, "list")


@pytest.mark.parametrize(("count", "known"), [(299, True), (300, False), (301, False)])
def test_the_limit_counts_what_is_listed_and_not_blank_lines(count: int, known: bool) -> None:
    text = "\n\n".join(f"docs/{n}.md" for n in range(count)) + "\n" * 20
    assert counts(of_list(text.encode())) == (NOTHING if known else EVERYTHING)


def test_a_listed_path_that_no_commit_ever_had_is_a_doubt(tree: Tree) -> None:
    tree.write("docs/gone.md", "")
    tree.commit()
    tree.git("rm", "--quiet", "docs/gone.md")
    tree.commit()

    def listed(*paths: str) -> Plan:
        request = PlanRequest(Event.push, source=tree.path, changed_files="-")
        return gathered(request, "\n".join(paths).encode())

    assert not listed("README.md", "docs/gone.md").entries
    found = listed("README.md", "READ.me")
    assert [p.entry.id for p in found.entries] == ALL
    assert "is in no commit" in found.change.unknown
    assert [p.entry.id for p in listed("backend/go/whisper/new.go").entries] == ALL[:1]


# -- repositories ----------------------------------------------------------------------------


def changed(tree: Tree) -> None:
    tree.write("backend/go/whisper/main.go", "package other\n")
    tree.commit()


def test_a_mode_that_changes_is_a_change(tree: Tree) -> None:
    tree.git("update-index", "--chmod=+x", "backend/go/whisper/main.go")
    tree.git("commit", "-qm", "x")
    assert tree.plan() == ALL[:1]


def test_a_deleted_file_is_a_change(tree: Tree) -> None:
    tree.git("rm", "--quiet", "backend/go/whisper/main.go")
    tree.commit()
    assert tree.plan() == ALL[:1]


@pytest.mark.parametrize("setting", ["diff.noprefix", "diff.renames", "diff.mnemonicPrefix"])
def test_settings_of_diff_have_no_say(tree: Tree, setting: str) -> None:
    tree.git("config", setting, "true")
    tree.git("config", "diff.external", "false")
    tree.git("config", "diff.ignoreSubmodules", "all")
    tree.git("config", "core.quotePath", "true")
    tree.git("mv", "backend/go/whisper/main.go", "backend/python/vllm/é.go")
    tree.commit()
    assert tree.plan() == ALL


def test_the_environment_of_a_hook_has_no_say(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(tree)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    request = PlanRequest(Event.push, source=tree.path, base=tree.base)
    assert [p.entry.id for p in gathered(request).entries] == ALL[:1]


def test_grafts_and_replaced_objects_have_no_say(tree: Tree) -> None:
    first = tree.base
    changed(tree)
    second = tree.git("rev-parse", "HEAD")
    tree.git("replace", second, first)
    (tree.path / ".git/info").mkdir(exist_ok=True)
    (tree.path / ".git/info/grafts").write_text(f"{second}\n")
    assert tree.plan(head=second) == ALL[:1]
    assert tree.plan(Event.pull_request, head=second) == ALL[:1]


def test_a_shallow_clone_without_the_base_builds_everything(tree: Tree, tmp_path: Path) -> None:
    base = tree.base
    changed(tree)
    clone = tmp_path / "clone"
    tree.git("clone", "--quiet", "--depth=1", f"file://{tree.path}", str(clone))
    request = PlanRequest(Event.push, source=clone, base=base)
    found = gathered(request)
    assert [p.entry.id for p in found.entries] == ALL
    assert "is not in the checkout" in found.change.unknown


def test_a_detached_head_and_a_worktree_are_read(tree: Tree, tmp_path: Path) -> None:
    changed(tree)
    other = tmp_path / "other"
    tree.git("worktree", "add", "--quiet", "--detach", str(other))
    request = PlanRequest(Event.push, source=other, base=tree.base)
    assert [p.entry.id for p in gathered(request).entries] == ALL[:1]
    (other / "README.md").write_text("edited\n")
    assert "README.md" in gathered(request).change.notes[0]


def test_an_octopus_merge_counts_from_what_was_there_before(tree: Tree) -> None:
    for name, path in (("a", "backend/go/whisper/a.go"), ("b", "backend/python/vllm/b.py")):
        tree.git("checkout", "--quiet", "-b", name, tree.base)
        tree.write(path, "x\n")
        tree.commit()
    tree.git("checkout", "--quiet", "master")
    tree.git("merge", "--quiet", "--no-ff", "-m", "both", "a", "b")
    assert tree.plan() == ALL


def test_branches_that_were_merged_into_each_other_build_everything(tree: Tree) -> None:
    tree.git("checkout", "--quiet", "-b", "feature")
    tree.write("docs/a.md", "")
    one = tree.commit()
    tree.git("checkout", "--quiet", "master")
    tree.write("docs/b.md", "")
    two = tree.commit()
    tree.git("merge", "--quiet", "-m", "x", one)
    tree.git("checkout", "--quiet", "feature")
    tree.git("merge", "--quiet", "-m", "y", two)
    request = PlanRequest(Event.pull_request, source=tree.path, base="master", head="feature")
    found = gathered(request)
    assert [p.entry.id for p in found.entries] == ALL
    assert "parted at 2 commits" in found.change.unknown


def test_what_a_sparse_checkout_leaves_out_is_no_edit(tree: Tree) -> None:
    tree.git("sparse-checkout", "set", "backend")
    changed(tree)
    request = PlanRequest(Event.push, source=tree.path, base=tree.base)
    found = gathered(request)
    assert [p.entry.id for p in found.entries] == ALL[:1]
    assert not found.change.notes


def test_a_folder_below_the_top_is_looked_at_as_a_whole(tree: Tree) -> None:
    changed(tree)
    (tree.path / "README.md").write_text("edited\n")
    request = PlanRequest(Event.push, source=tree.path / "backend", base=tree.base)
    found = gathered(request)
    assert [p.entry.id for p in found.entries] == ALL[:1]
    assert "README.md" in found.change.notes[0]


@pytest.mark.parametrize("what", ["staged", "deleted", "mode"])
def test_edits_of_every_kind_are_named(tree: Tree, what: str) -> None:
    file = tree.path / "README.md"
    if what == "deleted":
        file.unlink()
    elif what == "mode":
        tree.git("update-index", "--chmod=+x", "README.md")
    else:
        file.write_text("staged\n")
        tree.git("add", "README.md")
    request = PlanRequest(Event.push, source=tree.path, base=tree.base)
    assert "README.md" in gathered(request).change.notes[0]


def test_a_file_behind_a_linked_folder_is_a_file_of_the_link_too(tree: Tree) -> None:
    tree.write("common/a.sh", "a\n")
    (tree.path / "backend/python/vllm/common").symlink_to("../../../common")
    (tree.path / "backend/go/whisper/far").symlink_to("/etc")
    tree.base = tree.commit()
    tree.write("common/a.sh", "b\n")
    tree.commit()
    assert tree.plan() == ALL[1:]
    assert tree.plan(head="master") == ALL[1:]


def test_links_behind_links_are_followed_and_circles_end() -> None:
    links = {"a/x": "../b", "c": "a/x", "l/one": "two", "l/two": "one"}
    assert set(with_aliases(["b/f"], links)) == {"b/f", "a/x/f", "c/f"}
    assert set(with_aliases(["l/one"], links)) == {"l/one", "l/two"}
    assert with_aliases(["b"], {"a": "../../b", "d": "/b"}) == ("b",)


def test_a_missing_object_is_an_error_and_not_a_missing_file(tree: Tree) -> None:
    changed(tree)
    blob = tree.git("rev-parse", f"HEAD:{'.github/backend-matrix.yml'}")
    path = tree.path / ".git/objects" / blob[:2] / blob[2:]
    os.chmod(path, 0o644)  # noqa: PTH101
    path.unlink()
    with pytest.raises(InputError, match="its content is not in this clone"):
        tree.plan()


def test_a_name_with_a_line_break_is_read_like_any_other(tree: Tree) -> None:
    name = "backend/go/whisper/a\n::add-mask::x.go"
    tree.write(name, "")
    tree.commit()
    assert tree.plan() == ALL[:1]


# -- jobs ------------------------------------------------------------------------------------


def test_a_job_that_github_would_end_is_named() -> None:
    known = Tables()
    slow = Tables()
    measured = {"measured": {"cpu-whisper/amd64": 400.0}}
    vars(slow)["estimates"] = known.estimates.model_copy(update=measured)
    decided = plan("backend/go/whisper/main.go")
    (note,) = report_of(decided, slow, 20, pack=True).plan.change.notes
    assert "cpu-whisper/amd64 (6 h 4" in note
    assert not report_of(decided, known, 20, pack=True).plan.change.notes


@pytest.mark.parametrize("budget", [-1.0, 361.0, float("nan"), float("inf")])
def test_a_budget_that_no_runner_has_is_refused(budget: float) -> None:
    with pytest.raises(InputError, match="--budget"):
        report_of(plan("go.mod"), Tables(), 20, budget, pack=True)


def test_git_that_is_not_there_is_said(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="git is not installed"):
        tree.plan(base="HEAD")


def test_a_folder_that_is_no_checkout_is_said(tmp_path: Path) -> None:
    request = PlanRequest(Event.push, source=tmp_path, base="HEAD~1")
    done = subprocess.run(["git", "-C", str(tmp_path), "status"], capture_output=True, check=False)
    assert done.returncode
    with pytest.raises(InputError, match="this is not a git checkout"):
        gathered(request)
