"""The functions that build a backend take the same flags, and one function reads them."""

import inspect

import pytest

from localai_ci.backend import request
from localai_ci.main import LocalaiCi

READ = set(inspect.signature(request).parameters)


@pytest.mark.parametrize("name", ["build_backend", "backend_report", "smoke", "publish_backend"])
def test_every_function_has_every_flag_that_is_read(name: str) -> None:
    """All but saving the cache: only what builds for keeps writes anything."""
    taken = set(inspect.signature(getattr(LocalaiCi, name)).parameters)
    saves = {"ccache_save"} if name in {"build_backend", "publish_backend"} else set()
    assert taken >= (READ - {"ccache_save"}) | saves
    assert "ccache_save" not in taken - saves


def test_a_flag_has_the_same_type_words_and_default_everywhere() -> None:
    functions = [
        inspect.signature(getattr(LocalaiCi, name)).parameters
        for name in ("build_backend", "backend_report", "smoke", "publish_backend")
    ]
    for flag in READ:
        said = {
            (str(taken[flag].annotation), taken[flag].default)
            for taken in functions
            if flag in taken
        }
        assert len(said) == 1, flag
