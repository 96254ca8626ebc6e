"""A proxy in front of a real registry that fails on cue, and remembers every request."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from registries.http11 import Answer, Cut, Request, Response, serving

Before = Callable[[Request], Request | Answer]
After = Callable[[Request, Response], Answer]


@dataclass
class Fault:
    """What goes wrong with the next requests that match.

    Args:
        method: A regular expression for the whole method.
        path: A regular expression, searched in path and query.
        times: How often; then it is over.
        skip: How many matching requests pass first.
        before: Answers in the registry's place (it sees nothing), or changes the request.
        after: Changes the registry's answer (it did its work).
    """

    method: str
    path: str = ""
    times: int = 1
    skip: int = 0
    before: Before | None = None
    after: After | None = None

    def takes(self, request: Request) -> bool:
        if not (re.fullmatch(self.method, request.method) and re.search(self.path, request.target)):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if not self.times:
            return False
        self.times -= 1
        return True


def answering(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Before:
    return lambda _: Response(status, dict(headers or {}), body)


def cut(_: Request) -> Answer:
    """The connection breaks before the registry sees the request."""
    return Cut()


def answer_lost(_: Request, __: Response) -> Answer:
    """The registry did it, and nobody hears of it."""
    return Cut()


@dataclass
class Proxy:
    upstream: str
    address: str = ""
    faults: list[Fault] = field(default_factory=list)
    log: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path and query, and the status that the client got (0: none)."""
    _client: aiohttp.ClientSession | None = None

    def fail(self, *faults: Fault) -> None:
        self.faults += faults

    def seen(self, method: str, path: str = "") -> list[tuple[str, str, int]]:
        return [row for row in self.log if re.fullmatch(method, row[0]) and re.search(path, row[1])]

    @property
    def writes(self) -> list[tuple[str, str, int]]:
        return [row for row in self.log if row[0] not in {"GET", "HEAD"}]

    async def handle(self, request: Request) -> Answer:
        answer = await self._answer(request)
        self.log.append(
            (request.method, request.target, answer.status if isinstance(answer, Response) else 0)
        )
        return answer

    async def _answer(self, request: Request) -> Answer:
        fault = next((fault for fault in self.faults if fault.takes(request)), None)
        if fault and fault.before:
            changed = fault.before(request)
            if not isinstance(changed, Request):
                return changed
            request = changed
        self._client = self._client or aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(30),
            connector=aiohttp.TCPConnector(limit=0),
            max_field_size=2**17,
        )
        try:
            async with self._client.request(
                request.method,
                URL(f"http://{self.upstream}{request.target}", encoded=True),
                headers=_passed_on(request.headers),
                data=io.BytesIO(request.body) if request.body else None,
                allow_redirects=False,
            ) as real:
                body = await real.read()
        except (aiohttp.ClientError, TimeoutError):
            return Cut()
        answer = Response(real.status, _passed_on(dict(real.headers)), body)
        if request.method == "HEAD" and "Content-Length" in real.headers:
            answer.headers["Content-Length"] = real.headers["Content-Length"]
        return fault.after(request, answer) if fault and fault.after else answer

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def _passed_on(headers: dict[str, str]) -> dict[str, str]:
    hop = {"connection", "content-length", "transfer-encoding", "keep-alive", "content-encoding"}
    return {name.lower(): value for name, value in headers.items() if name.lower() not in hop}


@contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """Start one in front of ``upstream`` (host:port)."""
    made = Proxy(upstream)
    with serving(made.handle, made.close) as port:
        made.address = f"127.0.0.1:{port}"
        yield made
