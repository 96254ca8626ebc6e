"""Where user names and passwords come from: given ones first, then the tools' own configurations.

Source: the docker-credential-helpers protocol, containers-auth.json(5). A secret is never an
argument of a program, never printed.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import anyio.to_thread

from localai_ci import json_text
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.files import read_file
from localai_ci.oci import limits
from localai_ci.oci.docker_config import HUB, Config, Credential, docker_config, read

__all__ = ["Credential", "Keyring", "docker_config"]

_NOT_FOUND = "credentials not found"
_IDENTITY_USER = "<token>"
_NO_HELPER = "none"  # what Rancher Desktop writes where it has no keychain


class Keyring:
    """Finds the credential of a registry.

    Args:
        given: Credentials by registry as users write it (``quay.io``, ``docker.io``).
        config: Docker's configuration folder; `default` takes the user's own.
        more: Files of the same form, asked in this order where that folder has nothing.
    """

    def __init__(
        self,
        given: Mapping[str, Credential] | None = None,
        config: Path | None = None,
        more: tuple[Path, ...] = (),
    ) -> None:
        """Keep all sources; nothing is read yet."""
        self._given = dict(given or {})
        self._files = (config / "config.json", *more) if config else more
        self._read: list[Config] | None = None
        self._helpers = True

    @classmethod
    def of_config(cls, text: str) -> "Keyring":
        """Credentials from the text of a Docker ``config.json``, such as a secret's; no file.

        Its credential helpers are programs of the machine it comes from: they are not run.

        Raises:
            InputError: not a JSON object.
        """
        keyring = cls()
        keyring._read = [read(text, "the given Docker config.json")]
        keyring._helpers = False
        return keyring

    @classmethod
    def default(cls, given: Mapping[str, Credential] | None = None) -> "Keyring":
        """The user's own: docker's, then those of podman and skopeo.

        ``$DOCKER_CONFIG``, else ``~/.docker``; then ``$REGISTRY_AUTH_FILE``, else
        ``$XDG_RUNTIME_DIR/containers/auth.json`` and ``~/.config/containers/auth.json``.
        """
        folder, named = os.environ.get("DOCKER_CONFIG"), os.environ.get("REGISTRY_AUTH_FILE")
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        files = [
            *([Path(runtime) / "containers/auth.json"] if runtime else []),
            settings / "containers/auth.json",
        ]
        return cls(
            given,
            Path(folder) if folder else Path.home() / ".docker",
            (Path(named),) if named else tuple(files),
        )

    async def find(self, registry: str, repository: str = "") -> Credential | None:
        """The credential for a registry, or None for anonymous use.

        Args:
            registry: As users write it.
            repository: The name inside it: a configuration may have a credential for a part.

        Raises:
            LocalaiCiError: a configuration cannot be read, or a credential helper failed.
        """
        if registry in self._given:
            return self._given[registry]
        for config in self._load():
            if found := await self._find(config, registry, repository):
                return found
        return None

    async def _find(self, config: Config, registry: str, repository: str) -> Credential | None:
        own = config.helper(registry, repository)
        helper = own or config.store
        missing: LocalaiCiError | None = None
        if helper and self._helpers:
            server = HUB if registry == "docker.io" else registry
            for name in dict.fromkeys([server, *config.keys(registry)]):
                try:
                    if found := await _ask_helper(helper, name):
                        return found
                except _NoHelperError as e:
                    missing = e if helper != _NO_HELPER else None
                    break
        if found := config.find(registry, repository):
            return found
        if missing:
            raise missing
        # Docker notes a sign-in whose secret a helper keeps as an empty entry.
        if helper and not self._helpers and (own or config.keys(registry)):
            raise InputError(
                f"the given Docker config.json leaves its credential to the helper {helper!r}, "
                "which only its own machine has",
                where=registry,
                remedy='Give a config.json with `auths`: {"auths": {"<registry>": {"auth": "…"}}}',
            )
        return None

    def _load(self) -> list[Config]:
        if self._read is None:
            self._read = [
                read(read_file(path, limits.CONFIG_BYTES, _REMEDY), str(path))
                for path in self._files
                if path.exists()
            ]
        return self._read


_REMEDY = "Fix it, or set DOCKER_CONFIG to another folder."


class _NoHelperError(LocalaiCiError):
    """A configuration names a helper that is not installed."""


async def _ask_helper(name: str, server: str) -> Credential | None:
    program = f"docker-credential-{name}"
    try:
        # In a thread: subprocess.run, unlike anyio's, does not mind a helper that reads nothing.
        done = await anyio.to_thread.run_sync(
            lambda: subprocess.run(  # noqa: S603 - the helper that the user configured
                [program, "get"],
                input=server.encode(),
                check=False,
                capture_output=True,
                timeout=limits.HELPER_SECONDS,
            )
        )
    except FileNotFoundError:
        raise _NoHelperError(
            f"Docker's config.json names the credential helper {name!r}, but there is no {program}",
            where=server,
            remedy="Install it, or take it out of credHelpers and credsStore.",
        ) from None
    except (OSError, subprocess.TimeoutExpired) as e:
        why = "did not answer" if isinstance(e, subprocess.TimeoutExpired) else "cannot be run"
        raise LocalaiCiError(
            f"{program} {why}",
            where=server,
            remedy=f"Try it by hand: echo {server} | {program} get",
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
        answer = json_text.read(done.stdout, limits.CONFIG_BYTES)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise LocalaiCiError(
            f"{program} answered something that is not a credential", where=server
        ) from None
    if username == _IDENTITY_USER:
        return Credential("", secret, identity=True)
    return Credential(username, secret)
