"""Faults in our files: file, line, what, remedy."""

import shutil
from pathlib import Path

import pytest

from localai_ci.config.data import data_dir
from localai_ci.errors import InputError
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.rules import load_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("profiles.yaml", "backends.yaml", "inputs.yaml"):
        shutil.copy(data_dir() / name, tmp_path)
    return tmp_path


def line_of(path: Path, text: str) -> int:
    lines = path.read_text("utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


def fault(folder: Path, old: str, new: str, at: str = "", name: str = "backends.yaml") -> str:
    """The error after an edit, checked to name the file and the line of ``at``."""
    path = folder / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_inputs(path) if name == "inputs.yaml" else load_matrix(folder)
    assert f"{path}:{line_of(path, at or new)}: " in str(caught.value)
    return str(caught.value)


def test_an_unknown_target_names_the_known_ones(folder: Path) -> None:
    message = fault(folder, "ik-llama-cpp: [cpu@amd64]", "ik-llama-cpp: [cup]")
    assert "no target 'cup'" in message
    assert "Known: bare, cpu, cuda12" in message


def test_an_architecture_that_a_target_lacks_is_an_error(folder: Path) -> None:
    message = fault(folder, "[cpu@amd64]}", "[cuda12@arm64]}")
    assert "no architecture of cuda12 'arm64'" in message


def test_a_target_without_a_profile_for_the_language_is_an_error(folder: Path) -> None:
    message = fault(folder, "kokoros: [cpu@amd64]", "kokoros: [darwin]")
    assert "takes the language 'rust'" in message


def test_a_target_that_stands_twice_is_an_error(folder: Path) -> None:
    assert "names the target 'bare' twice" in fault(folder, "[bare, darwin]", "[bare, bare]")


def test_a_backend_that_stands_twice_is_an_error(folder: Path) -> None:
    message = fault(
        folder,
        "    ced:  ",
        "    whisper: [cpu]\n    ced:  ",
        at="    whisper:                [cpu",
    )
    assert "'whisper' stands here twice" in message


def test_a_backend_under_two_builds_is_an_error(folder: Path) -> None:
    message = fault(folder, "{kokoros: [cpu@amd64]}", "{kokoros: [cpu@amd64], vllm: [cpu]}",
                    at="    vllm:  ")  # fmt: skip
    assert "vllm stands under rust too" in message


def test_an_unknown_build_is_an_error(folder: Path) -> None:
    assert "no build 'zig'" in fault(folder, "  ds4:            {ds4: ", "  zig: {ds4: ")


def test_a_tab_is_an_error_with_its_line(folder: Path) -> None:
    assert "cannot start any token" in fault(folder, "    ced:  ", "\tced:  ")


def test_a_wrong_type_says_what_was_there(folder: Path) -> None:
    message = fault(folder, "[bare, darwin]", "bare")
    assert "valid list, got 'bare'" in message


def test_an_unknown_key_is_an_error(folder: Path) -> None:
    assert "unknown key" in fault(folder, "inert: true", "inertt: true")


def test_a_number_that_lost_its_quotes_is_an_error(folder: Path) -> None:
    message = fault(folder, 'cuda: "12.8"', "cuda: 12.8", name="profiles.yaml")
    assert "valid string, got 12.8" in message


def test_a_missing_file_is_an_error(folder: Path) -> None:
    (folder / "profiles.yaml").unlink()
    with pytest.raises(InputError, match=r"profiles\.yaml: there is no such file"):
        load_matrix(folder)


def test_a_missing_matrix_is_an_error_that_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Give a folder with backends\.yaml"):
        load_matrix(tmp_path / "nothing")


EXCEPTION = "exceptions:\n  - reason: Only here to be found wrong.\n    backends: [{}]\n    {}\n"


@pytest.mark.parametrize(
    ("backend", "rest", "words"),
    [
        ("coqui", "profiles: [vulkan]\n    set: {cuda: '1.0'}", "to nothing: coqui on vulkan"),
        ("nobody", "profiles: [cpu]\n    set: {cuda: '1.0'}", "applies to nothing: nobody on cpu"),
        ("ced", "profiles: [cpu]\n    set: {ubuntu: '2404'}", "what the profile says already"),
        ("coqui", "profiles: [cuda12]\n    set: {cuda: '12.1'}", "cuda is set by the exception"),
    ],
    ids=["unused", "unknown backend", "without effect", "set twice"],
)
def test_an_exception_must_apply_change_something_and_agree_with_the_others(
    folder: Path, backend: str, rest: str, words: str
) -> None:
    path = folder / "backends.yaml"
    text = path.read_text("utf-8").replace("exceptions:\n", EXCEPTION.format(backend, rest))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        load_matrix(folder)
    assert f"{path}:" in str(caught.value)


def test_a_rule_that_stands_twice_is_an_error(folder: Path) -> None:
    path = folder / "inputs.yaml"
    text = path.read_text("utf-8").replace("name: go-modules", "name: go-packages")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="the rule 'go-packages' stands here twice") as caught:
        load_inputs(path)
    second = text[: text.index("reason: Decides the versions")].count("\n")
    assert caught.value.where == f"{path}:{second}"
