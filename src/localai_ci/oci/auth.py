"""Signing in: basic, and bearer tokens with scopes, refreshed before they end.

Source: the distribution project's token specification. Tokens live in memory only. Requests that
need the same token wait for one question and share its outcome, good or bad.
"""

import base64
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import anyio

from localai_ci import json_text
from localai_ci.errors import LocalaiCiError
from localai_ci.oci import address, limits
from localai_ci.oci.answer import Answer
from localai_ci.oci.challenge import challenge
from localai_ci.oci.credentials import Credential, Keyring
from localai_ci.oci.errors import RegistryError, answered, cut
from localai_ci.oci.reach import Reach

T = TypeVar("T")
Scopes = frozenset[tuple[str, str]]
"""Pairs of a resource (``repository:org/name``) and an action (``pull``)."""

_EARLY = 5.0  # s before its end


@cache  # asked for every request, of a few repositories
def scopes(*repositories: str, push: bool = False) -> Scopes:
    """Pull rights on all, and push rights on the first.

    Args:
        repositories: Names inside one registry.
        push: Whether the first is written to.
    """
    needed = {(f"repository:{name}", "pull") for name in repositories}
    if push:
        needed.add((f"repository:{repositories[0]}", "push"))
    return frozenset(needed)


@dataclass
class _Token:
    value: str = field(repr=False)
    granted: Scopes
    ends: float


@dataclass
class _Flight:
    """A question that is under way, for all who need its answer."""

    done: anyio.Event = field(default_factory=anyio.Event)
    found: list[Any] = field(default_factory=list)
    error: LocalaiCiError | None = None


