"""Blobs: is it there, mount it from a neighbour, push it whole or in resumable chunks, read it.

Source: OCI distribution specification 1.1, "Pushing blobs". Digests are checked over the
bytes that really passed, in both directions.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from http import HTTPStatus
from urllib.parse import quote

import httpx

from localai_ci.oci import retry
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.digest import hasher
from localai_ci.oci.errors import DigestError, RegistryError, answered
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport

CHUNK = 16 * 1024 * 1024  # bytes; also the largest blob that is sent in one piece
Source = Callable[[int], AsyncGenerator[bytes]]
"""Yields a blob's bytes from an offset on."""


def of_bytes(data: bytes) -> tuple[Descriptor, Source]:
    """Bytes in memory, ready for `push`."""

    async def source(offset: int) -> AsyncGenerator[bytes]:
        yield data[offset:]

    return Descriptor.of(data), source


async def exists(transport: Transport, repository: Repository, digest: str) -> bool:
    """Whether the repository has this blob (HEAD)."""
    answer = await transport.send("HEAD", repository, f"blobs/{digest}", doing="HEAD blob")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return False
    _demand(answer, {HTTPStatus.OK}, "HEAD blob", repository, digest)
    return True


async def mount(
    transport: Transport, repository: Repository, blob: Descriptor, source: Repository
) -> bool:
    """Link a blob from another repository of the same registry, without moving its bytes.

    Returns:
        Whether it is there now. Where the registry starts an upload instead, that is cancelled.
    """
    session = await _start(transport, repository, blob, source)
    if session is None:
        return True
    await _cancel(transport, repository, session)
    return False


async def push(
    transport: Transport,
    repository: Repository,
    blob: Descriptor,
    source: Source,
    mount_from: Repository | None = None,
) -> bool:
    """Bring a blob into a repository the cheapest way: it is there, mounted, or uploaded.

    Args:
        transport: The way out.
        repository: Where to.
        blob: Which.
        source: Its bytes; opened only if they are needed, and anew if an upload starts over.
        mount_from: A repository of the same registry that has it.

    Returns:
        Whether bytes were uploaded.

    Raises:
        DigestError: the source's bytes are not the blob's.
        RegistryError: the registry refused, or the retries ended.
    """
    async with transport.alone(f"{repository}@{blob.digest}"):
        if await exists(transport, repository, blob.digest):
            return False
        session = await _start(transport, repository, blob, mount_from)
        if session is None:
            return False
        for _ in range(transport.policy.attempts):
            upload = _Upload(transport, repository, blob, session)
            try:
                await upload.all(source)
            except _SessionLostError:
                session = await _start(transport, repository, blob, None) or ""
            except RegistryError:
                await _cancel(transport, repository, upload.location)
                raise
            else:
                return True
        raise RegistryError(
            "its upload sessions keep vanishing, so the upload was given up",
            where=f"{repository}@{blob.digest}",
        )


async def pull(
    transport: Transport, repository: Repository, blob: Descriptor, offset: int = 0
) -> AsyncGenerator[bytes]:
    """Read a blob from ``offset`` on, in pieces of `CHUNK`, each with its own retries.

    A registry that ignores ``Range`` is read whole, in memory.

    Raises:
        DigestError: the bytes are not the blob's; known only at the end, and only from offset 0.
    """
    whole = hasher(blob.digest) if offset == 0 else None
    where = f"{repository}@{blob.digest}"
    while offset < blob.size:
        last = min(offset + CHUNK, blob.size) - 1
        answer = await transport.send(
            "GET", repository, f"blobs/{blob.digest}", doing="GET blob",
            headers={"Range": f"bytes={offset}-{last}", "Accept-Encoding": "identity"},
        )  # fmt: skip
        _demand(
            answer, {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}, "GET blob", repository, blob.digest
        )
        data = answer.content
        if answer.status_code == HTTPStatus.OK:
            data = data[offset:]
        if not data or offset + len(data) > blob.size:
            raise DigestError(f"its size is not the expected {blob.size} bytes", where=where)
        if whole:
            whole.update(data)
        offset += len(data)
        yield data
    if whole and f"{whole.name}:{whole.hexdigest()}" != blob.digest:
        raise DigestError(f"the bytes read are {whole.name}:{whole.hexdigest()}", where=where)


async def copy(
    transport: Transport, blob: Descriptor, source: Repository, target: Repository
) -> bool:
    """Bring a blob from one repository into another, of the same registry or not.

    Returns:
        Whether bytes had to move through this machine.
    """
    same = source if source.registry == target.registry else None
    return await push(
        transport, target, blob, lambda offset: pull(transport, source, blob, offset), same
    )


class _SessionLostError(Exception):
    """The registry forgot the upload, or what it has of it cannot be continued."""


