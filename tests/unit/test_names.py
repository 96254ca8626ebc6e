"""Names that leave the program."""

import re

from hypothesis import given
from hypothesis import strategies as st

from localai_ci import names
from localai_ci.config.estimates import load_estimates
from localai_ci.matrix.entry import by_suffix
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.tables import tables
from localai_ci.plan.jobs import packed, server_jobs, single

MATRIX = load_matrix()
SUFFIXES = list(by_suffix(MATRIX.entries))


def test_an_entry_id_gives_its_suffix_and_architecture_back() -> None:
    for entry in MATRIX.entries:
        assert names.split_entry_id(entry.id) == (entry.suffix, entry.arch)
    assert names.split_entry_id(names.entry_id("", "arm64")) == ("", "arm64")


def test_35_suffixes_begin_like_another_and_no_name_is_taken_for_the_others() -> None:
    alike = [(a, b) for a in SUFFIXES for b in SUFFIXES if b.startswith(f"{a}-")]
    assert len([(a, b) for a, b in alike if "darwin" not in a]) == 35
    for a, b in alike:
        assert not names.receipt_file(names.entry_id(b, "amd64")).startswith(f"{a[1:]}--")


def test_a_cache_is_named_as_localai_published_it() -> None:
    assert names.cache_tag("-gpu-nvidia-cuda-12-vllm") == "cache-gpu-nvidia-cuda-12-vllm-"
    assert names.cache_tag("-cpu-kokoro", "amd64") == "cache-cpu-kokoro-amd64"


def test_the_image_without_a_suffix_is_called_core_where_a_name_must_not_be_empty() -> None:
    assert names.input_tag("0123456789abcdef", "", "amd64") == "in-0123456789ab-core-amd64"


REFUSED = re.compile(r'[":<>|*?\\/\r\n]')
"""What actions/upload-artifact refuses in a name (artifact.ts, checkArtifactName)."""


def test_the_artifacts_of_all_jobs_are_names_for_github_and_all_differ() -> None:
    """Of every packing, and of both families in one run."""
    estimates = load_estimates()
    for jobs in (single(MATRIX.entries, estimates), packed(MATRIX.entries, estimates, 120)):
        run = (*jobs, *server_jobs(tables().images[1], estimates))
        artifacts = [str(job.as_json()["artifact"]) for job in run]
        assert not [name for name in artifacts if REFUSED.search(name) or len(name) > 200]
        assert len(set(artifacts)) == len(run)
        assert {names.job_of_receipts_artifact(name) for name in artifacts} == {
            (job.kind.value, job.name) for job in run
        }


@given(st.sampled_from(("backends", "images")), st.text(min_size=1, max_size=60))
def test_any_name_of_a_job_becomes_an_artifact_and_comes_back(kind: str, job: str) -> None:
    name = names.receipts_artifact(kind, job)
    assert not REFUSED.search(name)
    assert name.isascii()
    assert names.job_of_receipts_artifact(name) == (kind, job)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_pattern_for_one_familys_artifacts_takes_none_of_the_others(one: str, two: str) -> None:
    assert not names.receipts_artifact("images", one).startswith("receipts-backends--")
    assert not names.receipts_artifact("backends", two).startswith("receipts-images--")


def test_a_darwin_entry_is_for_the_platform_that_localai_asks_for() -> None:
    assert names.platform_of("darwin-arm64") == ("darwin", "arm64")
    assert names.platform_of("arm64") == ("linux", "arm64")


def test_no_two_legs_of_a_run_wait_under_one_anchor_whatever_their_family() -> None:
    """Anchors of both families stand in one repository where `anchors: cache`."""
    entries = [*(entry.id for entry in MATRIX.entries), *(leg.id for leg in tables().images[1])]
    anchors = {names.anchor_tag("20261125", "4711", entry) for entry in entries}
    assert len(anchors) == len(entries)
    artifacts = {names.receipts_artifact("backends", entry) for entry in entries}
    files = {names.receipt_file(entry) for entry in entries}
    assert len(artifacts) == len(files) == len(entries)
    assert {names.entry_of_receipt_file(file) for file in files} == set(entries)
