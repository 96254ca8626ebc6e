"""Entries into jobs, shards and outputs; a run of them, simulated."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plan.deciding import MATRIX

from localai_ci.config.data import data_dir
from localai_ci.config.estimates import Estimates, load_estimates
from localai_ci.errors import InputError
from localai_ci.matrix import limits
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.tables import tables
from localai_ci.plan import github
from localai_ci.plan.estimates import base_of, build_minutes, from_receipts, with_measured
from localai_ci.plan.jobs import SHARD, Job, packed, server_jobs, shards, single
from localai_ci.plan.simulate import best_packing, simulate

ESTIMATES = load_estimates()
ENTRIES = st.lists(st.sampled_from(MATRIX.entries), max_size=40, unique_by=lambda e: e.id)
BUDGETS = st.floats(0, 400)


def ids(jobs: Sequence[Job]) -> list[str]:
    return sorted(e.id for job in jobs for e in job.entries)


# -- packing --------------------------------------------------------------------------------


@given(ENTRIES, BUDGETS)
def test_packing_neither_loses_nor_repeats_an_entry(entries: list[Entry], budget: float) -> None:
    jobs = packed(entries, ESTIMATES, budget)
    assert ids(jobs) == sorted(e.id for e in entries)
    assert len({job.name for job in jobs}) == len(jobs)


@given(ENTRIES, BUDGETS)
def test_a_packed_job_has_one_base_one_runner_and_fits_the_budget(
    entries: list[Entry], budget: float
) -> None:
    for job in packed(entries, ESTIMATES, budget):
        assert len({base_of(e) for e in job.entries if isinstance(e, Entry)}) == 1
        assert {e.runner for e in job.entries} == {job.runner}
        assert len(job.entries) == 1 or job.minutes <= budget + 1e-6


@given(ENTRIES, BUDGETS, st.randoms())
def test_the_order_of_the_entries_does_not_change_the_jobs(
    entries: list[Entry], budget: float, random: object
) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert packed(shuffled, ESTIMATES, budget) == packed(entries, ESTIMATES, budget)


def test_packing_never_takes_more_jobs_or_runner_time_than_one_entry_each() -> None:
    one, pack = single(MATRIX.entries, ESTIMATES), packed(MATRIX.entries, ESTIMATES, 120)
    assert len(pack) * 4 < len(one)
    assert sum(j.minutes for j in pack) < sum(j.minutes for j in one)


def test_the_best_packing_of_a_few_entries_is_no_slower_than_one_each() -> None:
    few = [e for e in MATRIX.entries if e.backend == "whisper"]
    best = simulate(best_packing(few, ESTIMATES, 20), 20, ESTIMATES, one_merge=True)
    each = simulate(single(few, ESTIMATES), 20, ESTIMATES, one_merge=True)
    assert best.makespan <= each.makespan * 1.05


# -- shards and outputs -----------------------------------------------------------------------


@given(st.integers(0, 1500), st.integers(1, 255))
def test_shards_hold_everything_in_order_and_stay_below_the_limit(number: int, size: int) -> None:
    parts = shards(range(number), size)
    assert [x for part in parts for x in part] == list(range(number))
    assert all(0 < len(part) <= size for part in parts)


@pytest.mark.parametrize("size", [0, 256, 1000])
def test_a_shard_that_github_would_not_run_is_refused(size: int) -> None:
    with pytest.raises(InputError, match="silently runs nothing of a matrix of 256"):
        shards([1], size)


def outputs(entries: Sequence[Entry], size: int = SHARD, blocks: int = 0) -> dict[str, str]:
    return github.outputs(single(entries, ESTIMATES), run_all=False, size=size, blocks=blocks)


def test_the_whole_matrix_takes_two_linux_shards_and_one_for_darwin() -> None:
    found = outputs(MATRIX.entries)
    assert (found["linux_shards"], found["darwin_shards"]) == ("[1,2]", "[1]")
    jobs = [j for n in (1, 2) for j in json.loads(found[f"linux_{n}"])["include"]]
    assert len(jobs) == 457
    fields = {"name", "runner", "arch", "entries", "minutes", "kind", "artifact"}
    assert fields == set(jobs[0])
    assert github.check_sizes(found) < limits.OUTPUTS


def test_nothing_to_build_sets_every_flag_to_false() -> None:
    found = outputs([], blocks=2)
    flags = {name: text for name, text in found.items() if name.startswith("has_")}
    assert set(flags.values()) == {"false"}
    assert {"has_linux_1", "has_linux_2", "has_darwin_1"} <= set(flags)
    assert json.loads(found["linux_1"]) == {"include": []}


def test_a_darwin_row_is_one_entry_with_all_that_localais_workflow_takes() -> None:
    """Packed or not; `inputs` of backend_build_darwin.yml, as backend.yml fills them."""
    for jobs in (single(MATRIX.entries, ESTIMATES), packed(MATRIX.entries, ESTIMATES, 120)):
        rows = json.loads(github.outputs(jobs, run_all=True)["darwin_1"])["include"]
        assert len(rows) == len([e for e in MATRIX.entries if e.os == "darwin"])
        by_backend = {row["backend"]: row for row in rows}
        whisper = by_backend["whisper"]
        assert whisper["entries"] == "metal-darwin-arm64-whisper/darwin-arm64"
        inputs = {"backend", "build-type", "lang", "use-pip", "go-version", "tag-suffix", "runs-on"}
        assert {name: whisper[name] for name in inputs} == {
            "backend": "whisper",
            "build-type": "metal",
            "lang": "go",
            "use-pip": "false",
            "go-version": "1.25.x",
            "tag-suffix": "-metal-darwin-arm64-whisper",
            "runs-on": "macos-latest",
        }
        assert all(inputs <= set(row) for row in rows)
        assert {row["backend"] for row in rows if row["use-pip"] == "true"} <= {"diffusers"}
        assert by_backend["mlx"]["lang"] == "python"


def test_what_was_all_built_before_is_still_merged() -> None:
    told = github.outputs([], run_all=False, built=["cpu-whisper/amd64", "cpu-whisper/arm64"])
    assert (told["has_backends"], told["has_merges"]) == ("false", "true")
    assert json.loads(told["merges"]) == ["-cpu-whisper"]


def test_the_server_image_is_a_matrix_of_its_own_one_leg_a_job() -> None:
    server = server_jobs(tables().images[1], ESTIMATES)
    found = github.outputs([], server, run_all=False)
    rows = json.loads(found["images"])["include"]
    assert (found["has_images"], found["has_merges"], found["has_backends"]) == (
        "true", "true", "false",
    )  # fmt: skip
    assert sorted(row["entries"] for row in rows) == sorted(e.id for e in tables().images[1])
    assert {row["kind"] for row in rows} == {"images"}
    assert rows[0]["runner"] in {"ubuntu-latest", "ubuntu-24.04-arm"}


def test_more_shards_than_the_workflow_has_jobs_for_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"need 5 shards of 100, and the workflow has 4"):
        outputs(MATRIX.entries, size=100, blocks=4)


def test_outputs_are_counted_in_utf16_and_refused_above_githubs_limit() -> None:
    assert github.check_sizes({"a": "é" * 10}) == 20
    with pytest.raises(InputError, match=r"largest is big with 1048578.*|above 1048576"):
        github.check_sizes({"big": "x" * 524_289, "small": ""})


def test_darwins_images_are_merged_with_the_rest() -> None:
    """From the receipt of what LocalAI's own workflow pushed."""
    told = outputs([entry for entry in MATRIX.entries if entry.os == "darwin"])
    assert (told["has_darwin"], told["has_linux"], told["has_merges"]) == ("true", "false", "true")
    assert "-metal-darwin-arm64-whisper" in json.loads(told["merges"])


