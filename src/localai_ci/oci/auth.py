"""Signing in: basic, and bearer tokens with scopes, refreshed before they end.

Source: the distribution project's token specification. Tokens live in memory only. One
refresh at a time for each registry: quay lets two token requests through at once.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache, partial
from http import HTTPStatus
from typing import Any

import anyio
import httpx

from localai_ci.oci.credentials import Credential, Keyring
from localai_ci.oci.errors import RegistryError, answered
from localai_ci.oci.reference import without_tls

Scopes = frozenset[tuple[str, str]]
"""Pairs of a resource (``repository:org/name``) and an action (``pull``)."""

_SHORTEST_LIFE = 60.0  # s; also what a token lives that does not say (token specification)
_EARLY = 5.0  # s before its end


@cache  # asked for every request, of a few repositories
def scopes(*repositories: str, push: bool = False) -> Scopes:
    """Pull rights on all, and push rights on the first.

    Args:
        repositories: Names inside one registry.
        push: Whether the first is written to.
    """
    wanted = {(f"repository:{name}", "pull") for name in repositories}
    if push:
        wanted.add((f"repository:{repositories[0]}", "push"))
    return frozenset(wanted)


def challenge(header: str) -> dict[str, dict[str, str]]:
    """Parse ``WWW-Authenticate``: parameters by scheme, schemes in lower case."""
    found: dict[str, dict[str, str]] = {}
    for scheme, parameters in re.findall(
        r'(Basic|Bearer)\b((?:[^"]|"[^"]*")*?)(?=,\s*(?:Basic|Bearer)\b|$)', header, re.IGNORECASE
    ):
        found[scheme.lower()] = dict(re.findall(r'([a-z_]+)="([^"]*)"', parameters))
    return found


@dataclass
class _Token:
    value: str = field(repr=False)
    granted: Scopes
    ends: float


@dataclass
class _Realm:
    """What one registry asks for, and the tokens it gave, by the resources they are for."""

    schemes: dict[str, dict[str, str]] = field(default_factory=dict)
    known: bool = False
    tokens: dict[frozenset[str], _Token] = field(default_factory=dict)
    lock: anyio.Lock = field(default_factory=partial(anyio.Lock, fast_acquire=True))


class Authorizer:
    """Gives each request its ``Authorization`` header.

    Args:
        keyring: Where credentials are found.
        send: Sends one unsigned request (method, URL, headers, form) with the retry rules.
        now: Monotonic clock, seconds.
        plain_http: Hosts besides this machine that get passwords without TLS.
    """

    def __init__(
        self,
        keyring: Keyring,
        send: Callable[..., Awaitable[httpx.Response]],
        now: Callable[[], float],
        plain_http: frozenset[str] = frozenset(),
    ) -> None:
        """Start with nothing known of any registry."""
        self._keyring = keyring
        self._send = send
        self._now = now
        self._plain_http = plain_http
        self._realms: dict[str, _Realm] = {}

    async def header(self, registry: str, base: str, wanted: Scopes) -> str | None:
        """The value of ``Authorization`` for a request, or None where none is needed.

        Args:
            registry: As users write it.
            base: Its address, ``https://host``.
            wanted: The rights the request needs.

        Raises:
            RegistryError: no token could be had.
        """
        realm = self._realms.setdefault(registry, _Realm())
        async with realm.lock:
            if not realm.known:
                answer = await self._send("GET", f"{base}/v2/")
                realm.schemes = challenge(answer.headers.get("WWW-Authenticate", ""))
                realm.known = True
            return await self._header(realm, registry, wanted)

    async def renew(
        self, registry: str, used: str | None, asked: str, wanted: Scopes
    ) -> str | None:
        """A header to try once more with after 401, or None where there is nothing better.

        Args:
            registry: As users write it.
            used: The header that was refused.
            asked: ``WWW-Authenticate`` of the refusal; its scope is added to ``wanted``.
            wanted: The rights the request needs.
        """
        realm = self._realms.setdefault(registry, _Realm())
        async with realm.lock:
            schemes = challenge(asked)
            realm.schemes = schemes or realm.schemes
            current = await self._header(realm, registry, wanted)
            if current != used:
                return current  # another request renewed it meanwhile
            told = _parse_scope(schemes.get("bearer", {}).get("scope", ""))
            fresh = await self._header(realm, registry, wanted, refused_for=told)
            return None if fresh == used else fresh

    async def _header(
        self, realm: _Realm, registry: str, wanted: Scopes, refused_for: Scopes | None = None
    ) -> str | None:
        """From the store, or anew where it is missing, near its end, too narrow or refused."""
        if "bearer" in realm.schemes:
            resources = frozenset(resource for resource, _ in wanted)
            token = realm.tokens.get(resources)
            if (
                token is None
                or refused_for is not None
                or not wanted <= token.granted
                or self._now() > token.ends - _EARLY
            ):
                union = wanted | (refused_for or frozenset()) | (token.granted if token else wanted)
                token = await self._token(realm.schemes["bearer"], registry, union)
                realm.tokens[resources] = token
            return f"Bearer {token.value}"
        if "basic" in realm.schemes:
            found = await self._keyring.find(registry)
            return _basic(found) if found and not found.identity else None
        return None

    async def _token(self, asked: dict[str, str], registry: str, wanted: Scopes) -> _Token:
        realm = asked.get("realm", "")
        found = await self._keyring.find(registry)
        if found and realm.startswith("http://") and not self._trusts(realm):
            raise RegistryError(
                f"its token address {realm} is plain HTTP: the password stays here", where=registry
            )
        scope = [f"{resource}:{action}" for resource, action in _by_resource(wanted)]
        service = {"service": asked["service"]} if "service" in asked else {}
        if found and found.identity:
            form = {"grant_type": "refresh_token", "refresh_token": found.secret}
            form |= {"client_id": "localai-ci", "scope": " ".join(scope), **service}
            answer = await self._send("POST", realm, form=form)
        else:
            headers = {"Authorization": _basic(found)} if found else {}
            url = httpx.URL(realm).copy_merge_params({**service, "scope": scope})
            answer = await self._send("GET", str(url), headers=headers)
        if answer.status_code != HTTPStatus.OK:
            raise answered(
                answer.status_code, answer.content,
                doing="asking for a token", where=registry, host=registry,
            )  # fmt: skip
        return self._read(answer.content, registry, wanted)

    def _trusts(self, realm: str) -> bool:
        """Whether a password may go there without TLS."""
        return without_tls(realm.split("/")[2], self._plain_http)

    def _read(self, body: bytes, registry: str, granted: Scopes) -> _Token:
        try:
            data: dict[str, Any] = json.loads(body)
            value = str(data.get("token") or data["access_token"])
            life = float(data.get("expires_in") or 0)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RegistryError("its token service answered no token", where=registry) from None
        return _Token(value, granted, self._now() + max(life, _SHORTEST_LIFE))


def _basic(found: Credential) -> str:
    pair = f"{found.username}:{found.secret}".encode()
    return "Basic " + base64.b64encode(pair).decode()


def _by_resource(wanted: Scopes) -> list[tuple[str, str]]:
    actions: dict[str, list[str]] = {}
    for resource, action in sorted(wanted):
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
