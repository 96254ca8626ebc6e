"""What is worth another try, after which wait, and when patience ends. Decisions only."""

import time
from email.utils import formatdate

import pytest

from localai_ci.oci.retry import Policy, retry_after, too_many, worth_retrying

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
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "٦٠"}, None),  # sixty, in digits that HTTP does not have
        ({"Retry-After": "120, 60"}, None),
        ({"Retry-After": "9" * 400}, 999_999_999),
        ({"Retry-After": "Wed, 99 Nov 99999 99:99:99 GMT"}, None),
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


@pytest.mark.parametrize(
    ("status", "body", "headers", "so"),
    [
        (429, b"", {}, True),
        (503, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}', {}, True),
        (503, b"", {}, False),
        (503, b"", {"Retry-After": "1"}, True),
        (503, b"", {"Retry-After": formatdate(10)}, True),
        (503, b"", {"Retry-After": "soon"}, False),
        (500, b"TOOMANYREQUESTS", {"Retry-After": "1"}, False),
    ],
)
def test_too_many_requests_is_told_from_trouble(
    status: int, body: bytes, headers: dict[str, str], so: bool
) -> None:
    assert too_many(status, body, headers) is so


def test_tries_and_time_have_their_limits() -> None:
    assert not POLICY.exhausted(6, 300)
    assert "7 tries" in POLICY.exhausted(7, 0)
    assert "300 s" in POLICY.exhausted(1, 301)


def test_to_be_told_to_slow_down_is_no_try_and_alone_ends_nothing_early() -> None:
    assert not POLICY.exhausted(0, 200, slowed=1000)
    assert not POLICY.exhausted(0, 400, slowed=2)  # it may have stood in a long line
    assert "300 s" in POLICY.exhausted(0, 400, slowed=20)
