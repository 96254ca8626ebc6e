"""How many requests a second a host takes, found by itself. Decisions only, no clock.

A host that never says 429 is not slowed. One that does is sent less at once (multiplicative
decrease, but not below what it just took); then more and more again, quickly up to where it said
so, slowly there, and beyond it faster and faster until it says so again (as TCP's CUBIC does).
"""

import math
from collections import deque
from dataclasses import dataclass, field

_WINDOW = 1.0  # s over which is counted what the host took
_DECREASE = 0.7
_TAKEN = 0.9  # of what the host took, at the least
_NEAR = 0.97  # of the rate at which it said 429, reached after the first second
_PLATEAU = 3.0  # s until that rate is reached again
_BEYOND = 1.15  # times faster each second from there
_LONG = 100.0  # s of calm after which more of it changes nothing
_LEAST = 0.2  # requests a second
_ENOUGH = 8  # requests that can be counted
_FIRST = 100.0  # requests a second, as the guess of one who has sent too few to count
_UNBOUND = 1000.0  # requests a second: as good as no limit


@dataclass
class Pace:
    """The rate of one kind of requests to one host.

    Attributes:
        rate: Requests a second; infinite as long as nobody minds.
    """

    rate: float = math.inf
    _next: float = 0.0
    _cut: float = -math.inf
    _base: float = math.inf
    _ceiling: float = math.inf
    _taken: deque[float] = field(default_factory=deque)

    def reserve(self, now: float) -> float:
        """Take the next free moment for one request, which may be now."""
        if self.rate == math.inf:
            return now
        at = max(now, self._next)
        self._next = at + 1 / self.rate
        return at

    def taken(self, now: float) -> None:
        """Note a request that the host did not mind."""
        self._taken.append(now)
        self._forget(now)
        if self.rate != math.inf:
            grown = self._grown(now - self._cut)
            self.rate = grown if grown < _UNBOUND else math.inf

    def refused(self, begun: float, now: float) -> None:
        """Note a request, sent at ``begun``, for which the host says that they are too many."""
        if begun < self._cut:
            return  # it was under way when the rate fell the last time
        self._forget(now)
        took = len(self._taken) / _WINDOW
        if self.rate == math.inf:
            few = len(self._taken) < _ENOUGH
            self.rate = _FIRST if few else len(self._taken) / max(1e-3, now - self._taken[0])
        self._ceiling = self.rate
        lower = max(self.rate * _DECREASE, took * _TAKEN)
        self.rate = self._base = max(_LEAST, min(lower, self.rate))
        self._cut = now
        self._next = max(self._next, now + 1 / self.rate)

    def _grown(self, calm: float) -> float:
        """The rate so many seconds after the latest decrease."""
        near = max(self._base, self._ceiling * _NEAR)
        if calm < 1:
            return self._base + (near - self._base) * calm
        if calm < _PLATEAU:
            return near + (self._ceiling - near) * (calm - 1) / (_PLATEAU - 1)
        return self._ceiling * math.pow(_BEYOND, min(calm, _LONG) - _PLATEAU)

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0] < now - _WINDOW:
            self._taken.popleft()
