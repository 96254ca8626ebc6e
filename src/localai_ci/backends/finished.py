"""Images that were made of the very same inputs before: not built, but taken."""

from dagger import Container, Platform, dag

from localai_ci.backends.base_choice import ask
from localai_ci.bases.push import signed_in
from localai_ci.names import input_tag
from localai_ci.oci.login import Login
from localai_ci.oci.reference import Repository
from localai_ci.text import say


async def find(
    images: str, inputs: str, suffix: str, arch: str, by: Login
) -> tuple[str, Container] | None:
    """Where such an image is, and the image; None where the repository does not have it.

    Args:
        images: The repository; empty asks nobody.
        inputs: Hash of all that goes into it.
        suffix: The image's suffix.
        arch: The leg's architecture.
        by: How the registry is reached.
    """
    if not images:
        return None
    image = Repository.parse(images).at(input_tag(inputs, suffix, arch))
    digest, said = await ask(image, by)
    say(f"finished image: {said}")
    if not digest:
        return None
    empty = dag.container(platform=Platform(f"linux/{arch}"))
    ready = await signed_in(empty, image.repository.registry, by)
    return str(image), ready.from_(str(image))
