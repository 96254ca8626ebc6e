"""What of a run ends last, and why."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.plan.deciding import MATRIX

from localai_ci.config.estimates import Estimates, load_estimates
from localai_ci.matrix.entry import Entry
from localai_ci.plan.ending import ending, sentences
from localai_ci.plan.jobs import packed, single
from localai_ci.plan.simulate import OWN_LANES, simulate
from localai_ci.plan.timeline import lanes

ESTIMATES = load_estimates()
OWN = tuple(e for e in MATRIX.entries if e.runner == "bigger-runner")


def of(entries: tuple[Entry, ...], runners: int, estimates: Estimates = ESTIMATES) -> str:
    jobs = single(entries, estimates)
    run = simulate(jobs, runners, estimates, one_merge=True)
    found = ending(jobs, run, runners, estimates)
    assert found
    return " ".join(sentences(found))


def test_ones_own_runners_are_named_where_they_decide_the_end() -> None:
    rest = tuple(e for e in MATRIX.entries if e.backend == "whisper")
    said = of((*OWN, *rest), 20)
    assert "on bigger-runner (2 machines of your own)" in said
    assert "It waits" in said
    assert "behind gpu-nvidia-cuda-1" in said
    assert "With one machine more there the run would take" in said


def test_a_job_that_waited_for_nothing_is_said_to_be_long() -> None:
    said = of(OWN[:1], 20)
    assert "only a faster build ends sooner" in said
    assert "waits" not in said


def test_a_place_that_would_not_help_is_not_promised() -> None:
    two = tuple(e for e in MATRIX.entries if e.id in {"cpu-ced/amd64", "cpu-ced/arm64"})
    assert "the run would take 14 min instead of 25 min" in of(two, 1)
    jobs = single(two, ESTIMATES)
    found = ending(jobs, simulate(jobs, 1, ESTIMATES, one_merge=True), 1, ESTIMATES)
    assert found
    same = replace(found, one_more=found.whole)
    assert sentences(same)[-1] == "One place more there would not help."


def test_a_run_without_jobs_has_no_end_to_explain() -> None:
    assert ending((), simulate((), 20, ESTIMATES, one_merge=True), 20, ESTIMATES) is None


def test_lanes_of_ones_own_machines_carry_their_runners_name() -> None:
    two = ESTIMATES.model_copy(update={"own": {"bigger-runner": 2, "macos-latest": 1}})
    entries = tuple(e for e in MATRIX.entries if e.runner in {"bigger-runner", "macos-latest"})
    run = simulate(single(entries, two), 20, two, one_merge=True)
    names = lanes(run)
    assert sorted(names.values()) == ["bigger-runner 1", "bigger-runner 2", "macos-latest 1"]
    assert all(names[s.lane].startswith(s.job.runner) for s in run.slots)
    assert min(names) >= OWN_LANES


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(MATRIX.entries), min_size=1, max_size=80, unique_by=lambda e: e.id),
    st.integers(1, 25),
    st.sampled_from([None, 0.0, 60.0, 300.0]),
)
def test_the_chain_leads_without_a_gap_from_the_start_to_what_ends_last(
    entries: list[Entry], runners: int, budget: float | None
) -> None:
    jobs = single(entries, ESTIMATES) if budget is None else packed(entries, ESTIMATES, budget)
    run = simulate(jobs, runners, ESTIMATES, one_merge=True)
    found = ending(jobs, run, runners, ESTIMATES)
    assert found
    assert found.chain[0].start == 0
    for before, after in zip(found.chain, found.chain[1:], strict=False):
        assert before.end == after.start
    assert found.chain[-1].end == max(s.end for s in run.slots) == found.pools[0].end
    assert found.others <= found.pool.end
    for pool in found.pools:
        assert pool.least <= pool.end + 1e-6
    assert sum(p.jobs for p in found.pools) == len(jobs)
