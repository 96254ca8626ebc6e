"""The pure parts of a backend's build: pins, statistics, arguments, answers, names."""

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from localai_ci.backends import trust
from localai_ci.backends.build import BuiltBackend
from localai_ci.backends.ccache import Key, inputs_in
from localai_ci.backends.ccache_statistics import Statistics
from localai_ci.backends.ccache_statistics import read as read_statistics
from localai_ci.backends.dockerfile_call import arguments
from localai_ci.backends.input_hash import refresh_of
from localai_ci.backends.pins import Pin, read_pin
from localai_ci.backends.recipe import decide, steps, tools
from localai_ci.backends.report import check_cache
from localai_ci.backends.request import BackendRequest
from localai_ci.backends.smoke import explain
from localai_ci.backends.smoke import read as read_answer
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.recipe import recipe
from localai_ci.config.compile import load_compile
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.matrix.check import TAG
from localai_ci.matrix.loading import load_matrix

FILE = load_compile()
ENTRIES = load_matrix().by_id()
SOURCE = FILE.backends["llama-cpp"].source
COMMIT = "d59d455fd8ea09e5a2e87ce2a9d668267ffb5ccd"


@pytest.mark.parametrize("sign", ["?=", "=", " := "])
def test_a_makefiles_pin_is_read(sign: str) -> None:
    text = f"# LLAMA_VERSION\nLLAMA_VERSION{sign}{COMMIT}\nLLAMA_REPO{sign}https://x.org/llama\n"
    assert read_pin(text, SOURCE) == Pin("https://x.org/llama", COMMIT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LLAMA_REPO?=https://x.org/llama\n", "LLAMA_VERSION is not set"),
        ("LLAMA_VERSION?=master\nLLAMA_REPO?=https://x.org\n", "'master', not a full commit id"),
    ],
)
def test_a_pin_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_pin(text, SOURCE)


def test_the_statistics_are_ccaches_own() -> None:
    text = "direct_cache_hit\t260\npreprocessed_cache_hit\t2\ncache_miss\t3\ncalled_for_link\t7\n"
    found = read_statistics(text, "registry/x:y")
    assert (found.hits, found.misses, found.uncacheable) == (262, 3, 7)
    assert found.as_line() == "ccache: 262 of 265 objects (99%) found, cache: registry/x:y"
    assert found.as_dict()["rate"] == 0.9887


@pytest.mark.parametrize(
    ("hits", "unchanged", "broken"), [(94, True, True), (95, True, False), (0, False, False)]
)
def test_only_an_unchanged_rebuild_that_misses_is_broken(
    hits: int, unchanged: bool, broken: bool
) -> None:
    assert Statistics(hits, 100 - hits, 0, unchanged=unchanged).is_broken == broken


def canary(statistics: Statistics) -> None:
    check_cache(
        BuiltBackend(ENTRIES["cpu-llama-cpp/amd64"], cast("Any", None), "", statistics=statistics)
    )


def test_the_canary_passes_only_where_a_cache_of_the_same_inputs_was_used() -> None:
    canary(Statistics(95, 5, 0, "registry/x:y", unchanged=True))
    with pytest.raises(LocalaiCiError, match="found 94 of 100 objects"):
        canary(Statistics(94, 6, 0, "registry/x:y", unchanged=True))
    with pytest.raises(LocalaiCiError, match="no cache of the very same inputs"):
        canary(Statistics(100, 0, 0))


def test_the_canary_fails_where_nothing_went_through_the_cache() -> None:
    with pytest.raises(LocalaiCiError, match="nothing went through ccache") as caught:
        canary(Statistics(0, 0, 7, "registry/x:y", unchanged=True))
    assert "CMAKE_*_COMPILER_LAUNCHER" in str(caught.value)


def test_caches_are_tried_from_the_nearest_to_the_relatives() -> None:
    key = Key("bonsai", "cuda-12-amd64", "cublas", "0123456789ab", "inputs", trust.RELEASE)
    assert key.candidates(FILE.relatives("bonsai")) == (
        "ccache-bonsai-cuda-12-amd64-cublas-0123456789ab",
        "ccache-bonsai-cuda-12-amd64-cublas",
        "ccache-llama-cpp-cuda-12-amd64-cublas",
        "ccache-turboquant-cuda-12-amd64-cublas",
        "ccache-ik-llama-cpp-cuda-12-amd64-cublas",
    )


def test_a_pull_request_reads_its_own_caches_first_and_a_releases_next() -> None:
    key = Key("bonsai", "amd64", "", "0123456789ab", "inputs", trust.PULL_REQUEST)
    assert key.candidates(("llama-cpp",)) == (
        "pr-ccache-bonsai-amd64-cpu-0123456789ab",
        "ccache-bonsai-amd64-cpu-0123456789ab",
        "pr-ccache-bonsai-amd64-cpu",
        "ccache-bonsai-amd64-cpu",
        "pr-ccache-llama-cpp-amd64-cpu",
        "ccache-llama-cpp-amd64-cpu",
    )


def written(key: Key) -> set[str]:
    return {key.volume, key.tag(on_base=True), key.tag(on_base=False)}


