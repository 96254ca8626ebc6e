"""When to try again, and when to stop: decisions only, no clock and no waiting.

Statuses and rules: those of go-containerregistry, regclient and containers/image together;
a wait that a registry asks for is kept in full or refused aloud, never shortened.
"""

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass

RETRYABLE = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 522})
_DECAY = 5  # good answers until a host's backoff falls one level (regclient)


@dataclass(frozen=True)
class Policy:
    """How patient to be; all times in seconds.

    Args:
        attempts: Tries of one request.
        base: The longest first pause; it doubles from failure to failure.
        cap: The longest pause of our own choice.
        budget: The longest that one request may take with all its pauses, and how long a host
            may go without one success before it counts as down.
        longest_retry_after: The longest ``Retry-After`` that is obeyed; above it is an error.
        timeout: For connecting, and for each silence between bytes.
        concurrency: Requests under way at once to one host.
        settle: How long to wait for what was just written to become readable.
    """

    attempts: int = 7
    base: float = 0.25
    cap: float = 30.0
    budget: float = 300.0
    longest_retry_after: float = 180.0
    timeout: float = 60.0
    concurrency: int = 8
    settle: float = 20.0

    def exhausted(self, tries: int, elapsed: float) -> str:
        """Why there is no further try, or nothing."""
        if tries >= self.attempts:
            return f"that is the limit of {self.attempts} tries"
        if elapsed > self.budget:
            return f"the next try would be after the limit of {self.budget:g} s"
        return ""


@dataclass
class Incident:
    """One host's trouble, shared by all requests to it.

    Attributes:
        opens: Time (monotonic seconds) before which nothing is sent.
        level: Failures in a row, fewer again with successes.
    """

    opens: float = 0.0
    level: int = 0
    _good: int = 0
    _latest: float = -1.0
    _since: float | None = None

    def succeeded(self) -> None:
        """Note a good answer: the host is up, and after a few its pauses become shorter."""
        self._since = None
        if self.level:
            self._good += 1
            if self._good >= _DECAY:
                self._good, self.level = 0, self.level - 1

    def failed(
        self, policy: Policy, begun: float, *, now: float, retry_after: float | None, jitter: float
    ) -> str:
        """Note a failure and set the gate.

        Args:
            policy: How patient to be.
            begun: When the failed request was sent.
            now: Now, on the same clock.
            retry_after: Seconds that the host asked to wait, or None.
            jitter: Random, 0 to 1: the share of the longest pause to take.

        Returns:
            Why nobody should try again, or nothing.
        """
        if retry_after is not None and retry_after > policy.longest_retry_after:
            return (
                f"it asks to wait {retry_after:.0f} s, more than the"
                f" {policy.longest_retry_after:g} s that are waited for"
            )
        self._since = now if self._since is None else self._since
        # Requests that were under way together fail together: that is one failure, not many.
        if begun >= self._latest:
            self.level, self._good, self._latest = self.level + 1, 0, now
        longest = min(policy.cap, policy.base * 2.0 ** min(self.level - 1, 30))
        self.opens = max(
            self.opens, now + (retry_after if retry_after is not None else jitter * longest)
        )
        if now - self._since > policy.budget:
            return f"the host has not answered well for {now - self._since:.0f} s"
        return ""


def worth_retrying(status: int) -> bool:
    """Whether the same request may do better later."""
    return status in RETRYABLE


def retry_after(headers: Mapping[str, str]) -> float | None:
    """``Retry-After`` in seconds from now, in both its forms; None where it says nothing usable.

    A date is measured against the answer's own ``Date``, so that a wrong clock does not matter.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    until = _timestamp(text)
    if until is None:
        return None
    sent = _timestamp(headers.get("Date", ""))
    return max(0.0, until - (time.time() if sent is None else sent))


def _timestamp(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None
