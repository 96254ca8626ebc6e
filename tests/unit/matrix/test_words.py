"""Words of a matrix: what a tag, a shell or a workflow would read is refused at its line."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.words import GATE, gate, refuse_strange_runners

INSTALLED = load_matrix()
ENTRY = INSTALLED.by_id()["cpu-llama-cpp/amd64"]


def matrix(**changed: str) -> Matrix:
    entry = replace(ENTRY, **changed)  # type: ignore[arg-type]
    return Matrix((entry,), "matrix", {entry.id: "matrix/backends.yaml:7"})


def test_what_is_installed_passes_as_it_is() -> None:
    assert gate(INSTALLED) is INSTALLED


def test_every_word_of_an_entry_has_a_pattern_or_is_made_here() -> None:
    made_here = {"language", "profile", "folders", "extra", "skip_drivers"}
    assert {field.name for field in fields(Entry)} == {*GATE, *made_here}


@pytest.mark.parametrize("name", GATE)
@pytest.mark.parametrize(
    "word", ["-x'; id; '", "$(id)", "`id`", "a b", "a\nb", "::add-mask::x", "\x1b[31m", "a|b", "*"]
)
def test_a_word_that_a_shell_or_a_log_would_read_is_refused_with_its_line(
    name: str, word: str
) -> None:
    with pytest.raises(InputError, match=r"^matrix/backends\.yaml:7: |^matrix: ") as refused:
        gate(matrix(**{name: word}))
    said = str(refused.value)
    assert name.replace("_", "-") in said
    assert "\x1b" not in said
    assert "Correct it in this row." in said


@pytest.mark.parametrize(
    "word",
    [
        "a/./b",
        "file:///x",
        "https://u:p@h/x",
        "a..b",
        "x::add-mask",
        "169.254.169.254/x:y",
        "127.1/x",
    ],
)
def test_a_base_image_is_an_image_and_no_service_of_a_machine(word: str) -> None:
    with pytest.raises(InputError, match="expected an image"):
        gate(matrix(base_image=word))


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("context", ".git"), ("context", "a/.GIT/hooks"), ("context", "a/" * 300), ("cuda", "-1"),
        ("cuda", "\u0661\u0662"), ("runner", ""), ("runner", "${{ secrets.X }}"),
        ("runner", "[self-hosted]"), ("arch", "a" * 300), ("suffix", "-\u0430"), ("suffix", "-a\n"),
        ("backend", ".git"), ("builder", "a/b"), ("amdgpu_targets", "gfx9" * 200),
    ],
)  # fmt: skip
def test_other_words_that_are_none_are_refused(name: str, word: str) -> None:
    with pytest.raises(InputError, match="expected"):
        gate(matrix(**{name: word}))


@pytest.mark.parametrize("word", ["../..", "a/../b", "/etc", "-C", "./../x"])
def test_no_folder_leads_out_of_the_tree(word: str) -> None:
    with pytest.raises(InputError, match="expected a folder of the tree"):
        gate(matrix(context=word))
    entry = replace(ENTRY, folders=(word,))
    with pytest.raises(InputError, match="folder is"):
        gate(Matrix((entry,), "matrix", {}))


@given(st.sampled_from(sorted(GATE)), st.text(max_size=80))
def test_whatever_passes_is_one_plain_word(name: str, word: str) -> None:
    try:
        gate(matrix(**{name: word}))
    except InputError:
        return
    assert word.isascii()
    assert not set(word) & set(" \t\r\n\x00'\"`$\\|&<>(){}!*?~#%=^")


@pytest.mark.parametrize("name", GATE)
def test_a_long_word_is_answered_at_once(name: str) -> None:
    long = "a." * 500_000
    for word in (f"{long}!", f"{long}/!", "/".join(["a"] * 200_000) + "!"):
        with pytest.raises(InputError) as refused:
            gate(matrix(**{name: word}))
        assert len(str(refused.value)) < 400


HOSTED = frozenset({"ubuntu-latest", "ubuntu-24.04-arm"})


def test_a_new_row_runs_on_a_hosted_runner_only() -> None:
    refuse_strange_runners(matrix(runner="ubuntu-latest"), HOSTED, lambda _: "")
    with pytest.raises(InputError, match="asks for the runner 'bigger-runner'"):
        refuse_strange_runners(matrix(runner="bigger-runner"), HOSTED, lambda _: "")


def test_a_row_keeps_the_machine_that_its_base_gave_it_and_gets_no_other() -> None:
    refuse_strange_runners(matrix(runner="bigger-runner"), HOSTED, lambda _: "bigger-runner")
    with pytest.raises(InputError, match="which the base revision"):
        refuse_strange_runners(matrix(runner="gpu-host"), HOSTED, lambda _: "bigger-runner")
