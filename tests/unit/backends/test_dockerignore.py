"""What a .dockerignore leaves out, as Docker itself reads one."""

import pytest

from localai_ci.backends.dockerignore import Ignoring
from localai_ci.errors import InputError


@pytest.mark.parametrize(
    ("text", "path", "out"),
    [
        ("models", "models", True),
        ("models", "models/a/b", True),
        ("models", "backend/models", False),
        ("/models/", "models/a", True),
        ("Dockerfile*", "Dockerfile.aio", True),
        ("Dockerfile*", "backend/Dockerfile.golang", False),
        ("**/venv", "venv/x", True),
        ("**/venv", "backend/python/a/venv/bin/python", True),
        ("**/venv", "backend/python/a/venvs", False),
        ("backend/go/*/sources", "backend/go/whisper/sources/a.c", True),
        ("backend/go/*/sources", "backend/go/a/b/sources/a.c", False),
        ("backend/python/**/source", "backend/python/a/b/source/x", True),
        ("backend/cpp/llama-cpp-*-build", "backend/cpp/llama-cpp-avx-build/x", True),
        ("# models", "models", False),
        ("a\n!a/keep", "a/keep", False),
        ("a\n!a/keep", "a/other", True),
        ("!a\na", "a", True),
        ("a\n!a\na/x", "a/x", True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        ("a[bc]", "ac", True),
        ("a?", "a/", False),
        ("", "a", False),
        ("a**c", "ac", True),
        ("a**c", "ab/x/c", True),
        ("a**c", "abc", False),
        ("b**/[c-d]*", "ba/x/c", True),
        ("b**/[a-d]*", "backend/x", True),
        ("b**/[d-z]*", "backend/Makefile", False),
        ("**.swp", "a/b/.x.swp", True),
        ("**.swp", "x.swp", True),
        ("**.swp", "a.swp/b", True),
        ("**.swp", "a.swpx", False),
        ("**d/e", "a/b/cd/e", True),
        ("\ufeffmodels", "models/a", True),
        (" !models\nmodels", "models", True),
        ("models\r\n!models/a\r\n", "models/a", False),
        ("docs\n!docs/readme.md", "docs/readme.md", False),
        ("*\n!src/x", "src/y", True),
        ("[^a]", "b", True),
        ("x[^a]y", "x/y", False),
    ],
)
def test_a_path_is_left_out_by_the_last_pattern_that_fits(text: str, path: str, out: bool) -> None:
    assert Ignoring.of(text).leaves_out(path) is out


@pytest.mark.parametrize("line", ["[\\]", "[", "a[b", "[z-a]", "[]"])
def test_a_line_that_is_no_pattern_is_named_with_its_number(line: str) -> None:
    with pytest.raises(InputError) as caught:
        Ignoring.of(f"models\n\n{line}\n").leaves_out("a")
    assert caught.value.where == ".dockerignore:3"
    assert caught.value.remedy
