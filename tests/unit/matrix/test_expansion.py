"""Our short files say exactly what LocalAI's long one says."""

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from localai_ci.config.data import data_dir
from localai_ci.config.reader import parse
from localai_ci.matrix import localai
from localai_ci.matrix.entry import Entry, by_suffix
from localai_ci.matrix.loading import load_matrix

MATRIX = load_matrix()
LINUX = [e for e in MATRIX.entries if e.os == "linux"]
DARWIN = [e for e in MATRIX.entries if e.os == "darwin"]

# Of LocalAI's own file at 82c191af (2026-08-22), computed from that file alone.
ROWS_SHA256 = "a12008f40e93054087253b244027bb254301ce8b134ae7e44c182193fbcebe86"


def canonical(rows: list[dict[str, str]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def digest(document: dict[str, list[dict[str, str]]]) -> str:
    text = "\n".join(canonical(document["include"]) + canonical(document["includeDarwin"]))
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_expansion_has_the_digest_of_localais_rows_with_every_field() -> None:
    assert digest(localai.document(MATRIX.entries)) == ROWS_SHA256


def test_the_expansion_equals_localais_file_row_by_row() -> None:
    path = os.environ.get("LOCALAI_MATRIX")
    if not path:
        pytest.skip("set LOCALAI_MATRIX to LocalAI's .github/backend-matrix.yml (2026-08-22)")
    theirs = parse(Path(path)).data
    ours = localai.document(MATRIX.entries)
    for key in ("include", "includeDarwin"):
        assert canonical(ours[key]) == canonical(theirs[key])


def test_there_are_457_linux_and_62_darwin_rows_of_75_backends() -> None:
    assert (len(LINUX), len(DARWIN)) == (457, 62)
    assert len({e.backend for e in LINUX}) == 75
    assert len(by_suffix(LINUX)) == 386
    assert len({e.id for e in MATRIX.entries}) == 519


@pytest.mark.parametrize(
    ("field", "counts"),
    [
        (
            "build_type",
            {
                "cublas": 162,
                "": 116,
                "vulkan": 50,
                "l4t": 35,
                "hipblas": 34,
                "sycl_f16": 21,
                "sycl_f32": 21,
                "intel": 18,
            },
        ),
        ("arch", {"amd64": 303, "arm64": 154}),
        ("runner", {"ubuntu-latest": 297, "ubuntu-24.04-arm": 154, "bigger-runner": 6}),
        ("cuda", {"": 260, "13.0": 100, "12.8": 56, "12.0": 40, "12.9": 1}),
        ("skip_drivers", {False: 409, True: 48}),
        ("ubuntu", {"2404": 418, "2204": 39}),
        ("platform_tag", {"": 312, "amd64": 74, "arm64": 71}),
        ("tag_latest", {"auto": 457}),
    ],
)
def test_the_axes_have_the_counts_of_localais_matrix(field: str, counts: dict[object, int]) -> None:
    assert Counter(getattr(e, field) for e in LINUX) == counts


def test_37_rows_compile_on_a_builder_base_each_on_the_one_that_fits() -> None:
    assert Counter(e.builder for e in LINUX if e.builder) == {
        "intel-amd64": 6,
        "amd64": 5,
        "arm64": 4,
        "cuda-13-amd64": 4,
        "vulkan-amd64": 4,
        "cuda-12-amd64": 3,
        "cuda-13-arm64": 3,
        "l4t-cuda-12-arm64": 3,
        "vulkan-arm64": 3,
        "rocm-amd64": 2,
    }


def test_darwin_rows_are_entries_with_their_own_architecture() -> None:
    entry = MATRIX.by_id()["metal-darwin-arm64-whisper/darwin-arm64"]
    assert (entry.build_type, entry.runner, entry.dockerfile) == ("metal", "macos-latest", "")


def test_27_rows_are_real_exceptions_and_each_has_a_reason() -> None:
    from localai_ci.config.backends import Backends
    from localai_ci.config.reader import load

    exceptions = load(data_dir() / "backends.yaml", Backends)[0].exceptions
    assert all(x.reason for x in exceptions)

    def touched(e: Entry, *, inert: bool) -> bool:
        return any(
            e.backend in x.backends and e.profile in x.profiles
            for x in exceptions
            if x.inert is inert
        )

    assert sum(touched(e, inert=False) for e in MATRIX.entries) == 27
    inert = [e for e in MATRIX.entries if touched(e, inert=True) and not touched(e, inert=False)]
    assert len(inert) == 25


def test_our_data_is_a_tenth_of_localais_6542_lines() -> None:
    names = ("profiles.yaml", "backends.yaml")
    lines = sum(len((data_dir() / n).read_text("utf-8").splitlines()) for n in names)
    assert lines <= 6542 // 10