def test_every_output_is_one_line() -> None:
    text = github.render(outputs(MATRIX.entries))
    assert all("=" in line for line in text.splitlines())
    assert len(text.splitlines()) == len(outputs(MATRIX.entries))


# -- simulation -------------------------------------------------------------------------------


def test_only_linux_images_have_merge_jobs_of_their_own() -> None:
    darwin = [e for e in MATRIX.entries if e.os == "darwin"][:3]
    linux = [e for e in MATRIX.entries if e.suffix == "-cpu-llama-cpp"]
    assert simulate(single(darwin, ESTIMATES), 20, ESTIMATES, one_merge=False).merges == 0
    assert simulate(single(linux, ESTIMATES), 20, ESTIMATES, one_merge=False).merges == 1


@given(ENTRIES, st.integers(1, 30))
def test_a_simulated_run_runs_every_job_once_and_never_two_on_one_runner(
    entries: list[Entry], runners: int
) -> None:
    jobs = single(entries, ESTIMATES)
    run = simulate(jobs, runners, ESTIMATES, one_merge=True)
    assert sorted(s.job.name for s in run.slots) == sorted(j.name for j in jobs)
    by_lane: dict[int, float] = {}
    for slot in sorted(run.slots, key=lambda s: s.start):
        assert slot.start >= by_lane.get(slot.lane, 0)
        by_lane[slot.lane] = slot.end
    hosted = [lane for lane in by_lane if lane < 10_000]
    assert len(hosted) <= runners


