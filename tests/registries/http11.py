"""A small HTTP/1.1 server on loopback, in a thread of its own, that can also cut connections.

It serves the own registry, the token service and the fault proxy; ready-made servers cannot
break off an answer in the middle.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import h11


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@dataclass
class Response:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Cut:
    """Break the connection, after ``body`` of an announced longer answer if there is one."""

    response: Response | None = None
    keep: int = 0


Answer = Response | Cut
Handler = Callable[[Request], Awaitable[Answer]]


@contextmanager
def serving(
    handler: Handler,
    close: Callable[[], Awaitable[None]] | None = None,
    host: str = "127.0.0.1",
) -> Iterator[int]:
    """Serve on a free loopback port, which is yielded, until the block ends; then ``close``."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stopping = asyncio.Event()
    port = 0

    async def main() -> None:
        nonlocal port
        server = await asyncio.start_server(
            lambda r, w: _connection(handler, r, w), host, 0, limit=2**20
        )
        port = server.sockets[0].getsockname()[1]
        ready.set()
        await stopping.wait()
        server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        if close is not None:
            await close()
        await asyncio.sleep(0)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(10), "the test server did not start"
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()


async def _connection(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    wire = h11.Connection(h11.SERVER)
    try:
        while (request := await _request(wire, reader, writer)) is not None:
            answer = await handler(request)
            if isinstance(answer, Cut):
                if answer.response is not None:
                    writer.write(_head(wire, answer.response))
                    writer.write(answer.response.body[: answer.keep])
                    await writer.drain()
                return
            writer.write(_head(wire, answer))
            if request.method != "HEAD" and answer.body:
                writer.write(wire.send(h11.Data(answer.body)) or b"")
            writer.write(wire.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            if wire.our_state is h11.MUST_CLOSE:
                return
            wire.start_next_cycle()
    except (ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
        pass
    finally:
        writer.transport.abort()


def _head(wire: h11.Connection, answer: Response) -> bytes:
    headers = {"Content-Length": str(len(answer.body)), **answer.headers}
    return wire.send(h11.Response(status_code=answer.status, headers=list(headers.items()))) or b""


async def _request(
    wire: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            if wire.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                writer.write(wire.send(go_on) or b"")
            wire.receive_data(await reader.read(2**18))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode(): value.decode() for name, value in head.headers}
            return Request(head.method.decode(), head.target.decode(), headers, bytes(body))
        else:
            return None
