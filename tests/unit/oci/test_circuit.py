"""One host's health, shared by all: pauses, probes, and when it is down. Decisions only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.oci.circuit import Circuit, Gate
from localai_ci.oci.retry import Policy

POLICY = Policy()


def failing(policy: Policy = POLICY, *moments: float) -> Circuit:
    circuit = Circuit(policy)
    for moment in moments:
        circuit.failed(moment, now=moment, why="refused")
    return circuit


def test_a_told_wait_is_kept_in_full() -> None:
    circuit = Circuit(POLICY)
    assert not circuit.failed(0, now=1, why="503", retry_after=60, jitter=0)
    assert circuit.opens == 61
    assert circuit.ask(60.9) is Gate.wait
    assert circuit.ask(61) is Gate.probe


def test_an_absurd_wait_is_refused_with_its_number_and_for_everybody() -> None:
    circuit = Circuit(POLICY)
    assert "86400 s" in circuit.failed(0, now=1, why="429", retry_after=86400, slowed=True)
    assert circuit.ask(2) is Gate.down


@given(st.floats(0, 1), st.integers(1, 60))
def test_own_pauses_double_up_to_the_cap(jitter: float, failures: int) -> None:
    policy = Policy(outage=1e9)
    circuit, now = Circuit(policy), 0.0
    for _ in range(failures):
        now = circuit.opens
        circuit.failed(now, now=now, why="503", jitter=jitter)
    assert circuit.opens - now <= min(policy.cap, policy.base * 2 ** (failures - 1))


def test_requests_that_fail_together_are_one_failure() -> None:
    circuit = Circuit(POLICY)
    for _ in range(8):
        circuit.failed(0, now=1, why="503")
    assert (circuit.level, circuit.failures) == (1, 1)


def test_success_calms_down_step_by_step() -> None:
    circuit = failing(POLICY, 1, 2, 3)
    for _ in range(5):
        circuit.succeeded()
    assert circuit.level == 2


def test_in_trouble_one_request_at_a_time_shows_how_the_host_is() -> None:
    circuit = failing(POLICY, 1)
    now = circuit.opens
    assert [circuit.ask(now), circuit.ask(now), circuit.ask(now)] == [
        Gate.probe, Gate.watch, Gate.watch,
    ]  # fmt: skip
    circuit.probed()
    assert circuit.ask(now) is Gate.probe
    circuit.succeeded()
    assert circuit.ask(now) is Gate.open


def test_a_host_that_stays_ill_is_down_for_everybody_and_tried_again_now_and_then() -> None:
    circuit = Circuit(POLICY)
    assert not circuit.failed(0, now=0, why="refused")
    assert not circuit.failed(29, now=29, why="refused")
    assert "31 s" in circuit.failed(31, now=31, why="refused")
    rests, now = [], 31.0
    for _ in range(6):
        assert circuit.ask(circuit.opens - 0.01) is Gate.down
        rests.append(circuit.opens - now)
        now = circuit.opens
        assert circuit.ask(now) is Gate.probe
        assert circuit.ask(now) is Gate.down, "while it is tried, nobody waits for it"
        circuit.failed(now, now=now, why="refused", jitter=0)
        circuit.probed()
    assert rests == [15, 30, 60, 120, 120, 120]
    circuit.succeeded()
    assert circuit.ask(now) is Gate.open


def test_one_slow_answer_alone_takes_no_host_down() -> None:
    assert not Circuit(POLICY).failed(0, now=100, why="timeout")


def test_a_host_that_only_asks_for_patience_gets_more_of_it() -> None:
    circuit = Circuit(POLICY)
    for moment in range(0, 300, 10):
        assert not circuit.failed(moment, now=moment, why="429", slowed=True)
        assert circuit.opens <= moment, "the pace slows it down, not a pause"
    assert circuit.failed(301, now=301, why="429", slowed=True)


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans(), st.booleans()), max_size=60))
def test_whatever_happens_the_time_until_the_next_try_is_bounded(
    events: list[tuple[float, bool, bool]],
) -> None:
    """A host that is well again is found to be so within the longest rest."""
    circuit, now = Circuit(POLICY), 0.0
    for pause, good, slowed in events:
        now += pause
        gate = circuit.ask(now)
        if gate in {Gate.open, Gate.probe}:
            if good:
                circuit.succeeded()
            else:
                circuit.failed(now, now=now, why="x", slowed=slowed)
            circuit.probed()
        assert circuit.opens - now <= max(POLICY.longest_rest, POLICY.cap)
        assert gate is not Gate.watch, "no probe is forgotten"


@pytest.mark.parametrize("well", [0.0, 5.0, 25.0])
def test_an_outage_shorter_than_patience_is_survived(well: float) -> None:
    circuit, now = Circuit(POLICY), 0.0
    while now < well:
        assert not circuit.failed(now, now=now, why="refused")
        now = circuit.opens
    assert circuit.ask(now) in {Gate.open, Gate.probe}
