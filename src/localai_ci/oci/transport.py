"""The one way out to registries: waiting, retrying, signing in and counting live here.

Every request passes its host's lane, so one 429 slows all that talk to that host, and a host that
is down is found so once. There is one layer of retries, `Transport.run`; nothing inside it retries.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import anyio

from localai_ci.oci import address, limits, retry
from localai_ci.oci.answer import Answer, UnusableError, WireError
from localai_ci.oci.auth import Authorizer, scopes
from localai_ci.oci.credentials import Keyring
from localai_ci.oci.errors import AGAIN, RegistryError, cut
from localai_ci.oci.host import READ, SIGN_IN, WRITE, Clock, Host, outcome
from localai_ci.oci.reach import Reach
from localai_ci.oci.reference import Repository, without_tls
from localai_ci.oci.retry import Policy
from localai_ci.oci.wire import Window, Wire

_READS = {"GET", "HEAD"}
_SCHEMES = ("http://", "https://")
_MOVED = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class _Request:
    """What is sent, besides where to."""

    method: str
    headers: Mapping[str, str]
    content: bytes | None = None
    window: Window | None = None
    work: int = 0


class Transport:
    """Sends requests to registries; use it as an async context manager.

    Args:
        keyring: Where credentials are found; the default signs in nowhere.
        policy: How long and how often to try.
        plain_http: Hosts (and port) besides this machine to reach without TLS.
        auth_hosts: By registry as users write it: hosts outside its own site that may be its
            token service.
        read_only: Refuse every request that could write: what a dry run is built on.
        sleep: Waits that many seconds.
        now: Monotonic clock, seconds.
        wall: Seconds since 1970, for people.
    """

    def __init__(
        self,
        keyring: Keyring | None = None,
        *,
        policy: Policy | None = None,
        plain_http: frozenset[str] = frozenset(),
        auth_hosts: Mapping[str, AbstractSet[str]] | None = None,
        read_only: bool = False,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        now: Callable[[], float] = anyio.current_time,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; no connection is made yet."""
        self.policy = policy or Policy()
        self.requests: Counter[str] = Counter()
        """Requests sent so far, by method; token requests count as ``TOKEN``."""
        self.habits: set[tuple[str, str]] = set()
        """What was found out about hosts and is not tried again: pairs of a host and a habit."""
        self._plain_http = plain_http
        self._read_only = read_only
        self._reach = Reach(plain_http, auth_hosts)
        for declared in (auth_hosts or {}).values():
            for host in declared:
                self._reach.own(host)
        self._wire = Wire(self.policy, self._reach)
        self._clock = Clock(sleep, now, wall)
        self._hosts: dict[str, Host] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._auth = Authorizer(keyring or Keyring(), self._unsigned, now, self._reach)

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
        await self._wire.close()

    @property
    def writes(self) -> int:
        """Requests so far that could have changed a registry."""
        return sum(n for method, n in self.requests.items() if method not in {*_READS, "TOKEN"})

    def base(self, repository: Repository) -> str:
        """The address of a repository's registry, ``https://host``."""
        host = repository.host
        return f"{'http' if without_tls(host, self._plain_http) else 'https'}://{host}"

    async def run(
        self, doing: str, where: str, attempt: Callable[[int], Awaitable[Answer]]
    ) -> Answer:
        """Try until it succeeds, fails for good, or patience ends.

        Args:
            doing: What is tried, for the error: ``PUT manifest``.
            where: The image or URL, for the error.
            attempt: One try, given how many before it failed; it may first ask what they did. An
                answer that there are too many requests is not a failed try.

        Returns:
            The first answer that is not worth a retry: a success or a refusal.

        Raises:
            RegistryError: patience ended, the host is down, or asked for an absurd wait.
        """
        tries = slowed = 0
        first: float | None = None
        while True:
            status, too_many, verdict, dead = 0, False, "", False
            try:
                answer = await attempt(tries)
            except UnusableError as e:
                raise RegistryError(f"{doing}: {e}", where=where) from e
            except _GivenUpError as e:
                last, status, verdict, host = e.what, e.status, e.verdict, e.host
            except WireError as e:
                last, dead, host = _ended(e), True, e.host
            else:
                if not retry.worth_retrying(answer.status):
                    return answer
                last, status, host = outcome(answer), answer.status, address.netloc(answer.url)
                too_many = retry.too_many(answer.status, answer.body, answer.headers)
            first = self._clock.now() if first is None else first
            tries, slowed = (tries, slowed + 1) if too_many else (tries + 1, slowed)
            reason = verdict or self.policy.exhausted(tries, self._clock.now() - first, slowed)
            if reason:
                if dead:
                    self._host(host).failed_since(first)
                times = f"{tries + slowed} time{'s' if tries + slowed > 1 else ''}"
                raise RegistryError(
                    f"{doing} failed {times}; {last}; {reason}{self._host(host).trouble()}",
                    where=where,
                    remedy=AGAIN,
                    status=status,
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
        window: Window | None = None,
    ) -> Answer:
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
            window: The part of a blob that is asked for.
        """

        async def attempt(_: int) -> Answer:
            return await self.once(
                method, repository, path, push=push, sources=sources,
                headers=headers, content=content, window=window,
            )  # fmt: skip

        doing = doing or f"{method} {path}"
        return await self.run(doing, str(repository), attempt)

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
        window: Window | None = None,
        work: int = 0,
    ) -> Answer:
        """One signed exchange without retries, read whole. Arguments as in `send`, and ``work``.

        ``work`` is how many bytes the registry goes through before it answers.
        """
        if self._read_only and method not in _READS:
            url = self.url(repository, path)
            raise RegistryError(f"a dry run only reads, but this is a {method}", where=url)
        base, url = self.base(repository), self.url(repository, path)
        self._reach.own(repository.host)
        needed = scopes(repository.path, *(source.path for source in sources), push=push)
        sent = dict(headers or {})
        if window:
            sent["Range"] = window.header
        request = _Request(method, sent, content, window, work)
        if path.startswith(_SCHEMES) and not _same(url, base):  # an upload elsewhere: no password
            return await self._exchange(request, repository.host, url, None)
        registry = repository.registry
        signature = await self._auth.header(registry, base, needed, repository.path)
        answer = await self._exchange(request, repository.host, url, signature)
        if answer.status == HTTPStatus.UNAUTHORIZED and _same(answer.url, base):
            asked = answer.headers.get("WWW-Authenticate")
            renewed = await self._auth.renew(registry, signature, asked, needed, repository.path)
            if renewed:
                answer = await self._exchange(request, repository.host, url, renewed)
        return answer

    @asynccontextmanager
    async def alone(self, what: str) -> AsyncIterator[None]:
        """Keep others of this process from doing ``what`` at the same time.

        Two uploads of one blob at once confuse distribution 3.0.0 (buildx#3722).
        """
        async with self._locks.setdefault(what, anyio.Lock()):
            yield

    def url(self, repository: Repository, path: str) -> str:
        """The address of ``path`` in a repository; an absolute one is left as it stands."""
        if path.startswith(_SCHEMES):
            return path
        return f"{self.base(repository)}/v2/{repository.path}/{path}"

    def follow(self, repository: Repository, answer: Answer, location: str) -> str:
        """The absolute address that an answer names, byte for byte.

        Raises:
            RegistryError: it leads nowhere, or where an answer may not send this client.
        """
        try:
            url = address.follow(answer.url or self.url(repository, ""), location)
            fault = self._reach.refusal(url, repository.host)
        except ValueError as e:
            url, fault = location, str(e)
        if fault:
            raise RegistryError(
                f"it names an address that is not gone to: {cut(address.shown(url))} ({fault})",
                where=str(repository),
                remedy="If it is meant, declare the host in matrix/registries.yaml.",
            )
        return url

    async def _unsigned(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        ping: bool = False,
        registry: str = "",
    ) -> Answer:
        """How the authorizer asks: with the retry rules, without a signature or a redirect.

        Args:
            method: HTTP method.
            url: The address.
            headers: Extra headers.
            form: The body.
            ping: Whether it only looks at how the registry wants to be signed in to.
            registry: Host and port of the registry for which it is asked.
        """
        host = address.netloc(url)
        content, sent = None, dict(headers or {})
        if form is not None:
            content = urlencode(form).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        request = _Request(method, sent, content)

        async def attempt(_: int) -> Answer:
            if ping:
                return await self._exchange(request, host, url, None)
            if fault := self._reach.refusal(url, registry or host):
                raise UnusableError(f"{cut(address.shown(url))} is not gone to: {fault}", host)
            return await self._hop(request, host, SIGN_IN, url, None)

        return await self.run("signing in", address.shown(url), attempt)

    async def _exchange(
        self, request: _Request, host: str, url: str, signature: str | None
    ) -> Answer:
        """One request and where it leads; only to its own origin goes the signature along."""
        kind = READ if request.method in _READS else WRITE
        first = address.origin(url)
        for _ in range(limits.REDIRECTS + 1):
            signed = signature if address.origin(url) == first else None
            answer = await self._hop(request, address.netloc(url), kind, url, signed)
            location = answer.headers.get("Location")
            if kind is not READ or answer.status not in _MOVED or not location:
                return answer
            try:
                following = address.follow(url, location)
                fault = self._reach.refusal(following, host)
            except ValueError as e:
                following, fault = location, str(e)
            if fault:
                place = cut(address.shown(following))
                raise UnusableError(f"a redirect to {place} is not followed: {fault}", host)
            url = following
        raise UnusableError(f"Redirects go in a circle, or are more than {limits.REDIRECTS}", host)

    async def _hop(
        self, request: _Request, host: str, kind: str, url: str, signature: str | None
    ) -> Answer:
        headers = {**request.headers, "Authorization": signature} if signature else request.headers
        async with self._host(host).lane(kind).turn() as turn:
            self.requests["TOKEN" if kind is SIGN_IN else request.method] += 1
            try:
                answer = await self._wire.exchange(
                    request.method, url, headers, request.content,
                    window=request.window, work=request.work,
                )  # fmt: skip
            except UnusableError:
                turn.usable()
                raise
            except WireError as e:
                turn.broke(_ended(e))
                if turn.verdict:
                    raise _GivenUpError(host, _ended(e), turn.verdict) from e
                raise
            turn.answered(answer)
            if turn.verdict:
                raise _GivenUpError(host, outcome(answer), turn.verdict, answer.status)
            return answer

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = Host(name, self.policy, self._clock)
        return self._hosts[name]


class _GivenUpError(RegistryError):
    """A failure after which the host as a whole is not tried any more for now."""

    def __init__(self, host: str, last: str, verdict: str, status: int = 0) -> None:
        super().__init__(last, status=status)
        self.host = host
        self.verdict = verdict


def _ended(error: WireError) -> str:
    return f"the last try ended in {error}"


def _same(url: str, base: str) -> bool:
    return address.origin(url) == address.origin(base)
