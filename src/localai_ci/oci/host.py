"""One host as all that talk to it see it: its gate, its trouble, its connections.

A connection is a client of its own, lent to one request at a time. httpx's pool looks through
all its connections at each request; with a pool of one, that is half of a request's work saved.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec

import anyio
import httpx

from localai_ci.oci.retry import Incident

# httpcore tries to import sniffio several times a request. Where it is not installed, each try
# searches the whole path, a quarter of a request's work: None says at once that it is not there.
if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]


class Host:
    """Lends connections to one host, no more than so many at once.

    Args:
        places: Requests under way at once.
        connect: Makes a client.
        sleep: Waits that many seconds.
        now: Monotonic clock, seconds.
    """

    def __init__(
        self,
        places: int,
        connect: Callable[[], httpx.AsyncClient],
        sleep: Callable[[float], Awaitable[None]],
        now: Callable[[], float],
    ) -> None:
        """Start without a connection."""
        self.incident = Incident()
        self._places = anyio.Semaphore(places, fast_acquire=True)
        self._idle: list[httpx.AsyncClient] = []
        self._connect = connect
        self._sleep = sleep
        self._now = now

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A connection to use alone, once there is a place and the gate is open."""
        async with self._places:
            while (wait := self.incident.opens - self._now()) > 0:
                await self._sleep(wait)
            client = self._idle.pop() if self._idle else self._connect()
            try:
                yield client
            finally:
                self._idle.append(client)

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            await self._idle.pop().aclose()