@given(ENTRIES, st.integers(1, 30))
def test_a_run_is_no_shorter_than_its_longest_job_or_its_work_shared_out(
    entries: list[Entry], runners: int
) -> None:
    jobs = single(entries, ESTIMATES)
    run = simulate(jobs, runners, ESTIMATES, one_merge=True)
    hosted = sum(j.minutes for j in jobs if j.runner not in ESTIMATES.own)
    assert run.makespan >= max((j.minutes for j in jobs), default=0)
    assert run.makespan >= hosted / runners - 1e-6


def test_at_most_five_jobs_run_on_macos_at_once() -> None:
    darwin = [e for e in MATRIX.entries if e.os == "darwin"]
    run = simulate(single(darwin, ESTIMATES), 20, ESTIMATES, one_merge=True)
    assert len({s.lane for s in run.slots}) == 5


def test_a_machine_of_ones_own_does_not_count_towards_the_runners() -> None:
    own = [e for e in MATRIX.entries if e.runner == "bigger-runner"][:1]
    other = [e for e in MATRIX.entries if e.runner == "ubuntu-latest"][:1]
    run = simulate(single([*own, *other], ESTIMATES), 1, ESTIMATES, one_merge=True)
    assert [s.start for s in run.slots] == [0, 0]


def test_no_runner_at_all_is_an_error() -> None:
    with pytest.raises(InputError, match="Give at least one"):
        simulate([], 0, ESTIMATES, one_merge=True)


def test_packed_jobs_end_a_full_run_sooner_with_a_seventh_of_the_jobs() -> None:
    """Of which half are Darwin's, whose workflow takes one backend."""
    one = simulate(single(MATRIX.entries, ESTIMATES), 20, ESTIMATES, one_merge=False)
    pack = simulate(best_packing(MATRIX.entries, ESTIMATES, 20), 20, ESTIMATES, one_merge=True)
    assert pack.makespan < one.makespan
    assert pack.jobs * 7 < one.jobs


# -- estimates --------------------------------------------------------------------------------


def receipt(folder: Path, name: str, data: object) -> None:
    (folder / name).write_text(json.dumps(data), encoding="utf-8")


def test_measured_minutes_replace_the_guess_and_keep_the_comments(tmp_path: Path) -> None:
    receipt(tmp_path, "a.json", {"entry": "cpu-ced/amd64", "seconds": 600})
    receipt(tmp_path, "b.json", {"entry": "cpu-ced/amd64", "seconds": 900})
    receipt(tmp_path, "c.json", {"entry": "cpu-ced/arm64", "seconds": 0})
    receipt(tmp_path, "d.json", ["something else"])
    measured = from_receipts(tmp_path)
    assert measured == {"cpu-ced/amd64": 12.5}
    file = tmp_path / "estimates.yaml"
    old = (data_dir() / "estimates.yaml").read_text("utf-8")
    file.write_text(with_measured(with_measured(old, {"x": 1}), measured), encoding="utf-8")
    new = load_estimates(file)
    assert new.measured == measured
    assert build_minutes(new, MATRIX.by_id()["cpu-ced/amd64"]) == 12.5
    assert file.read_text("utf-8").startswith(old.partition("\nmeasured:")[0])


@pytest.mark.parametrize("content", [None, "", "{}", "not json"])
def test_a_folder_without_usable_receipts_is_an_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "r.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        from_receipts(tmp_path)


def test_every_estimate_matches_an_entry() -> None:
    from fnmatch import fnmatchcase

    for estimate in Estimates.model_validate(ESTIMATES.model_dump()).entries:
        assert any(fnmatchcase(e.id, estimate.match) for e in MATRIX.entries), estimate