@given(*[st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,3}", fullmatch=True)] * 3)
@example("pr-x", "amd64", "cpu")
def test_no_release_reads_what_any_pull_request_has_written(
    backend: str, variant: str, other: str
) -> None:
    for mine, theirs in ((backend, other), (backend, backend), (f"pr-{other}", other)):
        key = Key(mine, variant, "", "0" * 12, "", trust.RELEASE)
        read = {key.volume, *key.candidates((theirs,))}
        for name in (mine, theirs, backend, other):
            assert not read & written(replace(key, backend=name, trust=trust.PULL_REQUEST))


def test_a_build_is_a_pull_requests_where_nothing_is_said() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(BackendRequest)}
    assert fields["trust"] == trust.PULL_REQUEST
    assert trust.domain("", trust.RELEASE) == trust.RELEASE
    assert trust.domain("pull-request", trust.RELEASE) == trust.PULL_REQUEST
    with pytest.raises(InputError, match="no trust domain 'main'"):
        trust.domain("main", trust.RELEASE)


@pytest.mark.parametrize("text", ["[]", "1", "{", "[" * 100_000, '"x"', ""])
def test_an_image_that_does_not_describe_a_cache_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        inputs_in(text)


def test_every_cache_has_a_name_of_its_own_that_a_registry_takes() -> None:
    tags = [
        Key(e.backend, e.builder, e.build_type, "0123456789ab", "", domain).tag(on_base=True)
        for e in ENTRIES.values()
        if e.builder
        for domain in trust.DOMAINS
    ]
    assert len(set(tags)) == len(tags)
    assert all(TAG.fullmatch(tag) for tag in tags)


def test_a_dockerfile_gets_the_thirteen_arguments() -> None:
    given = arguments(ENTRIES["gpu-nvidia-cuda-12-whisper/amd64"], Mirrors(), "", "2026-W47")
    assert len(given) == 13
    assert given["CUDA_MAJOR_VERSION"] == "12"
    assert given["CUDA_MINOR_VERSION"] == "8"
    assert given["SKIP_DRIVERS"] == "false"
    assert given["BASE_IMAGE"] == "ubuntu:24.04"
    assert given["BUILD_TYPE"] == "cublas"


def test_dependencies_are_refreshed_by_iso_week() -> None:
    assert refresh_of(datetime(2027, 1, 1, tzinfo=UTC)) == "2026-W53"


@pytest.mark.parametrize(
    ("entry", "variant", "names"),
    [
        ("cpu-llama-cpp/amd64", "amd64", ["grpc", "|", "compile", "package"]),
        ("cpu-llama-cpp/arm64", "arm64", ["compiler", "grpc", "|", "compile", "package"]),
        ("cpu-llama-cpp/amd64", "debian-amd64", ["grpc", "|", "compile", "package", "libraries"]),
    ],
)
def test_the_steps_are_those_that_the_entry_needs(
    entry: str, variant: str, names: list[str]
) -> None:
    """The line between them: the tree comes in."""
    how = decide(FILE, ENTRIES[entry])
    on = recipe(variant, Mirrors())
    found = steps(ENTRIES[entry], how, on, FILE.ccache)
    assert [s.name for s in tools(how, on)] + ["|"] + [s.name for s in found] == names


def test_intels_setup_comes_before_make_and_rocm_names_its_compilers() -> None:
    for entry, text in {
        "gpu-intel-sycl-f16-llama-cpp/amd64": ". /opt/intel/oneapi/setvars.sh",
        "gpu-rocm-hipblas-llama-cpp/amd64": "export CXX='/opt/rocm/llvm/bin/clang++'",
    }.items():
        how = decide(FILE, ENTRIES[entry])
        script = steps(ENTRIES[entry], how, recipe("amd64", Mirrors()), FILE.ccache)[0].script
        assert script.index(text) < script.index("make llama-cpp-fallback")


def test_an_object_is_found_again_in_another_folder_image_and_language() -> None:
    entry = ENTRIES["gpu-rocm-hipblas-llama-cpp/amd64"]
    found = steps(entry, decide(FILE, entry), recipe("amd64", Mirrors()), FILE.ccache)
    (script,) = (step.script for step in found if step.name == "compile")
    for setting in (
        "CCACHE_COMPILERCHECK=content",
        "CCACHE_BASEDIR=/LocalAI",
        "CCACHE_NOHASHDIR=1",
        f"CCACHE_MAXSIZE={FILE.ccache.max_size}",
        "for language in C CXX CUDA HIP",
    ):
        assert script.index(setting) < script.index("make llama-cpp-fallback")


HEAD = "HTTP/2 200\ncontent-type: application/grpc\n"


def test_a_healthy_answer_is_its_message() -> None:
    said = f"{HEAD}\ngrpc-status: 0\n\n 00 00 00 00 04 0a 02 4f 4b\n"
    assert read_answer("x/amd64", said) == "OK"


@pytest.mark.parametrize("status", ["grpc-status: 12\ngrpc-message: unimplemented", ""])
def test_another_answer_is_an_error_that_quotes_it(status: str) -> None:
    with pytest.raises(LocalaiCiError, match="is not well: HTTP/2 200"):
        read_answer("x/amd64", f"{HEAD}{status}\n\n")


@pytest.mark.parametrize(
    ("code", "line", "what"),
    [
        (
            127,
            "run: error while loading shared libraries: libz.so.1: cannot open shared object file",
            "libz.so.1 is missing from the package",
        ),
        (7, "I give up", "it ended with exit code 7 before it answered"),
        (124, "loading", "it runs, but its Health does not answer"),
    ],
)
def test_a_backend_that_does_not_come_up_says_why(code: int, line: str, what: str) -> None:
    told = str(explain("x/amd64", code, [line], TimeoutError()))
    assert what in told
    assert line in told


def test_what_a_backend_says_is_told_printable_and_cut() -> None:
    told = str(explain("x/amd64", 7, ["\x1b[31m::add-mask::x", "y" * 100_000], TimeoutError()))
    assert "\x1b" not in told
    assert "::add-mask" not in told
    assert len(told) < 2000
