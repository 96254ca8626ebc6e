"""Flags that do not go with an entry, or with each other, are refused before anything is built."""

from dataclasses import replace
from typing import Any, cast

import pytest

from localai_ci.backends.base_choice import BasePreference
from localai_ci.backends.builder import Builder
from localai_ci.backends.request import BackendRequest, check, without_effect
from localai_ci.bases.mirrors import Mirrors
from localai_ci.config.variants import load_variants
from localai_ci.errors import InputError
from localai_ci.matrix.loading import load_matrix

ENTRIES = load_matrix().by_id()
COMPILED = ENTRIES["cpu-llama-cpp/amd64"]
STORE = ENTRIES["cpu-local-store/amd64"]
VARIANTS = load_variants()
AMD64 = VARIANTS.get("amd64")
# Whatever is given: the engine is not asked.
GIVEN = cast("Any", object())
REQUEST = BackendRequest(GIVEN, "any")


@pytest.mark.parametrize(
    ("flag", "changed"),
    [
        ("--targets", {"targets": ("fallback",)}),
        ("--third-party", {"third_party": GIVEN}),
        ("--base", {"preference": BasePreference(given=GIVEN)}),
        ("--builder", {"preference": BasePreference(builder=Builder.fromsource)}),
    ],
)
def test_flags_of_compiled_backends_are_refused_where_a_dockerfile_builds(
    flag: str, changed: dict[str, Any]
) -> None:
    request = replace(REQUEST, **changed)
    with pytest.raises(InputError) as caught:
        check(request, STORE, AMD64)
    assert str(caught.value) == (
        "cpu-local-store/amd64: backend/Dockerfile.golang builds this entry, on no builder base:"
        f" {flag} would change nothing\n  Leave it out."
    )
    check(request, COMPILED, AMD64)


def test_all_flags_that_would_change_nothing_are_told_at_once() -> None:
    request = replace(REQUEST, targets=("fallback",), third_party=GIVEN)
    told = "--targets, --third-party would change nothing\n  Leave them out"
    with pytest.raises(InputError, match=told):
        check(request, STORE, AMD64)


def test_flags_of_a_whole_run_are_told_where_they_have_no_effect() -> None:
    """A workflow gives every entry the same cache and the same week."""
    request = replace(
        REQUEST, ccache="registry/ccache", ccache_save=True, mirrors=Mirrors(epoch="2026-W47")
    )
    check(request, STORE, AMD64)
    assert without_effect(request, STORE) == (
        "--ccache, --ccache-save, --epoch: no effect, backend/Dockerfile.golang builds this entry"
    )
    assert without_effect(request, COMPILED) == ""


def test_what_a_dockerfile_heeds_may_be_given() -> None:
    mirrors = Mirrors(apt_mirror="http://mirror/ubuntu")
    preference = BasePreference(base_image="debian:bookworm")
    check(
        replace(REQUEST, mirrors=mirrors, preference=preference, refresh="2026-W47"), STORE, AMD64
    )


@pytest.mark.parametrize("entry", [COMPILED, STORE])
def test_a_variant_of_another_architecture_is_refused(entry: Any) -> None:
    told = rf"{entry.id}: variant arm64 is for arm64, the entry for amd64\n  Name .* --variant"
    with pytest.raises(InputError, match=told):
        check(REQUEST, entry, VARIANTS.get("arm64"))


def test_a_cache_is_kept_only_where_the_user_says_where() -> None:
    with pytest.raises(InputError, match="--ccache-save needs --ccache, which says where"):
        check(replace(REQUEST, ccache_save=True), COMPILED, AMD64)
    check(replace(REQUEST, ccache_save=True, ccache="registry/ccache"), COMPILED, AMD64)


def test_every_entry_may_be_built_on_its_own_variant() -> None:
    for entry in ENTRIES.values():
        if entry.os == "linux":
            check(REQUEST, entry, VARIANTS.get(entry.builder or entry.arch))
