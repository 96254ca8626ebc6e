"""Their rows into our files and back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from localai_ci.config.data import data_dir
from localai_ci.errors import InputError
from localai_ci.matrix import localai
from localai_ci.matrix.diff import diff
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.exceptions import TODO
from localai_ci.matrix.in_place import FILES, edited, write
from localai_ci.matrix.infer import Proposal, propose
from localai_ci.matrix.loading import load_files, load_matrix

PROFILES, BACKENDS, ENTRIES = load_files(data_dir())


def proposed(entries: Sequence[Entry]) -> Proposal:
    return propose(entries, PROFILES, BACKENDS)


TEXTS = {name: (data_dir() / name).read_text("utf-8") for name in FILES}


def saved(proposal: Proposal, folder: Path) -> Path:
    write(folder, edited(TEXTS, PROFILES, BACKENDS, proposal))
    return folder


def test_rows_written_as_localai_does_are_read_back_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yml"
    path.write_text(yaml.safe_dump(localai.document(ENTRIES)), encoding="utf-8")
    theirs = load_matrix(path)
    assert not diff(ENTRIES, theirs.entries)
    assert {e.id: (e.build, e.language, e.folders) for e in theirs.entries} == {
        e.id: (e.build, e.language, e.folders) for e in ENTRIES
    }


def test_what_our_files_say_of_their_own_rows_is_what_they_say() -> None:
    found = proposed(ENTRIES)
    assert (found.profiles, found.backends) == (PROFILES, BACKENDS)
    assert edited(TEXTS, PROFILES, BACKENDS, found) == TEXTS
    assert len(found.backends.exceptions) == len(BACKENDS.exceptions)


def test_a_new_deviation_becomes_an_exception_that_asks_for_its_reason() -> None:
    rows = [
        replace(e, base_image="ubuntu:26.04") if e.id == "cpu-ced/arm64" else e for e in ENTRIES
    ]
    (new,) = [x for x in proposed(rows).backends.exceptions if x.reason == TODO]
    assert (new.backends, new.profiles, new.arches) == (["ced"], ["cpu"], ["arm64"])
    assert new.set.fields() == {"base_image": "ubuntu:26.04"}


def test_a_value_that_most_rows_of_a_profile_take_becomes_the_profiles() -> None:
    rows = [replace(e, cuda="13.1") if e.cuda == "13.0" else e for e in ENTRIES]
    found = proposed(rows)
    assert found.profiles.profiles["cuda13"].cuda == "13.1"
    assert len(found.backends.exceptions) == len(BACKENDS.exceptions)


def test_a_new_accelerator_becomes_a_profile() -> None:
    rows = [
        replace(e, suffix=e.suffix.replace("cuda-13", "cuda-14"), cuda="14.0")
        for e in ENTRIES
        if e.profile == "cuda13" and e.build == "python"
    ]
    found = proposed([*ENTRIES, *rows])
    assert found.profiles.profiles["cuda14"].cuda == "14.0"
    assert found.profiles.profiles["cuda14"].build_type == "cublas"


def test_one_of_two_profiles_of_a_target_is_named_alone() -> None:
    rows = [e for e in ENTRIES if e.id != "gpu-intel-sycl-f16-whisper/amd64"]
    targets = proposed(rows).backends.backends["golang"]["whisper"]
    assert "sycl-f32" in targets
    assert "intel" not in targets


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"build_type": "openvino"}, "the accelerator openvino is not known"),
        ({"extra": (("new-field", "x"),)}, "unknown fields new-field"),
        ({"suffix": "-cpu-other"}, "does not end in the backend's name"),
        ({"build": "zig"}, "the Dockerfile zig is not under `builds`, and no folder"),
    ],
)
def test_rows_that_our_files_cannot_express_are_named(
    changes: dict[str, object], words: str
) -> None:
    odd = replace(ENTRIES[0], **changes)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=words):
        proposed([odd])


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "cuda": st.sampled_from(["", "12.9", "13.0"]),
        "base_image": st.sampled_from(["ubuntu:24.04", "ubuntu:26.04"]),
        "ubuntu": st.sampled_from(["2404", "2604"]),
        "skip_drivers": st.booleans(),
        "runner": st.sampled_from(["ubuntu-latest", "bigger-runner"]),
        "platform_tag": st.sampled_from(["", "amd64"]),
    },
)
LINUX = [e for e in ENTRIES if e.os == "linux"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(LINUX), FIELDS), min_size=1, max_size=25,
             unique_by=lambda pair: pair[0].id)
)  # fmt: skip
def test_any_rows_come_back_from_the_files_that_are_proposed_for_them(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[Entry, dict[str, object]]]
) -> None:
    rows = [replace(e, **changes) for e, changes in pairs]  # type: ignore[arg-type]
    folder = saved(proposed(rows), tmp_path_factory.mktemp("matrix"))
    assert not diff(rows, load_matrix(folder).entries)


def test_two_rows_that_are_nearest_to_one_profile_keep_apart() -> None:
    """Both would be its only leg of that backend, and one of them was lost."""
    by_id = {e.id: e for e in ENTRIES}
    thor = by_id["nvidia-l4t-cuda-13-arm64-chatterbox/arm64"]
    other = replace(
        by_id["nvidia-l4t-arm64-chatterbox/arm64"], cuda="12.9", skip_drivers=False, ubuntu="2404"
    )
    (targets,) = proposed([thor, other]).backends.backends["python"].values()
    assert len(targets) == 2
