"""What docker, podman, skopeo, Rancher Desktop and cloud helpers write into their configurations.

Source: docker/cli `config.json` (auths, credHelpers, credsStore, identitytoken; Go reads its keys
in any case) and containers-auth.json (keys with a part of the path; the longest that fits wins).
"""

import base64
import binascii
import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localai_ci import json_text
from localai_ci.errors import InputError
from localai_ci.oci import limits
from localai_ci.oci.reference import HUB_NAMES
from localai_ci.text import quoted

HUB = "https://index.docker.io/v1/"
"""Docker Hub, as docker itself writes it and asks helpers for it."""
_MARK = codecs.BOM_UTF8  # of Windows' editors
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_API = re.compile(r"v[12](?:/.*)?")
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def bare(registry: str) -> str:
    """A registry without the port that HTTPS has anyway."""
    return registry.removesuffix(":443")


@dataclass(frozen=True)
class Credential:
    """What signs in at one registry.

    Args:
        username: The user; empty with an identity token.
        secret: The password or token. Not part of the representation.
        identity: ``secret`` is an identity token, to be exchanged for access tokens.
    """

    username: str
    secret: str = field(repr=False)
    identity: bool = False


@dataclass(frozen=True)
class Place:
    """What a key means: a registry (``docker.io`` for all names of Docker Hub), or a part of it."""

    registry: str
    namespace: str = ""

    @classmethod
    def of(cls, key: str) -> "Place":
        """Read a key: it may carry a scheme, the API's version, or a part of a name."""
        scheme = _SCHEME.match(key.strip())
        host, _, path = _SCHEME.sub("", key.strip(), count=1).partition("/")
        plain = scheme is not None and scheme[0].lower() == "http://"
        registry = host.lower() if plain else bare(host.lower())
        path = path.strip("/")
        return cls(
            "docker.io" if registry in HUB_NAMES else registry, "" if _API.fullmatch(path) else path
        )

    def has(self, repository: str) -> bool:
        """Whether a repository of this registry is in the place; one of no name is everywhere."""
        inside = f"{repository}/".startswith(f"{self.namespace}/")
        return not self.namespace or not repository or inside


@dataclass(frozen=True)
class Config:
    """One configuration.

    Attributes:
        where: Its file, for errors.
        entries: Its ``auths``: key, place, entry.
        helpers: Helper programs by place.
        store: The helper for all others, or nothing.
    """

    where: str = ""
    entries: tuple[tuple[str, Place, Mapping[str, Any]], ...] = ()
    helpers: tuple[tuple[Place, str], ...] = ()
    store: str = ""

    def keys(self, registry: str) -> list[str]:
        """How the configuration spells a registry."""
        return [key for key, place, _ in self.entries if place.registry == bare(registry)]

    def helper(self, registry: str, repository: str) -> str:
        """The helper that is named for a registry itself, or nothing."""
        fitting = [
            (len(place.namespace), name)
            for place, name in self.helpers
            if place.registry == bare(registry) and place.has(repository)
        ]
        return max(fitting, default=(0, ""), key=lambda found: found[0])[1]

    def find(self, registry: str, repository: str) -> Credential | None:
        """The credential that stands in the file, of the longest key that fits.

        Raises:
            InputError: an entry cannot be read; its content is not repeated.
        """
        fitting = [
            (place, entry)
            for _, place, entry in self.entries
            if place.registry == bare(registry) and place.has(repository)
        ]
        longest_first = sorted(fitting, key=lambda found: -len(found[0].namespace))
        if not repository:  # of a registry as a whole
            longest_first.reverse()
        for _, entry in longest_first:
            if found := _credential(entry, registry):
                return found
        return None


def read(text: str | bytes, where: str) -> Config:
    """Read a configuration.

    Raises:
        InputError: it is not one; the message says which part, and nothing of its content.
    """
    if len(text) > limits.CONFIG_BYTES:
        raise _unreadable(f"longer than {limits.CONFIG_BYTES} bytes", where)
    try:
        data = json_text.read(
            text.removeprefix(_MARK) if isinstance(text, bytes) else text.lstrip("\ufeff")
        )
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise _unreadable("not a JSON object, so no credential can be read from it", where)
    known = {key.lower(): value for key, value in data.items()}
    store = known.get("credsstore") or ""
    return Config(
        where,
        tuple(_entries(_table(known, "auths", where), where)),
        tuple(
            (Place.of(key), _helper(name, f"credHelpers[{quoted(key)}]", where))
            for key, name in _table(known, "credHelpers", where).items()
            if name
        ),
        _helper(store, "credsStore", where) if store else "",
    )


def docker_config(credentials: Mapping[str, Credential]) -> str:
    """The text of a Docker ``config.json``, for a foreign program that reads nothing else."""
    auths = {
        HUB if registry == "docker.io" else registry: (
            {"identitytoken": found.secret}
            if found.identity
            else {"auth": base64.b64encode(f"{found.username}:{found.secret}".encode()).decode()}
        )
        for registry, found in credentials.items()
    }
    return json.dumps({"auths": auths})


def _table(known: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    table = known.get(name.lower()) or {}
    if not isinstance(table, dict):
        raise _unreadable(f"its `{name}` is not an object of registries", where)
    return table


def _entries(
    table: Mapping[str, Any], where: str
) -> Iterator[tuple[str, Place, Mapping[str, Any]]]:
    for key, entry in table.items():
        if not entry:
            entry = {}  # noqa: PLW2901 - docker notes so that a helper has it
        if not isinstance(entry, dict):
            place = quoted(Place.of(key).registry)
            raise _unreadable(f"its `auths` entry of {place} is not an object", where)
        fields = {name.lower(): value for name, value in entry.items()}
        for name in ("auth", "identitytoken", "username", "password"):
            if not isinstance(fields.get(name) or "", str):
                place = quoted(Place.of(key).registry)
                raise _unreadable(
                    f"its `auths` entry of {place} has a `{name}` that is not text", where
                )
        yield key, Place.of(key), fields


def _helper(name: Any, part: str, where: str) -> str:
    if not isinstance(name, str) or not _HELPER.fullmatch(name):
        raise _unreadable(f"its `{part}` is not the name of a credential helper", where)
    return name


def _unreadable(what: str, where: str) -> InputError:
    return InputError(what, where=where, remedy="Fix it, or set DOCKER_CONFIG to another folder.")


def _credential(entry: Mapping[str, Any], registry: str) -> Credential | None:
    if token := entry.get("identitytoken"):
        return Credential("", token, identity=True)
    if encoded := entry.get("auth"):
        # Some write the alphabet of URLs, leave out the padding, or break the line.
        plain = "".join(encoded.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
        try:
            whole = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
            username, colon, secret = whole.partition(":")
        except (binascii.Error, ValueError):
            colon = ""
        if not colon:
            raise InputError(
                "its `auth` in Docker's config.json is not base64 of user:password",
                where=registry,
                remedy=f"Run `docker login {registry}` again.",
            )
        return Credential(username, secret.rstrip("\0"))
    if entry.get("username"):
        return Credential(entry["username"], entry.get("password") or "")
    return None
