"""The one way out to registries: waiting, retrying, signing in and counting live here.

Every exchange passes its host's gate, so one 429 slows all that talk to that host (the model
is regclient's). There is one layer of retries, `Transport.run`; nothing inside it retries.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self

import anyio
import httpx

from localai_ci.oci import retry
from localai_ci.oci.auth import Authorizer, scopes
from localai_ci.oci.credentials import Keyring
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.host import Host
from localai_ci.oci.reference import Repository, without_tls
from localai_ci.oci.retry import Policy

_READS = {"GET", "HEAD"}
_UNAUTHORIZED = 401


class Transport:
    """Sends requests to registries; use it as an async context manager.

    Args:
        keyring: Where credentials are found; the default signs in nowhere.
        policy: How long and how often to try.
        plain_http: Hosts (and port) besides this machine to reach without TLS.
        read_only: Refuse every request that could write: what a dry run is built on.
        sleep: Waits that many seconds.
        now: Monotonic clock, seconds.
    """

    def __init__(
        self,
        keyring: Keyring | None = None,
        *,
        policy: Policy | None = None,
        plain_http: frozenset[str] = frozenset(),
        read_only: bool = False,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Prepare; no connection is made yet."""
        self.policy = policy or Policy()
        self.requests: Counter[str] = Counter()
        """Requests sent so far, by method; token requests count as ``TOKEN``."""
        self._plain_http = plain_http
        self._read_only = read_only
        self._connect = partial(
            httpx.AsyncClient,
            verify=httpx.create_ssl_context(),
            timeout=httpx.Timeout(self.policy.timeout, pool=None),
            limits=httpx.Limits(max_keepalive_connections=2),  # the second for a redirect's target
            headers={"User-Agent": "localai-ci"},
        )
        self._sleep = sleep
        self._now = now
        self._hosts: dict[str, Host] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._auth = Authorizer(keyring or Keyring(), self._unsigned, now, plain_http)

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        for host in self._hosts.values():
            await host.close()

    @property
    def writes(self) -> int:
        """Requests so far that could have changed a registry."""
        return sum(n for method, n in self.requests.items() if method not in {*_READS, "TOKEN"})

    def base(self, repository: Repository) -> str:
        """The address of a repository's registry, ``https://host``."""
        host = repository.host
        return f"{'http' if without_tls(host, self._plain_http) else 'https'}://{host}"

    async def run(
        self, host: str, doing: str, where: str, attempt: Callable[[int], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        """Try until it succeeds, fails for good, or the policy's patience ends.

        Args:
            host: Whose gate and patience it is.
            doing: What is tried, for the error: ``PUT manifest``.
            where: The image or URL, for the error.
            attempt: One try, given its number from 0; it may first ask what an earlier one did.

        Returns:
            The first answer that is not worth a retry: a success or a refusal.

        Raises:
            RegistryError: the patience ended, or the registry asked for an absurd wait.
        """
        incident = self._host(host).incident
        started = self._now()
        number = 0
        while True:
            begun = self._now()
            response: httpx.Response | None = None
            error: httpx.TransportError | None = None
            try:
                response = await attempt(number)
            except httpx.TransportError as e:
                error = e
            except (httpx.RequestError, httpx.InvalidURL) as e:  # redirects in a circle, bad gzip
                raise RegistryError(
                    f"{doing}: its answer is of no use: {type(e).__name__}: {e}", where=where
                ) from e
            if response is not None and not retry.worth_retrying(response.status_code):
                incident.succeeded()
                return response
            retry_after = retry.retry_after(response.headers) if response is not None else None
            jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
            verdict = incident.failed(
                self.policy, begun, now=self._now(), retry_after=retry_after, jitter=jitter
            )
            number += 1
            reason = verdict or self.policy.exhausted(number, incident.opens - started)
            if reason:
                tries = f"{number} time{'s' if number > 1 else ''}"
                raise RegistryError(
                    f"{doing} failed {tries}; {_outcome(response, error)}; {reason}",
                    where=where,
                    remedy="Run it again when the registry is well: what is done stays done.",
                    status=response.status_code if response is not None else 0,
                )

    async def send(
        self,
        method: str,
        repository: Repository,
        path: str,
        *,
        doing: str = "",
        push: bool = False,
        sources: tuple[Repository, ...] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request with retries, to ``/v2/<repository>/<path>``.

        Args:
            method: HTTP method; it must be safe to repeat.
            repository: The repository it is about.
            path: What follows the repository, ``manifests/<tag>``; or an address it gave.
            doing: What it does, for errors; the default says method and path.
            push: Whether it needs push rights.
            sources: Repositories of the same registry it also reads (a mount).
            headers: Extra headers.
            content: The body.
        """

        async def attempt(_: int) -> httpx.Response:
            return await self.once(
                method,
                repository,
                path,
                push=push,
                sources=sources,
                headers=headers,
                content=content,
            )

        doing = doing or f"{method} {path}"
        return await self.run(repository.host, doing, str(repository), attempt)

    async def once(
        self,
        method: str,
        repository: Repository,
        path: str,
        *,
        push: bool = False,
        sources: tuple[Repository, ...] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One signed exchange without retries, read whole. Arguments as in `send`."""
        wanted = scopes(repository.path, *(source.path for source in sources), push=push)
        url = self.url(repository, path)
        if not url.startswith(f"{self.base(repository)}/"):  # an upload elsewhere: no password
            return await self._exchange(method, url, None, headers, content)
        signature = await self._auth.header(repository.registry, self.base(repository), wanted)
        response = await self._exchange(method, url, signature, headers, content)
        if response.status_code == _UNAUTHORIZED:
            asked = response.headers.get("WWW-Authenticate", "")
            renewed = await self._auth.renew(repository.registry, signature, asked, wanted)
            if renewed:
                response = await self._exchange(method, url, renewed, headers, content)
        return response

    @asynccontextmanager
    async def alone(self, what: str) -> AsyncIterator[None]:
        """Keep others of this process from doing ``what`` at the same time.

        Two uploads of one blob at once confuse distribution 3.0.0 (buildx#3722).
        """
        async with self._locks.setdefault(what, anyio.Lock()):
            yield

    def url(self, repository: Repository, path: str) -> str:
        """The address of ``path``: of this repository, or as it stands where it is absolute."""
        base = self.base(repository)
        if not path.startswith(("http://", "https://", "/")):
            return f"{base}/v2/{repository.path}/{path}"
        url = httpx.URL(base).join(path)
        # A registry behind a TLS proxy may not know its own scheme.
        ours = url.netloc == httpx.URL(base).netloc
        return str(url.copy_with(scheme=httpx.URL(base).scheme) if ours else url)

    async def _unsigned(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """How the authorizer asks: with the retry rules, without a signature."""
        address = httpx.URL(url)
        host = address.netloc.decode()

        async def attempt(_: int) -> httpx.Response:
            async with self._host(host).client() as client:
                self.requests["TOKEN"] += 1
                return await client.request(
                    method, address, headers=headers, data=form, follow_redirects=True
                )

        where = str(address.copy_with(query=None))
        return await self.run(host, "signing in", where, attempt)

    async def _exchange(
        self,
        method: str,
        url: str,
        signature: str | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
    ) -> httpx.Response:
        if self._read_only and method not in _READS:
            raise RegistryError(f"a dry run only reads, but this is a {method}", where=url)
        signed = {"Authorization": signature} if signature else {}
        address = httpx.URL(url)
        async with self._host(address.netloc.decode()).client() as client:
            self.requests[method] += 1
            return await client.request(
                method, address, headers={**(headers or {}), **signed}, content=content,
                follow_redirects=method in _READS,
            )  # fmt: skip

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            places = self.policy.concurrency
            self._hosts[name] = Host(places, self._connect, self._sleep, self._now)
        return self._hosts[name]


def _outcome(response: httpx.Response | None, error: httpx.TransportError | None) -> str:
    if response is not None:
        return f"the last answer was {response.status_code} {response.reason_phrase}".rstrip()
    return f"the last try ended in {type(error).__name__}: {error}".rstrip(": ")
