"""The rate that a host takes is found by itself. Simulated: no clock, no network."""

import heapq
import math
from collections.abc import Callable

import pytest

from localai_ci.oci.pace import Pace


def bucket(rate: float, burst: float) -> Callable[[float], bool]:
    """A token bucket, as AWS has them: whether a request at that time is taken."""
    tokens, at = burst, 0.0

    def take(now: float) -> bool:
        nonlocal tokens, at
        tokens, at = min(burst, tokens + (now - at) * rate), now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return take


def window(rate: float, seconds: float = 1.0) -> Callable[[float], bool]:
    """So many in each second of the clock."""
    counted: dict[int, int] = {}

    def take(now: float) -> bool:
        slot = int(now / seconds)
        counted[slot] = counted.get(slot, 0) + 1
        return counted[slot] <= rate * seconds

    return take


def run(take: Callable[[float], bool], requests: int, latency: float = 0.02) -> tuple[float, int]:
    """Send so many, eight at once; seconds until all were taken, and how often one was not."""
    pace, now, left, refused = Pace(), 0.0, requests, 0
    free = [(0.0, number) for number in range(8)]
    while left > 0:
        ready, place = heapq.heappop(free)
        begun = max(ready, pace.reserve(ready))
        now = begun + latency
        if take(begun):
            pace.taken(now)
            left -= 1
        else:
            refused += 1
            pace.refused(begun, now)
        heapq.heappush(free, (now, place))
    return now, refused


@pytest.mark.parametrize("rate", [5, 10, 50])
@pytest.mark.parametrize("kind", ["bucket", "large bucket", "window"])
@pytest.mark.parametrize("latency", [0.002, 0.05])
def test_all_are_taken_in_about_the_time_that_the_limit_allows(
    rate: float, kind: str, latency: float
) -> None:
    burst = {"bucket": 1.0, "large bucket": 2.0 * rate, "window": 0.0}[kind]
    take = window(rate) if kind == "window" else bucket(rate, burst)
    seconds, refused = run(take, 1600, latency)
    assert seconds <= 1.3 * 1600 / rate
    assert refused <= 0.25 * 1600


def test_who_never_complains_is_never_slowed() -> None:
    pace = Pace()
    for number in range(1000):
        assert pace.reserve(number / 1e4) == number / 1e4
        pace.taken(number / 1e4)
    assert pace.rate == math.inf


def test_one_complaint_is_forgotten_after_a_while() -> None:
    pace = Pace()
    pace.refused(0.0, 0.0)
    now = 0.0
    while pace.rate != math.inf:
        now = max(pace.reserve(now), now)
        pace.taken(now)
    assert now < 45


def test_requests_under_way_together_slow_once() -> None:
    pace = Pace()
    for number in range(100):
        pace.taken(number / 100)
    pace.refused(0.9, 1.0)
    once = pace.rate
    pace.refused(0.95, 1.01)
    assert pace.rate == once


def test_a_host_that_takes_nothing_is_still_asked() -> None:
    pace, now = Pace(), 0.0
    for _ in range(100):
        begun = pace.reserve(now)
        assert begun - now <= 10
        now = begun + 0.1
        pace.refused(begun, now)
