"""Blobs: is it there, mount it from a neighbour, push it whole or in resumable chunks, read it.

Source: OCI distribution specification 1.1, "Pushing blobs". Digests are checked over the
bytes that really passed, in both directions.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from http import HTTPStatus
from urllib.parse import quote

from localai_ci.oci import address, limits, retry
from localai_ci.oci.answer import Answer, Headers, WireError
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.digest import hasher
from localai_ci.oci.errors import DigestError, HostDownError, RegistryError, answered
from localai_ci.oci.heads import ask, distrust
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.oci.wire import Window

CHUNK = limits.CHUNK
_THERE = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
"""Answers to HEAD or to GET of one byte; an empty blob has no first byte."""
_MOUNTS = 2  # tries until a mount that fails without a refusal becomes an upload
Source = Callable[[int], AsyncGenerator[bytes]]
"""Yields a blob's bytes from an offset on."""


def of_bytes(data: bytes) -> tuple[Descriptor, Source]:
    """Bytes in memory, ready for `push`."""

    async def source(offset: int) -> AsyncGenerator[bytes]:
        yield data[offset:]

    return Descriptor.of(data), source


async def exists(transport: Transport, repository: Repository, digest: str) -> bool:
    """Whether the repository has this blob (HEAD, or one byte of it where HEAD is not answered)."""
    path, host = f"blobs/{digest}", repository.host

    async def send(method: str) -> Answer:
        byte = Window(0, 1) if method == "GET" else None
        return await transport.once(method, repository, path, window=byte)

    async def attempt(number: int) -> Answer:
        return (await ask(transport, host, number, send))[0]

    answer = await transport.run("HEAD blob", f"{repository}@{digest}", attempt)
    if answer.status in {HTTPStatus.NOT_FOUND, *_THERE}:
        return answer.status != HTTPStatus.NOT_FOUND
    return await _first_byte(transport, repository, digest)  # HEAD is refused: GET says why


async def readable(transport: Transport, repository: Repository, digest: str) -> bool:
    """Whether the repository gives this blob: one byte of it is read.

    Where HEAD says that it is there all the same, HEAD is not asked any more.
    """
    there = await _first_byte(transport, repository, digest)
    if not there and await exists(transport, repository, digest):
        distrust(transport, repository.host)
    return there


