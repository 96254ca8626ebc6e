"""When to try again, and when to stop: decisions only, no clock and no waiting.

Statuses and rules: those of go-containerregistry, regclient and containers/image together;
a wait that a registry asks for is kept in full or refused aloud, never shortened.
"""

import email.utils
import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

RETRYABLE = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 522})
_DIGITS = 9  # of a number of seconds: more is absurd anyway


_PATIENT = 10  # times that one request is told to wait before time alone may end it


@dataclass(frozen=True)
class Policy:
    """How patient to be; all times in seconds.

    Args:
        attempts: Tries of one request; to be told that there are too many requests does not count.
        base: The longest first pause; it doubles from failure to failure.
        cap: The longest pause of our own choice.
        budget: The longest that one request goes on after its first failure, and how long a host
            may do nothing but ask for patience.
        outage: How long a host may go without one good answer until it counts as down for all.
        rest: How long a host that is down is left alone at first; it doubles.
        longest_rest: The longest of these rests.
        longest_retry_after: The longest ``Retry-After`` that is obeyed; above it is an error.
        timeout: For each silence between bytes; connecting has a limit of its own.
        deadline: For a whole request of a few bytes.
        concurrency: Requests under way at once to one host.
        settle: How long to wait for what was just written to become readable.
    """

    attempts: int = 7
    base: float = 0.25
    cap: float = 30.0
    budget: float = 300.0
    outage: float = 30.0
    rest: float = 15.0
    longest_rest: float = 120.0
    longest_retry_after: float = 180.0
    timeout: float = 30.0
    deadline: float = 40.0
    concurrency: int = 8
    settle: float = 20.0

    def pause(self, level: int) -> float:
        """The longest pause after so many failures in a row."""
        return min(self.cap, self.base * 2.0 ** min(level - 1, 30))

    def exhausted(self, tries: int, elapsed: float, slowed: int = 0) -> str:
        """Why there is no further try, or nothing.

        Args:
            tries: How often it failed.
            elapsed: From the first failure until the next try.
            slowed: How often it was told that there are too many requests.
        """
        if tries >= self.attempts:
            return f"that is the limit of {self.attempts} tries"
        if elapsed > self.budget and (tries or slowed >= _PATIENT):
            return f"the next try would be after the limit of {self.budget:g} s"
        return ""


def worth_retrying(status: int) -> bool:
    """Whether the same request may do better later."""
    return status in RETRYABLE


def phrase(status: int) -> str:
    """A status as people read it, in our words and not in the registry's."""
    return f"{status} {http.client.responses.get(status, '')}".rstrip()


def too_many(status: int, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether an answer only says that there are too many requests: the host is well, and slower.

    ECR has said so with 503 and the specification's code; a 503 that names a time says it too.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    asks = b"TOOMANYREQUESTS" in body or retry_after(headers) is not None
    return status == HTTPStatus.SERVICE_UNAVAILABLE and asks


def retry_after(headers: Mapping[str, str]) -> float | None:
    """``Retry-After`` in seconds from now, in both its forms; None where it says nothing usable.

    A date is measured against the answer's own ``Date``, so that a wrong clock does not matter.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:_DIGITS])
    until = _timestamp(text)
    if until is None:
        return None
    sent = _timestamp(headers.get("Date", ""))
    return max(0.0, until - (time.time() if sent is None else sent))


def _timestamp(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
