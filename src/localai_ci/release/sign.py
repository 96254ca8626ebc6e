"""Signing with cosign 3: by digest, as OCI 1.1 referrers, verified before any tag moves.

cosign is its own program. The verification is the arbiter, not the exit code of the signing;
what is validly signed is not signed again, so that a rerun adds no second signature.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread

from localai_ci import json_text
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.credentials import Credential, docker_config
from localai_ci.oci.reference import Reference, without_tls

COSIGN = "v3.1.2"
"""The version that this was written for and tested with; its major version is demanded."""
_INSTALL = f"Install it: go install github.com/sigstore/cosign/v3/cmd/cosign@{COSIGN}"


@dataclass(frozen=True)
class Identity:
    """Who signs, and how that is checked.

    Args:
        key: A private key's file (or KMS address); empty signs keyless, as CI's own identity.
        public_key: Its public half.
        certificate_identity: Keyless: a regular expression for the workflow's identity.
        issuer: Keyless: who vouches for it.
        signing_config: A cosign signing configuration instead of the public good instance's.
        offline: There is no transparency log, so none is looked into.
    """

    key: str = ""
    public_key: str = ""
    certificate_identity: str = ""
    issuer: str = "https://token.actions.githubusercontent.com"
    signing_config: str = ""
    offline: bool = False


def identity(
    key: str = "",
    public_key: str = "",
    certificate_identity: str = "",
    issuer: str = "",
    signing_config: str = "",
) -> Identity:
    """Who signs, if what is signed can be checked too.

    Args:
        key: As in `Identity`; so are the others.
        public_key: Demanded with a key.
        certificate_identity: Demanded without one.
        issuer: Empty is GitHub's.
        signing_config: One that names no transparency log is taken at its word.

    Raises:
        InputError: nothing is given to check with, or the configuration cannot be read.
    """
    if not (public_key if key else certificate_identity):
        needed = "--verify-key" if key else "--verify-identity"
        raise InputError(
            f"--sign without {needed}: a signature that nobody can check is refused",
            remedy=f"Give {needed}.",
        )
    return Identity(
        key, public_key, certificate_identity, issuer or Identity.issuer, signing_config,
        offline=bool(signing_config) and not _logs(Path(signing_config)),
    )  # fmt: skip


def _logs(path: Path) -> bool:
    """Whether a signing configuration names a transparency log."""
    try:
        data = json_text.read(path.read_text(encoding="utf-8"))
        return bool(data.get("rekorTlogUrls"))
    except (OSError, ValueError, AttributeError, RecursionError):
        raise InputError(
            "not a signing configuration of cosign",
            where=str(path),
            remedy="Make one: cosign signing-config create --help",
        ) from None


def sign_command(
    identity: Identity, image: Reference, plain_http: frozenset[str] = frozenset()
) -> list[str]:
    """The command line that signs one digest."""
    key = ["--key", identity.key] if identity.key else []
    config = ["--signing-config", identity.signing_config] if identity.signing_config else []
    plain = _plain(image, plain_http)
    return ["cosign", "sign", "--yes", *key, *config, *plain, str(image)]


def verify_command(
    identity: Identity, image: Reference, plain_http: frozenset[str] = frozenset()
) -> list[str]:
    """The command line that verifies one digest."""
    who = (
        ["--key", identity.public_key]
        if identity.key
        else [
            "--certificate-identity-regexp", identity.certificate_identity,
            "--certificate-oidc-issuer", identity.issuer,
        ]
    )  # fmt: skip
    log = ["--insecure-ignore-tlog=true"] if identity.offline else []
    plain = _plain(image, plain_http)
    return ["cosign", "verify", "--output", "json", *who, *log, *plain, str(image)]


@dataclass
class Cosign:
    """Signs with cosign. Credentials go through a file that only this user reads, never argv.

    Args:
        identity: Who signs.
        credentials: For the registries; none leaves cosign to the user's own Docker login.
        environment: Added to cosign's, such as ``COSIGN_PASSWORD``.
        plain_http: Hosts besides this machine to reach without TLS.
        at_once: Programs running at the same time.
        program: cosign itself: a name on PATH, or a path.
    """

    identity: Identity
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    plain_http: frozenset[str] = frozenset()
    at_once: int = 4
    program: str = "cosign"
    _places: anyio.Semaphore = field(init=False)
    _asking: anyio.Lock = field(init=False, default_factory=anyio.Lock)
    _fits: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """As many places as programs may run."""
        self._places = anyio.Semaphore(self.at_once)

    async def sign(self, images: Sequence[Reference]) -> None:
        """Sign images by digest, index and children alike (cosign's ``--recursive``, one by one).

        Raises:
            LocalaiCiError: one of them has no signature that can be verified.
        """
        for image in images:
            if not image.digest or image.tag:
                raise LocalaiCiError("only a digest can be signed", where=str(image))
        await self.check()
        await run_all(partial(self._one, image) for image in images)

    async def check(self) -> None:
        """Ask cosign once which version it is.

        Raises:
            LocalaiCiError: there is none, or another major version than `COSIGN`: cosign 2 writes
                signatures that the verifiers of cosign 3's bundles do not read.
        """
        async with self._asking:
            if not self._fits:
                told = (await self._run(["cosign", "version", "--json"])).stdout
                _demand_version(told, shutil.which(self.program) or self.program)
                self._fits = True

    async def _one(self, image: Reference) -> None:
        verify = verify_command(self.identity, image, self.plain_http)
        if (await self._run(verify)).returncode == 0:
            return
        signed = await self._run(sign_command(self.identity, image, self.plain_http))
        verified = await self._run(verify)
        if verified.returncode != 0:
            raise LocalaiCiError(
                f"it has no valid signature; signing said: {_last(signed)}; "
                f"verifying said: {_last(verified)}",
                where=str(image),
                remedy="No tag was moved. Fix the signing and run the merge again.",
            )

    async def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        async with self._places:
            return await anyio.to_thread.run_sync(partial(self._start, command))

    def _start(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        with TemporaryDirectory(prefix="localai-ci-") as folder:
            environment = {**os.environ, **self.environment}
            if self.credentials:
                config = Path(folder) / "config.json"
                config.touch(mode=0o600)
                config.write_text(docker_config(self.credentials), encoding="utf-8")
                environment["DOCKER_CONFIG"] = folder
            try:
                return subprocess.run(  # noqa: S603 - the program that the user named, no shell
                    [self.program, *command[1:]], env=environment, check=False, text=True,
                    capture_output=True, stdin=subprocess.DEVNULL, timeout=300,
                )  # fmt: skip
            except FileNotFoundError:
                raise LocalaiCiError("cosign is not installed", remedy=_INSTALL) from None
            except OSError as e:
                raise LocalaiCiError(
                    f"cosign cannot be started: {e.strerror}",
                    where=self.program,
                    remedy="Give cosign for the machine that it runs on (for the function `merge`: "
                    f"for the engine's, Linux). {_INSTALL}",
                ) from None
            except subprocess.TimeoutExpired:
                raise LocalaiCiError(f"cosign {command[1]} took over 300 s") from None


def _demand_version(answer: str, place: str) -> None:
    """Compare what ``cosign version --json`` says with the major version of `COSIGN`."""
    try:
        found = str(json_text.read(answer)["gitVersion"])
    except (ValueError, KeyError, TypeError):
        found = "of an unknown version"
    if found.removeprefix("v").partition(".")[0] != COSIGN[1:].partition(".")[0]:
        raise LocalaiCiError(
            f"this cosign is {found}; this client is written for {COSIGN}, and another major "
            "version writes signatures of another form",
            where=place,
            remedy=_INSTALL,
        )


def _plain(image: Reference, declared: frozenset[str]) -> list[str]:
    return ["--allow-http-registry"] if without_tls(image.repository.host, declared) else []


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