async def _first_byte(transport: Transport, repository: Repository, digest: str) -> bool:
    path = f"blobs/{digest}"
    answer = await transport.send("GET", repository, path, doing="GET blob", window=Window(0, 1))
    if answer.status == HTTPStatus.NOT_FOUND:
        return False
    _demand(answer, _THERE, "GET blob", repository, digest)
    return True


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
        session = await _open(transport, repository, blob, mount_from)
        if session is None:
            return False
        for _ in range(transport.policy.attempts):
            upload = _Upload(transport, repository, blob, session)
            try:
                await upload.all(source)
            except _SessionLostError:
                session = await _start(transport, repository, blob)
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

    Of a registry that ignores ``Range`` what comes before a piece is read and forgotten.

    Raises:
        DigestError: the bytes are not the blob's; known only at the end, and only from offset 0.
    """
    whole = hasher(blob.digest) if offset == 0 else None
    where = f"{repository}@{blob.digest}"
    while offset < blob.size:
        part = Window(offset, min(CHUNK, blob.size - offset))
        answer = await transport.send(
            "GET", repository, f"blobs/{blob.digest}", doing="GET blob", window=part
        )
        _demand(
            answer, {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}, "GET blob", repository, blob.digest
        )
        data = answer.body
        if not data:
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
        self._resumed = False

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

        async def attempt(number: int) -> Answer:
            have = start
            if number or doubtful:
                answer = await self._status()
                if retry.worth_retrying(answer.status):
                    return answer
                have = self._received(answer)
                self._resumed = True
            if not start <= have <= start + len(data):
                raise _SessionLostError
            if have == start + len(data):
                return Answer(HTTPStatus.ACCEPTED, Headers({"Location": self.location}))
            return await self._transport.once(
                "PATCH", self._repository, self.location, push=True, content=data[have - start :],
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Range": f"{have}-{start + len(data) - 1}",
                },
            )  # fmt: skip

        answer = await self._run("PATCH blob", attempt)
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            doubtful = True
            answer = await self._run("PATCH blob", attempt)
        if answer.status in {
            HTTPStatus.NOT_FOUND,
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        }:
            raise _SessionLostError
        self._demand(
            answer, {HTTPStatus.ACCEPTED, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}, "PATCH blob"
        )
        self.location = _location(self._transport, self._repository, answer) or self.location

    async def _status(self) -> Answer:
        """What the registry says of the session."""
        return await self._transport.once("GET", self._repository, self.location, push=True)

    def _received(self, answer: Answer) -> int:
        """How many bytes the registry has, by its own word."""
        if answer.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.ACCEPTED, HTTPStatus.OK}:
            raise _SessionLostError
        self.location = _location(self._transport, self._repository, answer) or self.location
        first, _, last = answer.headers.get("Range", "").removeprefix("bytes=").partition("-")
        # "0-0" is one byte, or none: registries differ (distribution-spec#577).
        if first != "0" or not (last.isascii() and last.isdecimal()) or int(last[:18]) == 0:
            return 0
        return int(last[:18]) + 1

    async def _close(self, rest: bytes) -> None:
        """End the session with the last bytes; the registry checks the digest too."""
        ours = f"{self._hash.name}:{self._hash.hexdigest()}"
        if ours != self._blob.digest:
            raise DigestError(
                f"the bytes to upload are {ours}", where=f"{self._repository}@{self._blob.digest}"
            )
        # The rest of the address is signed by some registries: it stays byte for byte.
        url = address.with_query(self.location, f"digest={quote(self._blob.digest, safe='')}")

        async def attempt(number: int) -> Answer:
            if number and await self._present():
                return Answer(HTTPStatus.CREATED)
            return await self._transport.once(
                "PUT", self._repository, url, push=True, content=rest,
                headers={"Content-Type": "application/octet-stream"}, work=self._blob.size,
            )  # fmt: skip

        answer = await self._run("PUT blob", attempt)
        lost = {HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
        if answer.status in lost or (answer.status == HTTPStatus.BAD_REQUEST and self._resumed):
            raise _SessionLostError  # the second: what the registry said that it had, it had not
        self._demand(answer, {HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}, "PUT blob")

    async def _present(self) -> bool:
        path = f"blobs/{self._blob.digest}"
        answer = await self._transport.once("HEAD", self._repository, path, push=True)
        return answer.status == HTTPStatus.OK

    async def _run(self, doing: str, attempt: Callable[[int], Awaitable[Answer]]) -> Answer:
        where = f"{self._repository}@{self._blob.digest}"
        return await self._transport.run(doing, where, attempt)

    def _demand(self, answer: Answer, good: set[HTTPStatus], doing: str) -> None:
        _demand(answer, good, doing, self._repository, self._blob.digest)


async def _open(
    transport: Transport, repository: Repository, blob: Descriptor, source: Repository | None
) -> str | None:
    """Open an upload session, by a mount where that may save it; a refused mount is not a failure.

    Returns:
        The session's address, or None if the mount made the blob present.
    """
    if source is not None and _no_mount(repository, source) not in transport.habits:
        try:
            session = await _mount(transport, repository, blob, source)
            if session is not None or await exists(transport, repository, blob.digest):
                return session
            transport.habits.add(_no_mount(repository, source))  # 201, and nothing is there
        except HostDownError:
            raise
        except RegistryError:
            # No right to read the source, a token for one of the two, a registry without mounts:
            # all of them answer differently, and take an upload.
            transport.habits.add(_no_mount(repository, source))
    return await _start(transport, repository, blob)


def _no_mount(repository: Repository, source: Repository) -> tuple[str, str]:
    return repository.host, f"no mount from {source.path} to {repository.path}"


async def _mount(
    transport: Transport, repository: Repository, blob: Descriptor, source: Repository
) -> str | None:
    """As `_open`, by a mount alone."""
    path = f"blobs/uploads/?mount={blob.digest}&from={quote(source.path, safe='')}"

    async def attempt(number: int) -> Answer:
        if number == _MOUNTS:
            transport.habits.add(_no_mount(repository, source))
        return await transport.once(
            "POST", repository, path if number < _MOUNTS else "blobs/uploads/",
            push=True, sources=(source,) if number < _MOUNTS else (), content=b"",
        )  # fmt: skip

    where = f"{repository}@{blob.digest}"
    answer = await transport.run("mount blob", where, attempt)
    if answer.status == HTTPStatus.CREATED:
        return None
    return _session(transport, repository, blob, answer, "mount blob")


async def _start(transport: Transport, repository: Repository, blob: Descriptor) -> str:
    """Open an upload session; its address."""
    answer = await transport.send(
        "POST", repository, "blobs/uploads/", doing="POST blob", push=True, content=b""
    )
    return _session(transport, repository, blob, answer, "POST blob")


def _session(
    transport: Transport, repository: Repository, blob: Descriptor, answer: Answer, doing: str
) -> str:
    _demand(answer, {HTTPStatus.ACCEPTED}, doing, repository, blob.digest)
    location = _location(transport, repository, answer)
    if not location:
        raise RegistryError("an upload was accepted without a Location", where=str(repository))
    return location


async def _cancel(transport: Transport, repository: Repository, session: str) -> None:
    """Give up an upload. Best effort: registries also forget sessions by themselves."""
    with suppress(RegistryError, WireError):
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


def _location(transport: Transport, repository: Repository, answer: Answer) -> str:
    found = answer.headers.get("Location")
    return transport.follow(repository, answer, found) if found else ""


def _demand(
    answer: Answer,
    good: set[HTTPStatus],
    doing: str,
    repository: Repository,
    digest: str,
) -> None:
    if answer.status not in good:
        raise answered(
            answer.status, answer.body,
            doing=doing, where=f"{repository}@{digest}", host=repository.registry,
        )  # fmt: skip
