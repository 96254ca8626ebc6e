"""Whether a host is sent anything: closed, open or half-open. Decisions only, no clock, no waiting.

One of them stands for all requests of one kind to one host. In trouble one request at a time goes
out and shows whether the host is well; a host that stays ill is down for everybody at once, and
is tried again now and then. What one run learns of a host, it learns once.
"""

from dataclasses import dataclass
from enum import Enum, auto

from localai_ci.oci.retry import Policy

_DECAY = 5  # good answers until a host's backoff falls one level (regclient)
_DROUGHT, _LONGEST_DROUGHT = 0.02, 1.0  # s; a pause after 429, doubling while there is no other
_ROUNDS = 2  # failures one after another before a host can be down: one may be the request's own


class Gate(Enum):
    """What a request finds."""

    open = auto()
    """Go."""
    probe = auto()
    """Go, and show how the host is: nobody else goes meanwhile."""
    wait = auto()
    """Not before `Circuit.opens`."""
    watch = auto()
    """Not before the probe that is under way has ended."""
    down = auto()
    """Not at all."""


@dataclass
class Circuit:
    """One host's health.

    Args:
        policy: How patient to be.

    Attributes:
        opens: Time (monotonic seconds) before which nothing is sent.
        level: Failures in a row, fewer again with successes.
        since: When the first request was sent that failed, of those after the last good answer.
        failures: How often it failed since then; requests that fail together count once.
        down: Whether it has been given up.
        why: What the latest failure was.
    """

    policy: Policy
    opens: float = 0.0
    level: int = 0
    since: float | None = None
    failures: int = 0
    down: bool = False
    why: str = ""
    _probing: bool = False
    _good: int = 0
    _latest: float = -1.0
    _rest: float = 0.0
    _slowed: bool = True
    """Whether all failures since the last good answer only asked for patience."""

    def ask(self, now: float) -> Gate:
        """What a request finds that wants to go; `Gate.probe` must be followed by `probed`."""
        if now < self.opens:
            return Gate.down if self.down else Gate.wait
        if self.since is None:
            return Gate.open
        if self._probing:
            return Gate.down if self.down else Gate.watch
        self._probing = True
        return Gate.probe

    def shut(self, now: float) -> bool:
        """Whether a request would find `Gate.down`, without asking."""
        return self.down and (now < self.opens or self._probing)

    def probed(self) -> None:
        """The probe has ended, in whatever way."""
        self._probing = False

    def succeeded(self) -> None:
        """Note a good answer: the host is up, and after a few its pauses become shorter."""
        if self.down:
            self.opens = 0.0
        self.since, self.failures, self.down, self._rest, self._slowed = None, 0, False, 0.0, True
        if self.level:
            self._good += 1
            if self._good >= _DECAY:
                self._good, self.level = 0, self.level - 1

    def failed(
        self,
        begun: float,
        *,
        now: float,
        why: str,
        retry_after: float | None = None,
        jitter: float = 1.0,
        slowed: bool = False,
    ) -> str:
        """Note a failure that was the host's.

        Args:
            begun: When the failed request was sent.
            now: Now, on the same clock.
            why: What happened, for people.
            retry_after: Seconds that the host asked to wait, or None.
            jitter: Random, 0 to 1: the share of the longest pause to take.
            slowed: It only asked for patience (429): the host is well, and slower.

        Returns:
            Why nobody should try again, or nothing.
        """
        self.since = begun if self.since is None else self.since
        self.why = why
        if retry_after is not None and retry_after > self.policy.longest_retry_after:
            self.give_up(now)
            return (
                f"it asks to wait {retry_after:.0f} s, more than the"
                f" {self.policy.longest_retry_after:g} s that are waited for"
            )
        # Requests that were under way together fail together: that is one failure, not many.
        if begun >= self._latest:
            self.failures += 1
            self._slowed = self._slowed and slowed
            self._latest = now
            if not slowed:
                self.level, self._good = self.level + 1, 0
        rested = now >= self.opens
        # The pace does most of it; these pauses end a drought without asking all the time.
        pause = (
            min(_LONGEST_DROUGHT, _DROUGHT * 2.0 ** min(self.failures - 1, 30))
            if slowed
            else jitter * self.policy.pause(self.level)
        )
        # Some say "now", by a 0 or a date that is over: that is no reason to ask at once.
        self.opens = max(self.opens, now + max(pause, retry_after or 0.0))
        patience = self.policy.budget if self._slowed else self.policy.outage
        if self.down or (self.failures >= _ROUNDS and now - self.since > patience):
            self.give_up(now, rested=rested)
            return f"the host has not answered well for {now - self.since:.0f} s"
        return ""

    def give_up(self, now: float, *, rested: bool = True) -> None:
        """From now on it is tried again only now and then, less and less often.

        Args:
            now: Now.
            rested: Whether it was left alone until now, and was no better for it.
        """
        if rested or not self.down:
            self._rest = min(self._rest * 2 or self.policy.rest, self.policy.longest_rest)
        self.down = True
        self.opens = max(self.opens, now + self._rest)
