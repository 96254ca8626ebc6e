"""Names that leave the program."""

from localai_ci import names
from localai_ci.matrix.entry import by_suffix
from localai_ci.matrix.loading import load_matrix

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
