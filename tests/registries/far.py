"""A registry that is far away: every byte takes its time, however many there are.

What the kernel's netem does, for machines that have none.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def far(upstream: str, seconds: float) -> Iterator[str]:
    """An address behind which ``upstream`` (host:port) answers so much later.

    Args:
        upstream: Where it really is.
        seconds: The round trip's time; half of it each way.
    """
    loop, stopping, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    host, _, number = upstream.rpartition(":")
    port = 0

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each piece leaves as long after it came as the way takes; none waits for another."""
        try:
            while data := await reader.read(2**18):
                loop.call_later(seconds / 2, writer.write, data)
            loop.call_later(seconds / 2, writer.close)
        except ConnectionError:
            writer.transport.abort()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)  # of the handshake
        there, back = await asyncio.open_connection(host, int(number))
        with suppress(asyncio.CancelledError):
            await asyncio.gather(carry(reader, back), carry(there, writer))
        back.close()

    async def main() -> None:
        nonlocal port
        server = await asyncio.start_server(connection, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        ready.set()
        await stopping.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(10), "the far registry did not start"
    try:
        yield f"127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()
