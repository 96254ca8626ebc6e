"""Push a container from the engine, signed in as our own client is. The one way to push here."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dagger import Container, File, ImageLayerCompression, ImageMediaTypes, Secret, dag

from localai_ci.matrix.registries import Registries, registries
from localai_ci.matrix.yamlfile import load
from localai_ci.registry.backoff import Policy
from localai_ci.registry.credentials import Keyring
from localai_ci.registry.reference import Reference, Repository
from localai_ci.registry.transport import Transport


@dataclass(frozen=True)
class Login:
    """How the registries of one call are reached, by the engine and by our own client.

    Attributes:
        keyring: Credentials.
        insecure: Without TLS: test registries.
        plain_http: Hosts that are reached without TLS in any case.
    """

    keyring: Keyring
    insecure: bool
    plain_http: frozenset[str] = frozenset()

    def transport(self, targets: Sequence[Repository], policy: Policy | None = None) -> Transport:
        """Our client."""
        plain = frozenset(target.host for target in targets) if self.insecure else frozenset()
        return Transport(self.keyring, policy=policy, plain_http=plain | self.plain_http)


ANONYMOUS = Login(Keyring({}), insecure=False)
"""Nobody, over TLS."""


async def login(docker_config: Secret | None, *, insecure: bool) -> Login:
    """Credentials from the text of a Docker ``config.json``; none means anonymous."""
    text = await docker_config.plaintext() if docker_config else "{}"
    return Login(Keyring.of_config(text), insecure)


async def signed_in(container: Container, registry: str, by: Login) -> Container:
    """The container, which may now pull from a registry or push to it."""
    if credential := await by.keyring.find(registry):
        secret = dag.set_secret(f"password of {registry}", credential.secret)
        container = container.with_registry_auth(registry, credential.username, secret)
    return container


async def push(container: Container, target: Reference, by: Login) -> None:
    """One OCI manifest under a tag, its compression said: no default decides its digest."""
    container = await signed_in(container, target.repository.registry, by)
    await container.publish(
        str(target),
        forced_compression=ImageLayerCompression.Gzip,
        media_types=ImageMediaTypes.OCIMediaTypes,
    )


async def read_registries(file: File | None) -> Registries:
    """The given registries.yaml, else the module's own.

    Raises:
        InputError: the file is at fault, with its line.
    """
    if file is None:
        return registries()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registries.yaml"
        path.write_text(await file.contents())
        return load(path, Registries)[0]
