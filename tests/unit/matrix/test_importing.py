"""`matrix import`: LocalAI's edits of its rows, written into our files where they stand."""

import os
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from localai_ci.cli import commands
from localai_ci.config.data import data_dir
from localai_ci.errors import InputError
from localai_ci.matrix import localai
from localai_ci.matrix.importing import read_import
from localai_ci.matrix.in_place import FILES, write
from localai_ci.matrix.loading import load_matrix

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
Rows = dict[str, list[dict[str, Any]]]
OURS = load_matrix()


def dumped(data: object) -> str:
    """As YAML, by the fast writer."""
    return str(yaml.dump(data, Dumper=DUMPER, sort_keys=False))


def rows() -> Rows:
    """Our entries as LocalAI writes them: what a test edits."""
    return localai.document(OURS.entries)


def row(theirs: Rows, suffix: str, platform: str = "linux/amd64") -> dict[str, Any]:
    return next(
        r for r in theirs["include"] if (r["tag-suffix"], r["platforms"]) == (suffix, platform)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Our two files, to be edited."""
    ours = tmp_path / "matrix"
    write(ours, {name: (data_dir() / name).read_text("utf-8") for name in FILES})
    return ours


def followed(folder: Path, theirs: Rows, **more: Any) -> list[str]:
    """Import the rows and write; the changed lines. Our files then say theirs, row by row."""
    file = folder.parent / "theirs.yml"
    file.write_text(dumped(theirs), "utf-8")
    before = {name: (folder / name).read_text("utf-8") for name in FILES}
    found = read_import(file, folder, **more)
    write(folder, found.changed)
    told = localai.document(load_matrix(folder).entries)
    assert same(told, theirs)
    lines = []
    for name in FILES:
        new = (folder / name).read_text("utf-8")
        delta = unified_diff(before[name].splitlines(), new.splitlines(), lineterm="", n=0)
        lines += [x for x in delta if x[:1] in "+-" and x[:3] not in {"+++", "---"}]
    assert not [x for x in lines if x[0] == "-" and x[1:].lstrip().startswith("#")]
    return lines


def same(one: Rows, other: Rows) -> bool:
    """Whether two files say the same rows; order does not count."""
    return all(
        sorted(map(sorted, (r.items() for r in one[name])))
        == sorted(map(sorted, (r.items() for r in other[name])))
        for name in ("include", "includeDarwin")
    )


def test_the_same_rows_change_nothing(folder: Path) -> None:
    assert followed(folder, rows()) == []


def test_rows_in_another_order_change_nothing(folder: Path) -> None:
    theirs = rows()
    theirs["include"].reverse()
    theirs["includeDarwin"].sort(key=lambda r: str(r["backend"])[::-1])
    assert followed(folder, theirs) == []


def test_an_added_row_is_one_word_in_one_line(folder: Path) -> None:
    theirs = rows()
    new = row(theirs, "-gpu-nvidia-cuda-12-whisper") | {
        "tag-suffix": "-gpu-nvidia-cuda-12-supertonic", "backend": "supertonic",
    }  # fmt: skip
    theirs["include"].append(new)
    assert followed(folder, theirs) == [
        "-    supertonic:             [cpu, darwin]",
        "+    supertonic:             [cpu, cuda12, darwin]",
    ]


def test_a_removed_row_is_one_word_less_and_a_removed_backend_a_line(folder: Path) -> None:
    theirs = rows()
    theirs["include"].remove(row(theirs, "-gpu-nvidia-cuda-12-coqui"))
    gone = {"opus", "kokoros"}
    for name in theirs:
        theirs[name] = [r for r in theirs[name] if r["backend"] not in gone]
    lines = followed(folder, theirs)
    assert "-  rust:           {kokoros: [cpu@amd64]}" in lines
    assert "-    opus:                   [cpu, darwin]" in lines
    assert "+    coqui:                  [rocm, intel, darwin]" in lines
    assert [x for x in lines if x[0] == "+"] == [
        "+    coqui:                  [rocm, intel, darwin]"
    ]


def test_a_changed_runner_is_an_exception_with_the_reason_that_is_given(folder: Path) -> None:
    theirs = rows()
    row(theirs, "-gpu-rocm-hipblas-vllm")["runs-on"] = "bigger-runner"
    lines = followed(folder, theirs, reason="Runs out of disk elsewhere.")
    assert lines == [
        "+  - reason: Runs out of disk elsewhere.",
        "+    backends: [vllm]",
        "+    profiles: [rocm]",
        "+    set: {runner: bigger-runner}",
    ]


def test_a_runner_that_all_rows_take_is_one_line(folder: Path) -> None:
    theirs = rows()
    for r in theirs["include"]:
        if r["runs-on"] == "ubuntu-24.04-arm":
            r["runs-on"] = "ubuntu-26.04-arm"
    assert followed(folder, theirs) == [
        "-  arm64: ubuntu-24.04-arm", "+  arm64: ubuntu-26.04-arm",
    ]  # fmt: skip


def test_a_new_cuda_version_is_one_line_of_its_profile(folder: Path) -> None:
    theirs = rows()
    for r in theirs["include"]:
        if "cuda-13" in r["tag-suffix"] and r["platforms"] == "linux/amd64":
            r["cuda-minor-version"] = "1"
    assert followed(folder, theirs) == ['-    cuda: "13.0"', '+    cuda: "13.1"']


def test_a_new_major_cuda_is_a_profile_that_is_announced(folder: Path) -> None:
    theirs = rows()
    for name in ("whisper", "vllm"):
        old = row(theirs, f"-gpu-nvidia-cuda-13-{name}")
        suffix = old["tag-suffix"].replace("cuda-13", "cuda-14")
        theirs["include"].append(old | {"tag-suffix": suffix, "cuda-major-version": "14"})
    lines = followed(folder, theirs)
    assert "+  cuda14:" in lines
    assert '+    cuda: "14.0"' in lines
    assert sum(x[0] == "-" for x in lines) == 2


def test_a_value_that_an_exception_sets_changes_in_that_exception(folder: Path) -> None:
    theirs = rows()
    for name in ("rerankers", "vllm"):
        row(theirs, f"-gpu-intel-{name}")["base-image"] = "intel/oneapi-basekit:2026.1"
    old = "2025.3.2-0-devel-ubuntu24.04"
    assert followed(folder, theirs) == [
        f'-    set: {{base_image: "intel/oneapi-basekit:{old}"}}',
        '+    set: {base_image: "intel/oneapi-basekit:2026.1"}',
    ]


def test_a_row_that_follows_its_profile_again_leaves_the_exception(folder: Path) -> None:
    theirs = rows()
    profile = row(theirs, "-gpu-intel-coqui")["base-image"]
    row(theirs, "-gpu-intel-vllm")["base-image"] = profile
    assert followed(folder, theirs) == [
        "-    backends: [rerankers, vllm]", "+    backends: [rerankers]",
    ]  # fmt: skip


def test_one_pair_out_of_a_product_leaves_the_rest_with_its_reason(folder: Path) -> None:
    theirs = rows()
    row(theirs, "-gpu-nvidia-cuda-12-bonsai")["runs-on"] = "ubuntu-latest"
    lines = followed(folder, theirs)
    assert not [x for x in lines if "TODO" in x]
    assert sum("nvcc needs 5 to 6 hours" in x for x in lines) == 1


def test_a_new_backend_with_several_rows_is_one_line_in_its_place(folder: Path) -> None:
    theirs = rows()
    for r in [r for name in theirs for r in theirs[name] if r["backend"] == "whisper"]:
        new = r | {"backend": "murmur", "tag-suffix": r["tag-suffix"].replace("whisper", "murmur")}
        theirs["include" if "dockerfile" in r else "includeDarwin"].append(new)
    targets = "[cpu, cuda12, cuda13, vulkan, rocm, intel, jetpack, thor, darwin]"
    assert followed(folder, theirs) == [f"+    murmur:                 {targets}"]
    text = (folder / "backends.yaml").read_text("utf-8")
    assert text.index("moss-tts-cpp: ") < text.index("murmur: ") < text.index("nemo-speech-cpp: ")


def test_a_new_backend_takes_over_exceptions_that_say_just_what_it_needs(folder: Path) -> None:
    theirs = rows()
    for r in [r for r in theirs["include"] if r["backend"] == "moss-tts-cpp"]:
        suffix = r["tag-suffix"].replace("moss-tts-cpp", "murmur")
        theirs["include"].append(r | {"backend": "murmur", "tag-suffix": suffix})
    lines = followed(folder, theirs)
    assert not [x for x in lines if "TODO" in x]
    assert [x for x in lines if x.startswith("+    backends:") or "murmur" in x]


@pytest.mark.parametrize("kind", ["cpp", "go", "python", "rust"])
def test_a_new_dockerfile_takes_its_language_from_the_trees_folders(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    tree = tmp_path / "tree"
    (tree / ".github").mkdir(parents=True)
    (tree / "backend" / kind / "murmur").mkdir(parents=True)
    theirs = rows()
    theirs["include"].append(
        row(theirs, "-cpu-ik-llama-cpp")
        | {"backend": "murmur", "tag-suffix": "-cpu-murmur",
           "dockerfile": "./backend/Dockerfile.murmur"}
    )  # fmt: skip
    theirs["include"][-1].pop("builder-base-image")
    (tree / localai.MATRIX_FILE).write_text(dumped(theirs), "utf-8")
    for source in (tree, tree / localai.MATRIX_FILE):
        found = read_import(source, folder)
        line = f'+  murmur:         {{language: {kind}, folder: "backend/{kind}/{{backend}}"}}'
        new = unified_diff(found.old[FILES[1]].splitlines(), found.new[FILES[1]].splitlines(), n=0)
        assert [x for x in new if x.startswith("+  murmur")] == [
            line, "+  murmur:         {murmur: [cpu@amd64]}",
        ]  # fmt: skip
        assert any("the Dockerfile murmur is new" in note for note in found.notes)


MURMUR = {"backend": "murmur", "tag-suffix": "-cpu-murmur"}
REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an unknown accelerator": (
        lambda r: r.update({"build-type": "openvino", "tag-suffix": "-gpu-openvino-whisper"}),
        "the accelerator openvino is not known",
    ),
    "an unknown Dockerfile without a tree": (
        lambda r: r.update(MURMUR | {"dockerfile": "./backend/Dockerfile.zig"}),
        "the Dockerfile zig",
    ),
    "a field that is not known": (
        lambda r: r.update(MURMUR | {"shiny": "yes"}), "unknown fields shiny",
    ),
    "a suffix of another backend": (
        lambda r: r.update({"tag-suffix": "-cpu-murmur"}), "does not end in the backend's name",
    ),
    "a row that stands twice": (
        lambda r: r.update({"tag-suffix": "-cpu-whisper"}), "rows with one id",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_said_is_named_and_nothing_is_changed_by_half(
    folder: Path, kind: str
) -> None:
    edit, words = REFUSED[kind]
    theirs = rows()
    row(theirs, "-gpu-vulkan-whisper")["runs-on"] = "ubuntu-26.04"  # this alone would be an edit
    new = dict(row(theirs, "-cpu-whisper"))
    edit(new)
    theirs["include"].append(new)
    file = folder.parent / "theirs.yml"
    file.write_text(dumped(theirs), "utf-8")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    told = CliRunner().invoke(
        commands, ["matrix", "import", str(file), "--matrix", str(folder), "--write"]
    )
    assert told.exit_code != 0
    assert isinstance(told.exception, InputError)
    assert words in str(told.exception)
    assert "Nothing was written" in str(told.exception)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# -- the older forms ------------------------------------------------------------------------


def workflow(theirs: Rows) -> dict[str, Any]:
    """The rows as they stood in the workflow until 2026-05-08, beside jobs without any."""
    built = {"uses": "./.github/workflows/backend_build.yml", "strategy": {"matrix": {}}}
    return {
        "name": "build backend container images",
        "on": {"push": {"branches": ["master"]}},
        "jobs": {
            "backend-jobs": built | {"strategy": {"matrix": {"include": theirs["include"]}}},
            "backend-jobs-darwin": {"strategy": {"matrix": {"include": theirs["includeDarwin"]}}},
            "other": {"strategy": {"matrix": {"go-version": ["1.25.x"]}}, "steps": []},
            "dynamic": {"strategy": {"matrix": "${{ fromJson(needs.x.outputs.matrix) }}"}},
        },
    }


def two_platforms(theirs: Rows) -> None:
    """One row for both legs of an image, as until 2026-05-09."""
    theirs["include"].remove(row(theirs, "-cpu-whisper", "linux/arm64"))
    joint = row(theirs, "-cpu-whisper")
    joint["platforms"] = "linux/amd64,linux/arm64"
    del joint["platform-tag"]


def test_two_platforms_in_one_row_are_read_said_and_split_again(folder: Path) -> None:
    theirs = rows()
    two_platforms(theirs)
    lines = followed(folder, theirs)
    assert any("[cpu@amd64+arm64, cuda12" in x for x in lines)
    lines = followed(folder, rows())
    assert "+    whisper:                [cpu, cuda12, cuda13, vulkan" in "\n".join(lines)
    assert (folder / FILES[1]).read_bytes() == (data_dir() / FILES[1]).read_bytes()


def test_rows_in_the_workflow_are_found_and_lines_are_named(folder: Path, tmp_path: Path) -> None:
    theirs = rows()
    two_platforms(theirs)
    tree = tmp_path / "old"
    file = tree / ".github" / "workflows" / "backend.yml"
    file.parent.mkdir(parents=True)
    file.write_text(dumped(workflow(theirs)), "utf-8")
    for source in (tree, file):
        write(folder, read_import(source, folder).changed)
        assert same(localai.document(load_matrix(folder).entries), theirs)
    read = load_matrix(file)
    where = read.where(read.by_id()["cpu-whisper/amd64+arm64"])
    line = file.read_text("utf-8").splitlines()[int(where.rpartition(":")[2]) - 1]
    assert line.strip().startswith("- ")


def test_a_fault_in_a_row_of_the_workflow_is_at_its_line(tmp_path: Path) -> None:
    theirs = rows()
    del theirs["include"][3]["runs-on"]
    file = tmp_path / "backend.yml"
    file.write_text(dumped(workflow(theirs)), "utf-8")
    with pytest.raises(
        InputError, match=r"backend\.yml:\d\d+: include\.3\.runs-on: this key is miss"
    ):
        load_matrix(file)


def test_a_workflow_without_rows_says_where_they_are_now(tmp_path: Path) -> None:
    file = tmp_path / "backend.yml"
    file.write_text(dumped(workflow({"include": [], "includeDarwin": []})), "utf-8")
    with pytest.raises(InputError, match=r"has no rows[^$]*\.github/backend-matrix\.yml"):
        load_matrix(file)


def test_a_tree_without_a_matrix_is_an_error_that_names_both_places(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"no matrix[^$]*backend-matrix\.yml[^$]*backend\.yml"):
        read_import(tmp_path, folder)


# -- the command --------------------------------------------------------------------------


def test_the_command_shows_checks_and_writes(folder: Path) -> None:
    theirs = rows()
    row(theirs, "-cpu-whisper")["ubuntu-version"] = "2604"
    file = folder.parent / "theirs.yml"
    file.write_text(dumped(theirs), "utf-8")
    common = ["matrix", "import", str(file), "--matrix", str(folder)]
    run = CliRunner().invoke
    before = (folder / FILES[1]).read_bytes()
    told = run(commands, [*common, "--check"])
    assert told.exit_code == 1
    assert '+    set: {ubuntu: "2604"}' in told.stdout
    assert (folder / FILES[1]).read_bytes() == before
    assert "ask for their reason (whisper)" in told.stderr
    told = run(commands, [*common, "--write", "--reason", "A newer Ubuntu here."])
    assert (told.exit_code, told.stdout) == (0, "")
    assert "written: " in told.stderr
    told = run(commands, [*common, "--check"])
    assert told.exit_code == 0
    assert "says exactly what" in told.stderr


def test_line_ends_of_another_system_stay(folder: Path) -> None:
    for name in FILES:
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    theirs = rows()
    theirs["include"].remove(row(theirs, "-gpu-nvidia-cuda-12-coqui"))
    file = folder.parent / "theirs.yml"
    file.write_text(dumped(theirs), "utf-8")
    write(folder, read_import(file, folder).changed)
    assert b"\n" not in (folder / FILES[1]).read_bytes().replace(b"\r\n", b"")
    assert same(localai.document(load_matrix(folder).entries), theirs)


# -- what LocalAI really did --------------------------------------------------------------


@pytest.mark.skipif(
    "LOCALAI_TREE" not in os.environ, reason="set LOCALAI_TREE to a clone of LocalAI"
)
def test_every_edit_of_localai_since_may_is_followed_without_a_hand() -> None:
    from bench import follow

    steps = list(follow.follow(Path(os.environ["LOCALAI_TREE"]), "2026-05-01"))
    assert len(steps) >= 50
    assert [step for step in steps if step.strange or step.comments_lost] == []
    month = steps[-7:]  # from 2026-07-26 to 2026-08-10
    assert max(step.lines for step in month) <= 20