@dataclass
class _Realm:
    """What one registry asks for, and the tokens it gave, by the resources they are for."""

    host: str
    base: str
    schemes: dict[str, dict[str, str]] = field(default_factory=dict)
    known: bool = False
    tokens: dict[frozenset[str], _Token] = field(default_factory=dict)
    flights: dict[Hashable, _Flight] = field(default_factory=dict)

    async def once(self, what: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` finds; those who come meanwhile wait for the same answer, or error."""
        while (flight := self.flights.get(what)) is not None:
            await flight.done.wait()
            if flight.error is not None:
                raise flight.error
            if flight.found:
                found: T = flight.found[0]
                return found
        flight = self.flights[what] = _Flight()
        try:
            flight.found.append(answer := await ask())
        except LocalaiCiError as e:
            flight.error = e
            raise
        finally:
            del self.flights[what]
            flight.done.set()
        return answer


class Authorizer:
    """Gives each request its ``Authorization`` header.

    Args:
        keyring: Where credentials are found.
        send: Sends one unsigned request (method, URL, headers, form) with the retry rules.
        now: Monotonic clock, seconds.
        reach: Which hosts may sign in for which.
    """

    def __init__(
        self,
        keyring: Keyring,
        send: Callable[..., Awaitable[Answer]],
        now: Callable[[], float],
        reach: Reach | None = None,
    ) -> None:
        """Start with nothing known of any registry."""
        self._keyring = keyring
        self._send = send
        self._now = now
        self._reach = reach or Reach()
        self._realms: dict[str, _Realm] = {}

    async def header(
        self, registry: str, base: str, needed: Scopes, repository: str = ""
    ) -> str | None:
        """The value of ``Authorization`` for a request, or None where none is needed.

        Args:
            registry: As users write it.
            base: Its address, ``https://host``.
            needed: The rights the request needs.
            repository: The name inside the registry, where credentials differ by it.

        Raises:
            RegistryError: no token was given.
        """
        realm = self._realm(registry, base)
        if not realm.known:
            await realm.once("ping", lambda: self._ping(realm))
        return await self._header(realm, registry, needed, repository)

    async def renew(
        self, registry: str, used: str | None, asked: str, needed: Scopes, repository: str = ""
    ) -> str | None:
        """A header to try once more with after 401, or None where there is nothing better.

        Args:
            registry: As users write it; `header` was called for it.
            used: The header that was refused.
            asked: ``WWW-Authenticate`` of the refusal; its scope is added to ``needed``.
            needed: The rights the request needs.
            repository: The name inside the registry.
        """
        realm = self._realms[registry]
        schemes = _read_challenge(asked, registry)
        realm.schemes = schemes or realm.schemes
        current = await self._header(realm, registry, needed, repository)
        if current != used:
            return current  # another request renewed it meanwhile
        demanded = _parse_scope(schemes.get("bearer", {}).get("scope", ""))
        fresh = await self._header(realm, registry, needed, repository, used, demanded)
        return None if fresh == used else fresh

    def _realm(self, registry: str, base: str) -> _Realm:
        if registry not in self._realms:
            self._realms[registry] = _Realm(address.netloc(base), base)
        return self._realms[registry]

    async def _ping(self, realm: _Realm) -> bool:
        answer = await self._send("GET", f"{realm.base}/v2/", ping=True)
        realm.schemes = _read_challenge(answer.headers.get("WWW-Authenticate"), realm.host)
        realm.known = True
        return True

    async def _header(
        self,
        realm: _Realm,
        registry: str,
        needed: Scopes,
        repository: str,
        refused: str | None = None,
        demanded: Scopes = frozenset(),
    ) -> str | None:
        """From the store, or anew where it is missing, near its end, too narrow or refused."""
        if "bearer" in realm.schemes:
            resources = frozenset(resource for resource, _ in needed)

            def fits() -> _Token | None:
                token = realm.tokens.get(resources)
                good = (
                    token is not None
                    and f"Bearer {token.value}" != refused
                    and needed <= token.granted
                    and self._now() <= token.ends - _EARLY
                )
                return token if good else None

            asked_ourselves = False

            async def ask() -> bool:
                nonlocal asked_ourselves
                asked_ourselves = True
                token = realm.tokens.get(resources)
                union = needed | demanded | (token.granted if token else needed)
                asked = realm.schemes["bearer"]
                realm.tokens[resources] = await self._token(
                    realm, asked, registry, union, repository
                )
                return True

            while (token := fits()) is None:
                if asked_ourselves:
                    token = realm.tokens[resources]  # what it gives is what was refused
                    break
                await realm.once(resources, ask)
            return f"Bearer {token.value}"
        if "basic" in realm.schemes:
            found = await self._keyring.find(registry, repository)
            if found and realm.base.startswith("http:") and not self._reach.plain(realm.base):
                raise RegistryError("it is plain HTTP: the password stays here", where=registry)
            return _basic(found) if found and not found.identity else None
        return None

    async def _token(
        self,
        realm: _Realm,
        asked: dict[str, str],
        registry: str,
        needed: Scopes,
        repository: str,
    ) -> _Token:
        url = self._service(realm, asked.get("realm", ""), registry)
        found = await self._keyring.find(registry, repository)
        scope = [f"{resource}:{action}" for resource, action in _by_resource(needed)]
        service = {"service": asked["service"]} if "service" in asked else {}
        send = self._send
        if found and found.identity:
            form = {"grant_type": "refresh_token", "refresh_token": found.secret}
            form |= {"client_id": "localai-ci", "scope": " ".join(scope), **service}
            answer = await send("POST", url, form=form, registry=realm.host)
        else:
            headers = {"Authorization": _basic(found)} if found else {}
            for name, value in [*service.items(), *(("scope", one) for one in scope)]:
                url = address.with_query(url, f"{name}={quote(value, safe='')}")
            answer = await send("GET", url, headers=headers, registry=realm.host)
        if answer.status in _MOVED:
            raise RegistryError(
                f"its token service redirects ({answer.status}), which is not followed: what signs "
                "in would go along",
                where=registry,
            )
        if answer.status != HTTPStatus.OK:
            raise answered(
                answer.status, answer.body,
                doing="asking for a token", where=registry, host=registry,
            )  # fmt: skip
        return self._read(answer, registry, needed)

    def _service(self, realm: _Realm, url: str, registry: str) -> str:
        """The token service's address, if it may be asked for this registry at all.

        Raises:
            RegistryError: it may not; nothing has been sent to it.
        """
        try:
            url = address.follow(realm.base, url or "none:")
            place = address.origin(url)
        except ValueError as e:
            raise RegistryError(
                f"its token address {cut(address.shown(url))!r} cannot be used: {e}", where=registry
            ) from None
        if place.scheme == "http" and not self._reach.plain(url):
            raise RegistryError(
                f"its token address {cut(address.shown(url))} is plain HTTP: the password stays "
                "here",
                where=registry,
            )
        if not self._reach.signs_in(registry, realm.host, place):
            raise RegistryError(
                f"it wants to be signed in to at {cut(place.host)}, which is not of its own site: "
                "nothing was sent there",
                where=registry,
                remedy=f"If that is right, declare {cut(place.host)} among its auth_hosts.",
            )
        return url

    def _read(self, answer: Answer, registry: str, granted: Scopes) -> _Token:
        try:
            data: dict[str, Any] = json_text.read(answer.body)
            value = data.get("token") or data["access_token"]
            life = float(data.get("expires_in") or 0)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            value, life = None, math.nan
        usable = isinstance(value, str) and value.isascii() and value.isprintable()
        if not usable or not math.isfinite(life):
            raise RegistryError("its token service answered no token", where=registry) from None
        life = min(max(life, limits.SHORTEST_LIFE), limits.LONGEST_LIFE)
        return _Token(str(value), granted, self._now() + life)


_MOVED = range(300, 400)


def _read_challenge(header: str, registry: str) -> dict[str, dict[str, str]]:
    if len(header) > limits.CHALLENGE:
        raise RegistryError(
            f"its WWW-Authenticate has {len(header)} characters, more than {limits.CHALLENGE}",
            where=registry,
        )
    return challenge(header)


def _basic(found: Credential) -> str:
    pair = f"{found.username}:{found.secret}".encode()
    return "Basic " + base64.b64encode(pair).decode()


def _by_resource(needed: Scopes) -> list[tuple[str, str]]:
    actions: dict[str, list[str]] = {}
    for resource, action in sorted(needed):
        actions.setdefault(resource, []).append(action)
    return [(resource, ",".join(names)) for resource, names in actions.items()]


def _parse_scope(text: str) -> Scopes:
    pairs = (part.rpartition(":") for part in text.split())
    return frozenset(
        (resource, action)
        for resource, _, actions in pairs
        if resource
        for action in actions.split(",")
    )
