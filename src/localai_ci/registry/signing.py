"""Signing with cosign, its own program: by digest, with all children, and verified.

Signatures are OCI 1.1 referrers (sigstore bundles, cosign's default since version 3). What is
verified already is not signed again, so a rerun writes nothing. The password of a key comes from
cosign's own environment (``COSIGN_PASSWORD``), registry passwords by a file that is deleted:
never by an argument.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.registry import referrers
from localai_ci.registry.credentials import Credential, Keyring, docker_config
from localai_ci.registry.reference import Reference
from localai_ci.registry.transport import Transport

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
GITHUB = "https://token.actions.githubusercontent.com"
MAJOR = 3
"""The version of cosign whose signatures are bundles; older ones write what few can verify."""

_NO_LOG = '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}'
_AT_ONCE = 4  # each is a process of its own
_TOLD = 3  # lines of cosign's own words in an error


@dataclass(frozen=True)
class Signing:
    """Who signs, and who must have signed.

    Args:
        key: A key's file, ``env://NAME`` or KMS address; empty signs keyless, as the workflow.
        public_key: What verifies it: a file, ``env://NAME`` or KMS address.
        identity: Keyless: a regular expression for the certificate's whole identity.
        issuer: Keyless: who vouches for the identity.
        log: Write to the public transparency log. Without it only a key can be verified.
    """

    key: str = ""
    public_key: str = ""
    identity: str = ""
    issuer: str = GITHUB
    log: bool = True

    def __post_init__(self) -> None:
        """Refuse what nobody could verify."""
        if bool(self.key) == bool(self.identity) or bool(self.key) != bool(self.public_key):
            raise InputError(
                "signing needs a key with its public key, or else an identity",
                remedy="Give --sign-key and --verify-key, or --sign-keyless.",
            )

    def sign(self, image: str) -> list[str]:
        """Cosign's arguments to sign an index and its children; ``SIGNING_CONFIG`` is a file."""
        key = ["--key", self.key] if self.key else []
        log = [] if self.log else ["--signing-config", "SIGNING_CONFIG"]
        return ["sign", "--yes", "--recursive", *key, *log, image]

    def verify(self, images: Sequence[str]) -> list[str]:
        """Cosign's arguments to verify each image by itself."""
        who = (
            ["--key", self.public_key]
            if self.key
            else [
                "--certificate-identity-regexp", self.identity,
                "--certificate-oidc-issuer", self.issuer,
            ]
        )  # fmt: skip
        log = [] if self.log else ["--insecure-ignore-tlog"]
        return ["verify", *who, *log, *images]


@dataclass
class Cosign:
    """Signs with cosign.

    Args:
        transport: To see what is signed already.
        keyring: Where cosign's registry passwords are found.
        signing: Who signs.
        program: The program.
        looks: Seconds before each look: Docker Hub shows signatures a little late (cairn#86).
    """

    transport: Transport
    keyring: Keyring
    signing: Signing
    program: str = "cosign"
    looks: Sequence[float] = (0.0, 1.0, 5.0, 15.0)
    _places: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_AT_ONCE))
    _checked: bool = False

    async def sign(self, images: Sequence[Reference]) -> None:
        """Sign an index and its children, unless all of them are; then verify each.

        Args:
            images: The index first, then its children, by digest, of one repository.

        Raises:
            LocalaiCiError: cosign is missing or too old, failed, or there is no signature after.
        """
        async with self._places:
            await self._check_version()
            credential = await self.keyring.find(images[0].repository.registry)
            credentials = {images[0].repository.registry: credential} if credential else {}
            with _folder(credentials) as folder:
                if await self._has_bundles(images) and not await self._fault(images, folder):
                    return
                command = self.signing.sign(str(images[0]))
                if fault := await self._run(command, images[0], folder):
                    raise LocalaiCiError(f"cosign could not sign it: {fault}", where=str(images[0]))
                for pause in self.looks:
                    await anyio.sleep(pause)
                    if not (fault := await self._fault(images, folder)):
                        return
        raise LocalaiCiError(
            f"it was signed, but the signature does not verify: {fault}",
            where=str(images[0]),
            remedy="No tag was moved. See who signed it, then merge again.",
        )

    async def _has_bundles(self, images: Sequence[Reference]) -> bool:
        """Whether a look at the signatures is worth a process."""
        for image in images:
            if not await referrers.find(self.transport, image, BUNDLE):
                return False
        return True

    async def _fault(self, images: Sequence[Reference], folder: Path) -> str:
        return await self._run(self.signing.verify([*map(str, images)]), images[0], folder)

    async def _run(self, arguments: Sequence[str], image: Reference, folder: Path) -> str:
        """Run it; returns why it failed, or nothing."""
        plain = self.transport.base(image.repository).startswith("http://")
        files = {"SIGNING_CONFIG": str(folder / "signing.json")}
        done = await anyio.run_process(
            [
                self.program,
                *(files.get(argument, argument) for argument in arguments),
                *(["--allow-http-registry"] if plain else []),
            ],
            env=os.environ | {"DOCKER_CONFIG": str(folder)},
            check=False,
        )
        if done.returncode == 0:
            return ""
        lines = done.stderr.decode(errors="replace").splitlines()
        told = [line for line in lines if line.strip() and not line.startswith("WARNING")]
        return "; ".join(dict.fromkeys(told[-_TOLD:])) or f"exit code {done.returncode}"

    async def _check_version(self) -> None:
        if self._checked:
            return
        if shutil.which(self.program) is None:
            raise LocalaiCiError(
                f"there is no program {self.program}",
                remedy=f"Install cosign {MAJOR}: go install github.com/sigstore/cosign/"
                f"v{MAJOR}/cmd/cosign@latest",
            )
        done = await anyio.run_process([self.program, "version"], check=False)
        found = re.search(r"GitVersion:\s*v?((\d+)\.\S+)", done.stdout.decode(errors="replace"))
        # A build from a checkout calls itself "devel": it cannot be judged.
        if found and int(found[2]) < MAJOR:
            raise LocalaiCiError(
                f"cosign {found[1]} writes signatures that LocalAI cannot verify",
                remedy=f"Install cosign {MAJOR} or newer.",
            )
        self._checked = True


@contextmanager
def _folder(credentials: dict[str, Credential]) -> Iterator[Path]:
    """What cosign reads from files, for its own eyes and for as long as it runs."""
    with TemporaryDirectory(prefix="localai-ci-cosign-") as name:  # mode 0700
        folder = Path(name)
        (folder / "config.json").write_text(docker_config(credentials))
        (folder / "signing.json").write_text(_NO_LOG)
        yield folder
