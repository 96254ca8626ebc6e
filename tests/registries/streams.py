"""A server that answers with bytes as they come, for ever if wanted: what no library would send."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Stream = Callable[[str], AsyncIterator[bytes]]
"""Yields an answer, head and all, for the first line of a request."""


@dataclass
class Streaming:
    address: str = ""
    heads: list[str] = field(default_factory=list)
    """The head of each request that came in."""
    sent: int = 0
    """Bytes handed to the network."""


@contextmanager
def streaming(stream: Stream) -> Iterator[Streaming]:
    """Serve on a free loopback port until the block ends."""
    made, loop, stopping = Streaming(), asyncio.new_event_loop(), asyncio.Event()
    ready = threading.Event()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                made.heads.append(head)
                async for data in stream(head.partition("\r\n")[0]):
                    writer.write(data)
                    made.sent += len(data)
                    await writer.drain()
        writer.transport.abort()

    async def main() -> None:
        server = await asyncio.start_server(connection, "127.0.0.1", 0)
        made.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stopping.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(10), "the test server did not start"
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()
