"""Globs match what they say, and no pattern of a stranger's makes a match explode."""

import time
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.config.globs import DOCKERIGNORE, PATHS, braces, compiled
from localai_ci.errors import InputError


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("**", "a/b", True),
        ("**/x", "x", True),
        ("**/x", "a/b/x", True),
        ("**/x/**", "x", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("*", "a/b", False),
        ("a?b", "a/b", False),
        ("a?b", "axb", True),
        ("variants/*", "variants/a/b", False),
        ("pkg/{a,b}/**", "pkg/b/z", True),
        ("pkg/{a,b}/**", "pkg/c/z", False),
        ("**/*_test.{go,sh}", "q/a_test.go", True),
        ("a.c", "abc", False),
        ("[x].md", "[x].md", True),
    ],
)
def test_a_glob_matches_whole_paths_and_stars_stay_inside_a_segment(
    glob: str, path: str, matches: bool
) -> None:
    assert bool(compiled([glob]).match(path)) is matches


def plainly(pattern: str, path: str) -> bool:
    """The same by trying everything, for patterns of a, /, *, ? and ** between slashes."""
    segments, parts = pattern.split("/"), path.split("/")

    @lru_cache(None)
    def segment(p: str, s: str) -> bool:
        if not p:
            return not s
        if p[0] == "*":
            return segment(p[1:], s) or (bool(s) and segment(p, s[1:]))
        return bool(s) and p[0] in ("?", s[0]) and segment(p[1:], s[1:])

    @lru_cache(None)
    def walk(i: int, j: int) -> bool:
        if i == len(segments):
            return j == len(parts)
        if segments[i] == "**":
            last = all(s == "**" for s in segments[i:])
            return j < len(parts) if last else any(walk(i + 1, k) for k in range(j, len(parts) + 1))
        return j < len(parts) and segment(segments[i], parts[j]) and walk(i + 1, j + 1)

    return walk(0, 0)


SEGMENT = st.one_of(st.just("**"), st.text("ab*?", min_size=1, max_size=5)).filter(
    lambda s: s == "**" or "**" not in s
)
PATH = st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=6)


@given(st.lists(SEGMENT, min_size=1, max_size=6), PATH)
def test_a_glob_matches_what_trying_everything_does(pattern: list[str], path: list[str]) -> None:
    glob, whole = "/".join(pattern), "/".join(path)
    assert bool(compiled([glob]).match(whole)) is plainly(glob, whole)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("**/" * 10 + "x", "/".join("a" * 40)),
        ("**/a/" * 20 + "x", "a/" * 2000 + "y"),
        ("*a" * 5 + "b", "a" * 4000),
        ("*a" * 200 + "b", "a" * 4000),
        ("**/" + "*a" * 50 + "/**/b", "/".join(["a" * 60] * 60)),
        ("?*" * 100 + "b", "a" * 4000),
    ],
)
@pytest.mark.parametrize("dialect", [PATHS, DOCKERIGNORE])
def test_no_pattern_takes_long(glob: str, path: str, dialect: object) -> None:
    pattern = compiled([glob], dialect)  # type: ignore[arg-type]
    began = time.process_time()
    assert not pattern.match(path)
    assert time.process_time() - began < 1


@given(st.text("ab*?/[]{},!^-\\", max_size=30), st.sampled_from([PATHS, DOCKERIGNORE]))
def test_any_text_is_a_pattern_or_an_error_in_words(glob: str, dialect: object) -> None:
    fault = None
    try:
        compiled([glob], dialect, ".dockerignore:7").match("a/b")  # type: ignore[arg-type]
    except InputError as e:
        fault = e
    assert fault is None or (fault.where == ".dockerignore:7" and fault.remedy)


@pytest.mark.parametrize(
    "glob", ["{a,b", "a}", "{a,{b,c}}", "{a,b}" * 9, "x" * 501, "a**", "src/**.go"]
)
def test_what_is_no_pattern_of_a_rule_is_refused(glob: str) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        compiled([glob])


def test_braces_make_one_glob_for_each_choice() -> None:
    assert braces("a{b,c}{,d}") == ("ab", "abd", "ac", "acd")


def test_no_glob_at_all_matches_nothing() -> None:
    assert not compiled([]).match("")


@pytest.mark.parametrize("glob", ["a**b" * 100, "/".join(["a**b"] * 9), "**a" * 30])
def test_many_choices_are_counted_before_they_are_made(glob: str) -> None:
    """A pattern of 400 characters took all memory."""
    with pytest.raises(InputError, match="too many"):
        compiled([glob], DOCKERIGNORE)