class _Upload:
    """One upload session: its address changes with every answer."""

    def __init__(
        self, transport: Transport, repository: Repository, blob: Descriptor, location: str
    ) -> None:
        self.location = location
        self._transport = transport
        self._repository = repository
        self._blob = blob
        self._hash = hasher(blob.digest)

    async def all(self, source: Source) -> None:
        """Upload everything: in one piece where that is small, else in chunks."""
        offset = 0
        async with aclosing(_pieces(source(0))) as pieces:
            async for piece in pieces:
                self._hash.update(piece)
                if offset == 0 and len(piece) == self._blob.size:
                    return await self._close(piece)
                await self._chunk(piece, offset)
                offset += len(piece)
        return await self._close(b"")

    async def _chunk(self, data: bytes, start: int) -> None:
        """Send one chunk; after a fault only what the registry does not have yet."""
        doubtful = False

        async def attempt(number: int) -> httpx.Response:
            have = start
            if number or doubtful:
                answer = await self._status()
                if retry.worth_retrying(answer.status_code):
                    return answer
                have = self._received(answer)
            if not start <= have <= start + len(data):
                raise _SessionLostError
            if have == start + len(data):
                return httpx.Response(HTTPStatus.ACCEPTED, headers={"Location": self.location})
            return await self._transport.once(
                "PATCH", self._repository, self.location, push=True, content=data[have - start :],
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Range": f"{have}-{start + len(data) - 1}",
                },
            )  # fmt: skip

        answer = await self._run("PATCH blob", attempt)
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            doubtful = True
            answer = await self._run("PATCH blob", attempt)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise _SessionLostError
        self._demand(
            answer, {HTTPStatus.ACCEPTED, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}, "PATCH blob"
        )
        self.location = _location(self._transport, self._repository, answer) or self.location

    async def _status(self) -> httpx.Response:
        """What the registry says of the session."""
        return await self._transport.once("GET", self._repository, self.location, push=True)

    def _received(self, answer: httpx.Response) -> int:
        """How many bytes the registry has, by its own word."""
        if answer.status_code not in {HTTPStatus.NO_CONTENT, HTTPStatus.ACCEPTED, HTTPStatus.OK}:
            raise _SessionLostError
        self.location = _location(self._transport, self._repository, answer) or self.location
        first, _, last = answer.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if first != "0" or not last.isdecimal():
            return 0
        return int(last) + 1

    async def _close(self, rest: bytes) -> None:
        """End the session with the last bytes; the registry checks the digest too."""
        ours = f"{self._hash.name}:{self._hash.hexdigest()}"
        if ours != self._blob.digest:
            raise DigestError(
                f"the bytes to upload are {ours}", where=f"{self._repository}@{self._blob.digest}"
            )
        url = str(httpx.URL(self.location).copy_merge_params({"digest": self._blob.digest}))

        async def attempt(number: int) -> httpx.Response:
            if number and await self._present():
                return httpx.Response(HTTPStatus.CREATED)
            return await self._transport.once(
                "PUT", self._repository, url, push=True, content=rest,
                headers={"Content-Type": "application/octet-stream"},
            )  # fmt: skip

        answer = await self._run("PUT blob", attempt)
        lost = {HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
        if answer.status_code in lost:
            raise _SessionLostError
        self._demand(answer, {HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}, "PUT blob")

    async def _present(self) -> bool:
        path = f"blobs/{self._blob.digest}"
        answer = await self._transport.once("HEAD", self._repository, path, push=True)
        return answer.status_code == HTTPStatus.OK

    async def _run(
        self, doing: str, attempt: Callable[[int], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        where = f"{self._repository}@{self._blob.digest}"
        return await self._transport.run(self._repository.host, doing, where, attempt)

    def _demand(self, answer: httpx.Response, good: set[HTTPStatus], doing: str) -> None:
        _demand(answer, good, doing, self._repository, self._blob.digest)


async def _start(
    transport: Transport, repository: Repository, blob: Descriptor, source: Repository | None
) -> str | None:
    """Open an upload session, by a mount where there is a source.

    Returns:
        The session's address, or None if the mount made the blob present.
    """
    query, doing = "", "POST blob"
    if source is not None:
        query, doing = f"?mount={blob.digest}&from={quote(source.path, safe='')}", "mount blob"
    answer = await transport.send(
        "POST", repository, f"blobs/uploads/{query}", doing=doing, push=True,
        sources=(source,) if source else (), content=b"",
    )  # fmt: skip
    if source is not None and answer.status_code == HTTPStatus.CREATED:
        return None
    _demand(answer, {HTTPStatus.ACCEPTED}, doing, repository, blob.digest)
    location = _location(transport, repository, answer)
    if not location:
        raise RegistryError("an upload was accepted without a Location", where=str(repository))
    return location


async def _cancel(transport: Transport, repository: Repository, session: str) -> None:
    """Give up an upload. Best effort: registries also forget sessions by themselves."""
    with suppress(RegistryError, httpx.RequestError):
        await transport.once("DELETE", repository, session, push=True)


async def _pieces(source: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of `CHUNK`; at least one, the last one shorter."""
    held = bytearray()
    async for data in source:
        held += data
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)


def _location(transport: Transport, repository: Repository, answer: httpx.Response) -> str:
    found = answer.headers.get("Location", "")
    return transport.url(repository, found) if found else ""


def _demand(
    answer: httpx.Response,
    good: set[HTTPStatus],
    doing: str,
    repository: Repository,
    digest: str,
) -> None:
    if answer.status_code not in good:
        raise answered(
            answer.status_code, answer.content,
            doing=doing, where=f"{repository}@{digest}", host=repository.registry,
        )  # fmt: skip
