"""Push a container from the engine, signed in as our own client is. The one way to push here."""

from dagger import Container, ImageLayerCompression, ImageMediaTypes, dag

from localai_ci.oci.login import Login
from localai_ci.oci.reference import Reference


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
