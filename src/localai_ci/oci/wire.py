"""One request over the wire: the only module that knows the HTTP library.

Nothing here retries, follows, decodes or signs. An answer is read up to a number of bytes and of
seconds, whatever its headers announce. aiohttp takes a fifth of httpx's CPU for a HEAD
(docs/reference/registries.md has the measurement); it is loaded with the first request.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from os import environ
from typing import TYPE_CHECKING, Any

from localai_ci.oci import address, limits
from localai_ci.oci.answer import Answer, Headers, UnusableError, WireError
from localai_ci.oci.retry import Policy
from localai_ci.text import printable, quoted

if TYPE_CHECKING:
    import aiohttp

    from localai_ci.oci.reach import Reach

_AGENT = "localai-ci"
_TOO_LONG = "Got more than"  # how the library's complaint of a long header begins
_PIECE = 256 * 1024  # bytes handed over at once


@dataclass(frozen=True)
class Window:
    """The part of a blob that is wanted: ``length`` bytes from ``first`` on."""

    first: int
    length: int

    @property
    def header(self) -> str:
        """As ``Range`` says it."""
        return f"bytes={self.first}-{self.first + self.length - 1}"


class Wire:
    """Connections to all hosts.

    Args:
        policy: How long to wait.
        reach: Which nets a host may be in.
    """

    def __init__(self, policy: Policy, reach: "Reach") -> None:
        """No connection is made yet."""
        self._policy = policy
        self._reach = reach
        self._session: aiohttp.ClientSession | None = None
        self._patience: dict[int, aiohttp.ClientTimeout] = {}
        self._proxies: dict[address.Origin, str | None] = {}

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None = None,
        *,
        window: Window | None = None,
        work: int = 0,
    ) -> Answer:
        """Send one request and read its answer whole.

        Args:
            method: HTTP method.
            url: The address; it goes out as it stands.
            headers: Headers.
            content: The body.
            window: The part of a blob that is asked for; a registry that answers with the whole
                blob is read up to the end of that part.
            work: Bytes that the registry goes through before it answers.

        Raises:
            WireError: no whole answer came.
            UnusableError: nor would another try bring one.
        """
        host = address.netloc(url)
        size = (window.first + window.length if window else 0) + len(content or b"")
        extra = size / limits.SLOWEST + work / limits.DIGESTING
        try:
            session = self._session or self._open()
            async with (
                asyncio.timeout(self._policy.deadline + extra),
                session.request(method, **self._request(url, headers, content, work)) as answer,
            ):
                body = await _read(answer, window, host)
                fields = Headers(answer.headers.items())
        except WireError:
            raise
        except TimeoutError as e:
            reason = printable(str(e)) or f"not over after {self._policy.deadline + extra:.0f} s"
            raise WireError(f"timeout: {reason}", host) from e
        except Exception as e:
            raise _broken(e, host) from e
        return Answer(answer.status, fields, body, url)

    def _timeouts(self, work: int) -> "aiohttp.ClientTimeout":
        import aiohttp

        if work not in self._patience:
            silence = self._policy.timeout + work / limits.DIGESTING
            connect = min(limits.CONNECT_SECONDS, self._policy.timeout)
            # "connect" is the library's wait for a place too: there are always enough of them.
            known = aiohttp.ClientTimeout(total=None, connect=connect, sock_read=silence)
            if work:
                return known
            self._patience[work] = known
        return self._patience[work]

    def _request(
        self, url: str, headers: Mapping[str, str], content: bytes | None, work: int
    ) -> dict[str, Any]:
        from yarl import URL

        sent = dict(headers)
        if content is not None:
            sent["Content-Length"] = str(len(content))
        return {
            "url": URL(url, encoded=True),
            "headers": sent,
            "data": content if content is None or len(content) <= _PIECE else _pieces(content),
            "allow_redirects": False,
            "proxy": self._proxy_of(url),
            "timeout": self._timeouts(work),
        }

    def _proxy_of(self, url: str) -> str | None:
        """Looked up once a host: the environment is not read for each request."""
        place = address.origin(url)
        if place not in self._proxies:
            self._proxies[place] = address.proxy_of(url)
        return self._proxies[place]

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        from localai_ci.oci.resolver import CheckedResolver

        connector = aiohttp.TCPConnector(
            limit=0,
            ssl=certificates(),
            resolver=CheckedResolver(self._reach.allows, self._reach.saw),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,  # that would also send passwords of ~/.netrc
            headers={"User-Agent": _AGENT, "Accept-Encoding": "identity"},
            skip_auto_headers={"Content-Type"},
            max_line_size=limits.HEADER_BYTES,
            max_field_size=limits.HEADER_BYTES,
            max_headers=limits.HEADERS,
        )
        # It would send a PUT again whose answer was lost, unasked. There is one layer of retries.
        self._session._retry_connection = False  # noqa: SLF001 - there is no public switch
        return self._session


def certificates() -> ssl.SSLContext:
    """Whom to trust: ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``, else the machine and certifi."""
    context = ssl.create_default_context()
    if not (environ.get("SSL_CERT_FILE") or environ.get("SSL_CERT_DIR")):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


async def _read(answer: "aiohttp.ClientResponse", window: Window | None, host: str) -> bytes:
    """The body: the wanted part of a blob, or all of an answer that is not a blob."""
    skip, most, cut = 0, limits.ANSWER_BYTES, False
    if window and answer.status == HTTPStatus.PARTIAL_CONTENT:
        most = window.length
    elif window and answer.status == HTTPStatus.OK:
        skip, most, cut = window.first, window.length, True
    elif answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        await _demand_nothing(answer, host)
        return b""
    body = bytearray()
    async for data in answer.content.iter_any():
        body += data[skip:]
        skip = max(0, skip - len(data))
        if len(body) >= most and cut:
            answer.close()  # the rest is asked for by itself
            return bytes(body[:most])
        if len(body) > most:
            answer.close()
            raise UnusableError(f"its answer is longer than {most} bytes", host)
    return bytes(body)


async def _demand_nothing(answer: "aiohttp.ClientResponse", host: str) -> None:
    """An encoded body is not decoded: a few bytes of it can fill a machine's memory."""
    if await answer.content.readany():
        coding = quoted(answer.headers.get("Content-Encoding", ""))
        answer.close()
        raise UnusableError(f"its answer is encoded as {coding}, which was not asked for", host)


async def _pieces(content: bytes) -> AsyncIterator[memoryview]:
    whole = memoryview(content)
    for start in range(0, len(whole), _PIECE):
        yield whole[start : start + _PIECE]


def _broken(error: Exception, host: str) -> WireError:
    """What the library says, as an error of ours; any other is a fault of this program."""
    import aiohttp

    from localai_ci.oci.resolver import InnerNetError

    said = printable(str(error))[: limits.TOLD]
    if isinstance(error.__cause__, InnerNetError):
        return UnusableError(f"it leads to an inner net, where the registry is not: {said}", host)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return UnusableError(f"its certificate is not trusted (set SSL_CERT_FILE?): {said}", host)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return WireError(f"the proxy refused: {error.status}", host)
    if isinstance(error, aiohttp.ClientResponseError):  # of an answer that is not HTTP
        kind = UnusableError if _TOO_LONG in error.message else WireError
        return kind(f"its answer cannot be read: {quoted(error.message, limits.TOLD)}", host)
    if isinstance(error, aiohttp.InvalidURL | UnicodeError):
        return UnusableError(f"its address cannot be used: {said}", host)
    if isinstance(error, aiohttp.ClientError | OSError):
        return WireError(f"{type(error).__name__}: {said}".rstrip(": "), host)
    raise error
