"""One host as all that talk to it see it: places, health and pace, by kind of request.

Reading, writing and signing in have a lane each: a registry that is read-only, or slow to take
manifests, still answers questions. Nobody sleeps in a place that others need.
"""

import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import anyio

from localai_ci.oci import retry
from localai_ci.oci.answer import Answer
from localai_ci.oci.circuit import Circuit, Gate
from localai_ci.oci.errors import AGAIN, HostDownError
from localai_ci.oci.pace import Pace
from localai_ci.oci.retry import Policy

READ, WRITE, SIGN_IN = "reads", "writes", "signing in"


@dataclass
class Clock:
    """Time as the client sees it.

    Attributes:
        sleep: Waits that many seconds.
        now: Monotonic clock, seconds.
        wall: Seconds since 1970, for people.
    """

    sleep: Callable[[float], Awaitable[None]]
    now: Callable[[], float]
    wall: Callable[[], float]

    def of(self, moment: float) -> str:
        """A moment of the monotonic clock, for people."""
        return f"{datetime.fromtimestamp(self.wall() - self.now() + moment, UTC):%H:%M:%S} UTC"


@dataclass
class Turn:
    """One request that may go now; how it ends is noted in its lane.

    Attributes:
        verdict: Why nobody should try again, or nothing; known once it has failed.
    """

    lane: "Lane"
    begun: float
    verdict: str = ""

    def answered(self, answer: Answer) -> None:
        """It was answered, well or not."""
        lane, now = self.lane, self.lane.clock.now()
        slowed = retry.too_many(answer.status, answer.body, answer.headers)
        if slowed:
            lane.pace.refused(self.begun, now)
        elif not retry.worth_retrying(answer.status):
            lane.pace.taken(now)
            lane.good = now
            lane.circuit.succeeded()
            return
        self._note(outcome(answer), slowed=slowed, retry_after=retry.retry_after(answer.headers))

    def usable(self) -> None:
        """It was answered by something that is not an answer for good: the host is up."""
        self.lane.circuit.succeeded()

    def broke(self, why: str) -> None:
        """It was not answered."""
        self._note(why)

    def _note(self, why: str, *, slowed: bool = False, retry_after: float | None = None) -> None:
        self.verdict = self.lane.circuit.failed(
            self.begun,
            now=self.lane.clock.now(),
            why=why,
            retry_after=retry_after,
            jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
            slowed=slowed,
        )


@dataclass
class Lane:
    """Lets one kind of requests to one host go, as many and as fast as it can take.

    Args:
        host: Its name and port.
        kind: `READ`, `WRITE` or `SIGN_IN`.
        clock: Time.
        circuit: Its health.
        turns: Who is waiting for the host to be well, and who is under way.
        places: Requests under way at once to the host.

    Attributes:
        good: When the latest good answer came.
    """

    host: str
    kind: str
    clock: Clock
    circuit: Circuit
    turns: anyio.Semaphore
    places: anyio.Semaphore
    pace: Pace = field(default_factory=Pace)
    good: float = -math.inf
    _probe: anyio.Event = field(default_factory=anyio.Event)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait until a request may go.

        Raises:
            HostDownError: it should not go at all.
        """
        async with self.turns:
            while True:
                if self.circuit.shut(self.clock.now()):
                    raise self._down()
                await self._sleep_until(self.pace.reserve(self.clock.now()))
                gate = await self._pass()
                try:
                    async with self.places:
                        # What is known of the host may have changed while there was no place.
                        if gate is Gate.open and self._closed():
                            continue
                        yield Turn(self, self.clock.now())
                        return
                finally:
                    if gate is Gate.probe:
                        self.circuit.probed()
                        self._probe.set()

    async def _pass(self) -> Gate:
        while True:
            gate = self.circuit.ask(self.clock.now())
            if gate is Gate.down:
                raise self._down()
            if gate is Gate.wait:
                await self._sleep_until(self.circuit.opens)
            elif gate is Gate.watch:
                await self._probe.wait()
            else:
                if gate is Gate.probe:
                    self._probe = anyio.Event()
                return gate

    def _closed(self) -> bool:
        return self.clock.now() < self.circuit.opens or self.circuit.since is not None

    async def _sleep_until(self, moment: float) -> None:
        while (wait := moment - self.clock.now()) > 0:
            await self.clock.sleep(wait)

    def _down(self) -> HostDownError:
        since = self.circuit.since if self.circuit.since is not None else self.clock.now()
        lasted = self.clock.now() - since
        return HostDownError(
            f"{self.host} has failed at {self.kind} since {self.clock.of(since)} ({lasted:.0f} s, "
            f"{self.circuit.failures} times in a row; {self.circuit.why}), so it is left alone",
            remedy=AGAIN,
        )


class Host:
    """The lanes of one host."""

    def __init__(self, name: str, policy: Policy, clock: Clock) -> None:
        """Start well."""
        self._places = anyio.Semaphore(policy.concurrency, fast_acquire=True)
        self._lane = partial(Lane, name, places=self._places, clock=clock)
        self._lanes: dict[str, Lane] = {}
        self._name = name
        self._policy = policy
        self._clock = clock

    def lane(self, kind: str) -> Lane:
        """That of one kind of requests. Tokens are asked for one after another.

        quay lets no more than two token requests through at once.
        """
        if kind not in self._lanes:
            turns = 1 if kind == SIGN_IN else self._policy.concurrency
            self._lanes[kind] = self._lane(
                kind=kind,
                circuit=Circuit(self._policy),
                turns=anyio.Semaphore(turns, fast_acquire=True),
            )
        return self._lanes[kind]

    def failed_since(self, moment: float) -> None:
        """One request has used up its tries without any answer to it.

        If nobody else has had a good answer either since its first try failed, the host is down.
        """
        lanes = self._lanes.values()
        if all(lane.good <= moment for lane in lanes):
            for lane in lanes:
                if lane.circuit.since is not None:
                    lane.circuit.give_up(self._clock.now())

    def trouble(self) -> str:
        """Since when the host has not answered well, if so: the end of a sentence."""
        troubled = [s for lane in self._lanes.values() if (s := lane.circuit.since) is not None]
        if not troubled:
            return ""
        return f"; {self._name} has not answered well since {self._clock.of(min(troubled))}"


def outcome(answer: Answer) -> str:
    """An answer as the reason of a failure."""
    return f"the last answer was {retry.phrase(answer.status)}"
