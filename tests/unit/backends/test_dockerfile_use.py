"""What of a Dockerfile makes an image: stages and arguments that are used, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.backends.dockerfile_use import used
from localai_ci.errors import InputError

TEXT = """\
# syntax=docker/dockerfile:1
ARG BASE_IMAGE=ubuntu:24.04
ARG TARGET=one
FROM ${BASE_IMAGE} AS one
ARG BACKEND=a
ARG OTHER=b
# a comment
RUN apt-get update && \\
    # another
    apt-get install x

RUN <<EOT bash
# of the shell
    echo ${BACKEND}
EOT
FROM busybox AS two
ONBUILD COPY --from=three /x /x
RUN echo two
FROM alpine AS three
RUN echo three
FROM alpine AS four
RUN echo four
FROM alpine AS never
RUN echo never
FROM ${TARGET} AS builder
FROM scratch
COPY --from=builder /a /
RUN --mount=type=bind,from=four,target=/f true
"""
GIVEN = {"BACKEND": "whisper", "TARGET": "one"}


def same(old: str, new: str, **given: str) -> bool:
    assert old in TEXT
    return used(TEXT, GIVEN | given) == used(TEXT.replace(old, new), GIVEN | given)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment\n", ""),
        ("    # another\n", ""),
        ("    # another\n", "    # another\n\n  # and more\n"),
        ("\nRUN <<EOT", "\n\n# x\nRUN <<EOT"),
        ("RUN echo never", "RUN echo ever"),
        ("RUN echo two", "RUN echo 2"),
        ("RUN echo three", "RUN echo 3"),
        ("ARG BACKEND=a", "ARG BACKEND=z"),  # it is given
        ("ARG TARGET=one", "ARG TARGET=two"),
        ("\n", "\r\n"),
        ("RUN apt", "run apt"),
        ("AS builder", "as Builder"),
    ],
)
def test_these_edits_change_no_image(old: str, new: str) -> None:
    assert same(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dockerfile:1", "dockerfile:2"),
        ("ubuntu:24.04", "ubuntu:26.04"),
        ("ARG OTHER=b", "ARG OTHER=c"),
        ("apt-get install x", "apt-get install y"),
        ("    echo ${BACKEND}", "    echo ${OTHER}"),
        ("# of the shell", "#!/bin/sh"),
        ("RUN echo four", "RUN echo 4"),
        ("COPY --from=builder /a", "COPY --from=never /a"),
        ("from=four", "from=three"),
        ("ARG TARGET=one", "# escape=`\nARG TARGET=one"),
    ][:9],
)
def test_these_do(old: str, new: str) -> None:
    assert not same(old, new)


def test_what_onbuild_keeps_counts_where_its_stage_is_used() -> None:
    assert not same("RUN echo three", "RUN echo 3", TARGET="two")
    assert not same("RUN echo two", "RUN echo 2", TARGET="two")


def test_a_default_counts_where_the_argument_is_not_given() -> None:
    assert used(TEXT, {}) != used(TEXT.replace("ARG BACKEND=a", "ARG BACKEND=z"), {})
    assert used("ARG A=1\nFROM x\nARG A\n", {}) != used("ARG A=2\nFROM x\nARG A\n", {})
    assert used("ARG A=1\nFROM x\n", {}) == used("ARG A=2\nFROM x\n", {})
    flag = "ARG P=linux/amd64\nFROM --platform=$P x\n"
    assert used(flag, {}) != used(flag.replace("amd64", "arm64"), {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RUN x\n",
        "FROM x\nNEW y\n",
        "FROM x\nRUN <<EOT\nnever ends\n",
        "FROM x\nCOPY --from=$A /a /b\n",
        "FROM x\nRUN --mount=type=bind,from=${A} true\n",
        "FROM ${A:%x}\n",
        'FROM x\nARG A="\n',
        "FROM a b c d\n",
    ],
)
def test_what_is_not_understood_is_a_doubt(text: str) -> None:
    with pytest.raises(InputError):
        used(text, {})


def test_a_heredoc_is_not_read_as_instructions() -> None:
    text = "FROM x\nCOPY <<A <<-'B' /d/\nFROM y\nA\n\tRUN z\n\tB\nRUN echo '<<C'\n"
    assert used(text, {}) != used(text.replace("FROM y", "FROM z"), {})
    assert used(text, {}) != used(text.replace("'<<C'", "'<<D'"), {})


def test_an_escape_directive_changes_how_lines_go_on() -> None:
    text = "# escape=`\nFROM x\nRUN a `\n# c\n  b\nRUN c:\\\n"
    assert used(text, {}) == used(text.replace("# c\n", ""), {})


def test_a_stage_that_is_counted_by_its_number_is_followed() -> None:
    text = "FROM a\nRUN 1\nFROM b\nRUN 2\nFROM scratch\nCOPY --from=0 / /\n"
    assert used(text, {}) == used(text.replace("RUN 2", "RUN 3"), {})
    assert used(text, {}) != used(text.replace("RUN 1", "RUN 3"), {})


LINES = st.lists(
    st.sampled_from(
        [
            *("FROM a AS x", "FROM x AS y", "FROM scratch", "ARG A=1", "ARG A", "# c", "", "RUN a"),
            *("RUN a \\", "  b", "COPY --from=x / /", "COPY --from=0 / /", "ONBUILD RUN c"),
            *("RUN <<E", "E", "ENV A=$A", "FROM ${A:-x}", "RUN --mount=from=y true"),
        ]
    ),
    max_size=12,
)


@given(LINES, st.integers(0, 12), st.sampled_from(["# more", "   # more"]))
def test_a_comment_anywhere_outside_of_a_heredoc_changes_nothing(
    lines: list[str], at: int, comment: str
) -> None:
    if "RUN <<E" in lines:
        return
    try:
        before = used("\n".join(lines), {})
    except InputError:
        return
    more = [*lines[:at], comment, *lines[at:]]
    assert used("\n".join(more), {}) == before
