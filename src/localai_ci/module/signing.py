"""Signing inside the engine: cosign and all it needs come as files and secrets."""

from dataclasses import dataclass
from pathlib import Path

import anyio
from dagger import File, Secret

from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import Registries
from localai_ci.errors import InputError
from localai_ci.oci.credentials import Credential
from localai_ci.oci.login import Login
from localai_ci.release.sign import Cosign, identity
from localai_ci.release.targets import plain_http, targets

_KEY = "LOCALAI_CI_SIGN_KEY"


@dataclass(frozen=True, kw_only=True)
class Signing:
    """What the function ``merge`` was given to sign with; named as the console's options.

    Attributes:
        cosign: The program, for Linux and the engine's architecture: the module's own container
            has none, and fetches none that nobody named.
        sign_key: The private key's text; None signs keyless.
        sign_password: The private key's password.
        identity_token: Keyless: the token of OpenID Connect that says who signs.
        verify_key: The public key.
        verify_identity: Keyless: a regular expression for who signs.
        verify_issuer: Keyless: who vouches for it; empty is GitHub.
        signing_config: cosign's configuration of another Sigstore than the public one.
    """

    cosign: File | None
    sign_key: Secret | None
    sign_password: Secret | None
    identity_token: Secret | None
    verify_key: File | None
    verify_identity: str
    verify_issuer: str
    signing_config: File | None

    async def signer(self, folder: Path, file: Registries, by: Login) -> Cosign:
        """A cosign that signs so. Secrets are in its environment, never in files or arguments.

        Args:
            folder: Empty, of this process alone; holds cosign as long as it is used.
            file: The registries.
            by: Who signs in to them.

        Raises:
            InputError: something is missing.
        """
        if self.cosign is None:
            raise InputError(
                "--sign without --cosign: the module's container has no cosign of its own",
                remedy="Give cosign 3 for Linux and the engine's architecture: "
                "--cosign=$(which cosign)",
            )
        if not (self.sign_key or self.identity_token):
            raise InputError(
                "--sign without --sign-key and without --identity-token: nobody would sign",
                remedy="Give one of them, as a secret: --identity-token=env://SIGSTORE_ID_TOKEN",
            )
        program = await _fetched(self.cosign, folder / "cosign", mode=0o755)
        who = identity(
            f"env://{_KEY}" if self.sign_key else "",
            await _fetched(self.verify_key, folder / "verify.pub"),
            self.verify_identity,
            self.verify_issuer,
            await _fetched(self.signing_config, folder / "signing-config.json"),
        )
        secrets = {
            _KEY: self.sign_key,
            "COSIGN_PASSWORD": self.sign_password,
            "SIGSTORE_ID_TOKEN": None if self.sign_key else self.identity_token,
        }
        return Cosign(
            who,
            await _credentials(file, by),
            # Without a password cosign would ask for one where there is nobody to answer.
            {"COSIGN_PASSWORD": "", "TUF_ROOT": str(folder / "tuf")}
            | {name: await secret.plaintext() for name, secret in secrets.items() if secret},
            plain_http(file) | (_hosts(file) if by.insecure else frozenset()),
            program=program,
        )


def _hosts(file: Registries) -> frozenset[str]:
    return frozenset(one.repository.host for kind in ImageKind for one in targets(file, kind))


async def _fetched(file: File | None, path: Path, mode: int = 0o644) -> str:
    if file is None:
        return ""
    await file.export(str(path))
    await anyio.Path(path).chmod(mode)
    return str(path)


async def _credentials(file: Registries, by: Login) -> dict[str, Credential]:
    """By registry and by repository in it: cosign looks for the longer name first."""
    found: dict[str, Credential] = {}
    for kind in ImageKind:
        for target in targets(file, kind):
            place = target.repository
            if credential := await by.keyring.find(place.registry, place.path):
                found.setdefault(place.registry, credential)
                if found[place.registry] != credential:
                    found[f"{place.registry}/{place.path}"] = credential
    return found
