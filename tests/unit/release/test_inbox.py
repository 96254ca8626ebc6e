"""The receipts that arrived: each leg once, and what cannot be used named with its reason."""

from pathlib import Path

import pytest
from registries.legs import leg

from localai_ci.errors import InputError
from localai_ci.release.inbox import read_folder


def test_the_same_receipt_twice_counts_once(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        leg("amd64").write(tmp_path / folder)
    arrived = read_folder(tmp_path)
    assert [one.entry for one in arrived.receipts] == ["cpu-test/amd64"]
    assert not arrived.unusable


def test_two_receipts_of_one_leg_that_differ_are_both_left_out(tmp_path: Path) -> None:
    leg("amd64", text="one build").write(tmp_path / "a")
    leg("amd64", text="another build").write(tmp_path / "b")
    leg("arm64").write(tmp_path / "c")
    arrived = read_folder(tmp_path)
    assert [one.entry for one in arrived.receipts] == ["cpu-test/arm64"]
    (fault,) = arrived.unusable
    assert fault.entry == "cpu-test/amd64"
    assert "another receipt for cpu-test/amd64" in str(fault)


def test_a_folder_without_any_is_refused_unless_there_may_be_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no receipt"):
        read_folder(tmp_path)
    assert read_folder(tmp_path, empty=True).receipts == ()
