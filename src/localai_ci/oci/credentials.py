"""Where user names and passwords come from: given ones first, then Docker's own configuration.

Source: docker/cli `config.json` (auths, credHelpers, credsStore, identitytoken) and the
docker-credential-helpers protocol. A secret is never an argument of a program, never printed.
"""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.to_thread

from localai_ci.errors import InputError, LocalaiCiError

_HUB = "https://index.docker.io/v1/"
_NOT_FOUND = "credentials not found"
_IDENTITY_USER = "<token>"


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


class Keyring:
    """Finds the credential of a registry.

    Args:
        given: Credentials by registry as users write it (``quay.io``, ``docker.io``).
        config: Docker's configuration folder; `default` takes the user's own.
    """

    def __init__(
        self, given: Mapping[str, Credential] | None = None, config: Path | None = None
    ) -> None:
        """Keep both sources; nothing is read yet."""
        self._given = dict(given or {})
        self._config = config
        self._read: dict[str, Any] | None = None
        self._helpers = True

    @classmethod
    def of_config(cls, text: str) -> "Keyring":
        """Credentials from the text of a Docker ``config.json``, such as a secret's; no file.

        Its credential helpers are programs of the machine it comes from: they are not run.

        Raises:
            InputError: not a JSON object.
        """
        keyring = cls()
        keyring._read = _json_object(text, "the given Docker config.json")
        keyring._helpers = False
        return keyring

    @classmethod
    def default(cls, given: Mapping[str, Credential] | None = None) -> "Keyring":
        """The user's own: ``$DOCKER_CONFIG``, else ``~/.docker``."""
        folder = os.environ.get("DOCKER_CONFIG")
        return cls(given, Path(folder) if folder else Path.home() / ".docker")

    async def find(self, registry: str) -> Credential | None:
        """The credential for ``registry``, or None for anonymous use.

        Raises:
            LocalaiCiError: the configuration cannot be read, or a credential helper failed.
        """
        if registry in self._given:
            return self._given[registry]
        config = self._load()
        own = config.get("credHelpers", {}).get(registry)
        helper = own or config.get("credsStore")
        server = _HUB if registry == "docker.io" else registry
        if helper and self._helpers and (found := await _ask_helper(helper, server)):
            return found
        entries = [e for key, e in config.get("auths", {}).items() if _registry_of(key) == registry]
        for entry in entries:
            if found := _entry(entry, registry):
                return found
        # Docker notes a sign-in whose secret a helper keeps as an empty entry.
        if helper and not self._helpers and (own or entries):
            raise InputError(
                f"the given Docker config.json leaves its credential to the helper {helper!r}, "
                "which only its own machine has",
                where=registry,
                remedy='Give a config.json with `auths`: {"auths": {"<registry>": {"auth": "…"}}}',
            )
        return None

    def _load(self) -> dict[str, Any]:
        if self._read is None:
            path = self._config / "config.json" if self._config else None
            there = path and path.is_file()
            self._read = _json_object(path.read_bytes(), str(path)) if path and there else {}
        return self._read


def docker_config(credentials: Mapping[str, Credential]) -> str:
    """The text of a Docker ``config.json``, for a foreign program that reads nothing else."""
    auths = {
        _HUB if registry == "docker.io" else registry: (
            {"identitytoken": found.secret}
            if found.identity
            else {"auth": base64.b64encode(f"{found.username}:{found.secret}".encode()).decode()}
        )
        for registry, found in credentials.items()
    }
    return json.dumps({"auths": auths})


def _json_object(text: str | bytes, where: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise InputError(
            "not a JSON object, so no credential can be read from it",
            where=where,
            remedy="Fix it, or set DOCKER_CONFIG to another folder.",
        )
    return data


def _registry_of(key: str) -> str:
    """The registry that a key of ``auths`` means: it may carry a scheme and a path."""
    if key == _HUB:
        return "docker.io"
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _entry(entry: Mapping[str, str], registry: str) -> Credential | None:
    if token := entry.get("identitytoken"):
        return Credential("", token, identity=True)
    if encoded := entry.get("auth"):
        try:
            username, colon, secret = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            colon = ""
        if not colon:
            raise InputError(
                "its `auth` in Docker's config.json is not base64 of user:password",
                where=registry,
                remedy=f"Run `docker login {registry}` again.",
            )
        return Credential(username, secret.rstrip("\0"))
    if entry.get("username"):
        return Credential(entry["username"], entry.get("password", ""))
    return None


async def _ask_helper(name: str, server: str) -> Credential | None:
    program = f"docker-credential-{name}"
    try:
        # In a thread: subprocess.run, unlike anyio's, does not mind a helper that reads nothing.
        done = await anyio.to_thread.run_sync(
            lambda: subprocess.run(  # noqa: S603 - the helper that the user configured
                [program, "get"], input=server.encode(), check=False, capture_output=True
            )
        )
    except FileNotFoundError:
        raise LocalaiCiError(
            f"Docker's config.json names the credential helper {name!r}, but there is no {program}",
            where=server,
            remedy="Install it, or take it out of credHelpers and credsStore.",
        ) from None
    # A helper says "not found" on standard output; whatever else stands there may be secret.
    if done.returncode != 0:
        if _NOT_FOUND in done.stdout.decode(errors="replace"):
            return None
        raise LocalaiCiError(
            f"{program} failed with exit code {done.returncode}",
            where=server,
            remedy=f"Try it by hand: echo {server} | {program} get",
        )
    try:
        answer = json.loads(done.stdout)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise LocalaiCiError(
            f"{program} answered something that is not a credential", where=server
        ) from None
    if username == _IDENTITY_USER:
        return Credential("", secret, identity=True)
    return Credential(username, secret)
