"""Backoff: waits as told, refuses the absurd, shares one host's trouble. Decisions only."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.oci.retry import Incident, Policy, retry_after, worth_retrying

POLICY = Policy()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "60"}, 60),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": formatdate(100, usegmt=True), "Date": formatdate(70, usegmt=True)}, 30),
        ({"Retry-After": formatdate(10, usegmt=True), "Date": formatdate(70, usegmt=True)}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_without_the_servers_own_clock_is_measured_by_ours() -> None:
    told = retry_after({"Retry-After": formatdate(time.time() + 50, usegmt=True)})
    assert told is not None
    assert 40 < told <= 51


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 522])
def test_passing_trouble_is_worth_a_retry(status: int) -> None:
    assert worth_retrying(status)


@pytest.mark.parametrize("status", [200, 201, 202, 400, 401, 403, 404, 405, 409, 412, 416, 501])
def test_an_answer_for_good_is_not(status: int) -> None:
    assert not worth_retrying(status)


def test_a_told_wait_is_kept_in_full() -> None:
    incident = Incident()
    assert not incident.failed(POLICY, 0, now=1, retry_after=60, jitter=0)
    assert incident.opens == 61


def test_an_absurd_wait_is_refused_with_its_number() -> None:
    assert "86400 s" in Incident().failed(POLICY, 0, now=1, retry_after=86400, jitter=0)


@given(st.floats(0, 1), st.integers(1, 60))
def test_own_pauses_double_up_to_the_cap(dice: float, failures: int) -> None:
    incident, policy = Incident(), Policy(budget=1e9)
    now = 0.0
    for _ in range(failures):
        now = incident.opens
        incident.failed(policy, now, now=now, retry_after=None, jitter=dice)
    assert incident.opens - now <= min(policy.cap, policy.base * 2 ** (failures - 1))


def test_requests_that_fail_together_are_one_failure() -> None:
    incident = Incident()
    for _ in range(8):
        incident.failed(POLICY, 0, now=1, retry_after=None, jitter=1)
    assert incident.level == 1


def test_success_calms_down_step_by_step() -> None:
    incident = Incident()
    for moment in (1, 2, 3):
        incident.failed(POLICY, moment, now=moment, retry_after=None, jitter=1)
    for _ in range(5):
        incident.succeeded()
    assert incident.level == 2


def test_a_host_that_stays_down_is_given_up_by_everybody() -> None:
    incident = Incident()
    assert not incident.failed(POLICY, 0, now=0, retry_after=None, jitter=1)
    assert not incident.failed(POLICY, 200, now=200, retry_after=None, jitter=1)
    assert "301 s" in incident.failed(POLICY, 301, now=301, retry_after=None, jitter=1)
    incident.succeeded()
    assert not incident.failed(POLICY, 302, now=302, retry_after=None, jitter=1)


def test_tries_and_time_have_their_limits() -> None:
    assert not POLICY.exhausted(6, 300)
    assert "7 tries" in POLICY.exhausted(7, 0)
    assert "300 s" in POLICY.exhausted(1, 301)
