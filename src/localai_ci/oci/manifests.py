"""Manifests and indexes by digest and tag, and tags by name.

Every manifest read is hashed and compared with what was asked and what the registry says;
every one written is compared with the digest that the registry answers.
Source: OCI distribution specification 1.1.
"""

import json
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from localai_ci.errors import InputError
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.digest import digest_like, digest_of, is_digest
from localai_ci.oci.errors import DigestError, RegistryError, answered
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPT = f"{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"


class NoTagDeleteError(RegistryError):
    """A registry that has no deletion of tags by name."""


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, as its exact bytes; ``etag`` is what the registry calls them."""

    raw: bytes
    media_type: str
    etag: str = field(default="", compare=False)

    @property
    def digest(self) -> str:
        """``sha256:…`` of the bytes."""
        return digest_of(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        """What names these bytes elsewhere."""
        return Descriptor(self.media_type, self.digest, len(self.raw))


def parts(manifest: Manifest) -> tuple[Descriptor, tuple[Descriptor, ...]]:
    """The configuration and the layers of an image manifest.

    Raises:
        ValueError: it is no image manifest.
    """
    try:
        data = json.loads(manifest.raw)
        config, *layers = (Descriptor.read(part) for part in (data["config"], *data["layers"]))
    except (ValueError, KeyError, TypeError):
        raise ValueError("not the manifest of one image") from None
    return config, tuple(layers)


async def find(transport: Transport, image: Reference) -> str | None:
    """The digest of an image, or None where there is no such image (HEAD, no pull is counted).

    Raises:
        DigestError: the registry names another digest than the one asked for.
        RegistryError: it refused, or the retries ended.
    """
    path = f"manifests/{image.target}"
    answer = await transport.send(
        "HEAD", image.repository, path, doing="HEAD manifest", headers={"Accept": ACCEPT}
    )
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    told = str(answer.headers.get("Docker-Content-Digest", ""))
    # Some registries forbid HEAD of what is missing (JFrog), some send no digest with it.
    if answer.status_code == HTTPStatus.FORBIDDEN or (answer.is_success and not is_digest(told)):
        found = await get(transport, image)
        return found.digest if found else None
    if not answer.is_success:
        raise _refused(answer, "HEAD manifest", image)
    if image.digest and told != image.digest:
        raise DigestError(f"the registry says that this is {told}", where=str(image))
    return told


async def head_confirmed(transport: Transport, image: Reference) -> str | None:
    """As `find`, but that there is no such image must be the answer to HEAD and to GET."""
    found = await find(transport, image)
    if found is None and (there := await get(transport, image)):
        return there.digest
    return found


async def get_existing(transport: Transport, image: Reference) -> Manifest:
    """As `get`, for an image that must be there."""
    found = await get(transport, image)
    if found is None:
        raise RegistryError("there is no such image", where=str(image), status=HTTPStatus.NOT_FOUND)
    return found


async def get(transport: Transport, image: Reference) -> Manifest | None:
    """Read a manifest and check its bytes; None where there is no such image.

    Raises:
        DigestError: the bytes are not those of the digest asked for or announced.
        RegistryError: refused, or the retries ended.
    """
    path = f"manifests/{image.target}"
    answer = await transport.send(
        "GET", image.repository, path, doing="GET manifest", headers={"Accept": ACCEPT}
    )
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    if not answer.is_success:
        raise _refused(answer, "GET manifest", image)
    found = Manifest(
        answer.content,
        answer.headers.get("Content-Type", "").partition(";")[0],
        answer.headers.get("ETag", ""),
    )
    told = answer.headers.get("Docker-Content-Digest", "")
    for expected in (image.digest, told):
        if expected and digest_like(expected, found.raw) != expected:
            raise DigestError(
                f"{expected} was announced, the bytes are {found.digest}", where=str(image)
            )
    return found


async def put(
    transport: Transport, image: Reference, manifest: Manifest, *, if_match: str = ""
) -> httpx.Response:
    """Write a manifest under a tag or its digest.

    After a lost answer, and after a refusal (an immutable tag), what the registry has decides:
    if it is this manifest, that is success.

    Args:
        transport: The way out.
        image: Where to.
        manifest: What.
        if_match: Only if the tag still has this ETag, where the registry minds it.

    Returns:
        The registry's answer, for its headers.

    Raises:
        DigestError: the registry took it for another digest.
        RegistryError: refused, or the retries ended.
    """
    if image.digest and image.digest != manifest.digest:
        raise InputError(
            f"the manifest to write is {manifest.digest}",
            where=str(image),
            remedy="Correct the caller.",
        )

    headers = {"Content-Type": manifest.media_type}
    if if_match:
        headers["If-Match"] = if_match

    async def attempt(number: int) -> httpx.Response:
        if number:
            there = await _peek(transport, image)
            if there.headers.get("Docker-Content-Digest") == manifest.digest:
                return there
        return await transport.once(
            "PUT", image.repository, f"manifests/{image.target}", push=True,
            content=manifest.raw, headers=headers,
        )  # fmt: skip

    answer = await transport.run(image.repository.host, "PUT manifest", str(image), attempt)
    if not answer.is_success:
        there = await find(transport, image) if answer.status_code in _IMMUTABLE else None
        if there != manifest.digest:
            raise _refused(answer, "PUT manifest", image)
    told = answer.headers.get("Docker-Content-Digest", manifest.digest)
    if answer.is_success and told != manifest.digest:
        raise DigestError(
            f"{manifest.digest} was written, the registry says {told}", where=str(image)
        )
    return answer


async def delete_tag(transport: Transport, image: Reference) -> bool:
    """Delete a tag by its name. Never by digest: that takes every tag of the image along.

    Returns:
        Whether there was one.

    Raises:
        NoTagDeleteError: the registry cannot do this.
        RegistryError: it refused.
    """
    if image.digest or not image.tag:
        raise InputError("only a tag can be deleted", where=str(image), remedy="Name the tag.")
    path = f"manifests/{image.tag}"
    answer = await transport.send("DELETE", image.repository, path, doing="DELETE tag", push=True)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return False
    if answer.status_code in _NO_TAG_DELETE:
        refused = _refused(answer, "DELETE tag", image)
        raise NoTagDeleteError(
            f"this registry deletes no tags by name; {refused.what}",
            where=str(image),
            remedy="Delete it in the registry's own way. Never by digest: that deletes the image.",
            status=refused.status,
            codes=refused.codes,
        )
    if not answer.is_success:
        raise _refused(answer, "DELETE tag", image)
    return True


async def list_tags(transport: Transport, repository: Repository, page: int = 1000) -> list[str]:
    """All tags of a repository, page by page; empty where the repository does not exist."""
    found: list[str] = []
    path = f"tags/list?n={page}"
    while path:
        answer = await transport.send("GET", repository, path, doing="list tags")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return found
        if not answer.is_success:
            raise _refused(answer, "list tags", Reference(repository))
        found += _tags_of(answer, repository)
        following = answer.links.get("next", {}).get("url", "")
        path = transport.url(repository, following) if following else ""
    return found


_NO_TAG_DELETE = {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
_IMMUTABLE = {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.METHOD_NOT_ALLOWED}


def _tags_of(answer: httpx.Response, repository: Repository) -> list[str]:
    try:
        return [str(name) for name in answer.json()["tags"] or []]
    except (ValueError, KeyError, TypeError):
        raise RegistryError(
            "what it answered is no list of tags",
            where=str(repository),
            remedy="See whether this address is a registry, and run it again.",
        ) from None


async def _peek(transport: Transport, image: Reference) -> httpx.Response:
    path = f"manifests/{image.target}"
    return await transport.once("HEAD", image.repository, path, headers={"Accept": ACCEPT})


def _refused(answer: httpx.Response, doing: str, image: Reference) -> RegistryError:
    return answered(
        answer.status_code, answer.content,
        doing=doing, where=str(image), host=image.repository.registry,
    )  # fmt: skip
