"""Manifests and indexes by digest and tag, and tags by name.

Every manifest read is hashed and compared with what was asked and what the registry says;
every one written is compared with the digest that the registry answers.
Source: OCI distribution specification 1.1.
"""

from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus

from localai_ci import json_text
from localai_ci.errors import InputError
from localai_ci.oci import limits
from localai_ci.oci.answer import Answer
from localai_ci.oci.descriptor import Descriptor, spelled_plainly
from localai_ci.oci.digest import digest_like, digest_of, is_digest
from localai_ci.oci.errors import DigestError, RegistryError, answered, cut, excerpt
from localai_ci.oci.heads import ask, distrust
from localai_ci.oci.pages import circle, pages
from localai_ci.oci.reference import Reference, Repository, is_tag
from localai_ci.oci.transport import Transport

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_KNOWN = frozenset({OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST})
_NAMES = ("schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations")
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
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
        ValueError: it is not an image manifest.
    """
    try:
        data = json_text.read(manifest.raw)
        config, *layers = (Descriptor.read(part) for part in (data["config"], *data["layers"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("not the manifest of one image") from None
    if not spelled_plainly(data, _NAMES):
        raise ValueError("not the manifest of one image")
    return config, tuple(layers)


async def find(transport: Transport, image: Reference) -> str | None:
    """The digest of an image, or None where there is no such image (HEAD, no pull is counted).

    Where HEAD is not answered, or with something else than a manifest's headers, GET decides.

    Raises:
        DigestError: the registry names another digest than the one asked for.
        RegistryError: it refused, or the retries ended.
    """
    path, host = f"manifests/{image.target}", image.repository.host
    asked = "HEAD"

    async def send(method: str) -> Answer:
        return await transport.once(method, image.repository, path, headers={"Accept": ACCEPT})

    async def attempt(number: int) -> Answer:
        nonlocal asked
        answer, asked = await ask(transport, host, number, send)
        return answer

    answer = await transport.run("HEAD manifest", str(image), attempt)
    if asked == "GET":
        found = _read(answer, image)
        return found.digest if found else None
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    reported = _reported(answer)
    # Some registries refuse HEAD of what is missing (JFrog) or at all, some send no digest with
    # it; and only GET's answer says why.
    like = reported.partition(":")[0] == (image.digest or "sha256:").partition(":")[0]
    if not answer.ok or not (reported and like) or answer.media_type in _PAGES:
        there = await get(transport, image)
        return there.digest if there else None
    if image.digest and reported != image.digest:
        raise DigestError(f"the registry says that this is {reported}", where=str(image))
    return reported


async def head_confirmed(
    transport: Transport, image: Reference, *, missing: bool = False
) -> str | None:
    """As `find`, but that there is no such image must be the answer to HEAD and to GET.

    Args:
        transport: The way out.
        image: Which.
        missing: HEAD has just said that there is none.
    """
    found = None if missing else await find(transport, image)
    if found is None and (there := await get(transport, image)):
        distrust(transport, image.repository.host)
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
    return _read(answer, image)


def _read(answer: Answer, image: Reference) -> Manifest | None:
    """The manifest in an answer to GET."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if not answer.ok:
        raise _refused(answer, "GET manifest", image)
    for expected in (image.digest, _reported(answer)):
        if expected and digest_like(expected, answer.body) != expected:
            raise DigestError(
                f"{cut(expected)} was announced, the bytes are {digest_of(answer.body)}",
                where=str(image),
            )
    return Manifest(answer.body, _media_type(answer, image), answer.headers.get("ETag"))


def _media_type(answer: Answer, image: Reference) -> str:
    """What kind of manifest it is: by its header, else by its own word, else by its fields.

    Raises:
        RegistryError: it is not a manifest at all, or of two kinds at once (CVE-2021-41190).
    """
    try:
        data = json_text.read(answer.body)
    except ValueError:
        data = None
    if isinstance(data, dict) and spelled_plainly(data, _NAMES):
        index, single = "manifests" in data, "layers" in data or "config" in data
        shape = {(True, False): OCI_INDEX, (False, True): OCI_MANIFEST}.get((index, single), "")
        said = data.get("mediaType") or ""
        header = answer.media_type if answer.media_type in _KNOWN else ""
        kind = header or said or shape
        agreed = said in {"", kind} and not (index and single)
        if answer.media_type not in _PAGES and kind in _KNOWN and agreed:
            return kind
    raise RegistryError(
        f"it answered what is not a manifest: {cut(answer.media_type) or 'bytes of no type'} "
        f"({excerpt(answer.body)})",
        where=str(image),
        remedy=f"See what {image.repository.registry} is, or what stands in front of it.",
        status=answer.status,
    )


async def put(
    transport: Transport, image: Reference, manifest: Manifest, *, if_match: str = ""
) -> Answer:
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
            remedy="Fix the caller.",
        )

    headers = {"Content-Type": manifest.media_type}
    if if_match:
        headers["If-Match"] = if_match

    async def attempt(number: int) -> Answer:
        if number:
            there = await _peek(transport, image)
            if there.ok and _reported(there) == manifest.digest:
                return there
        return await transport.once(
            "PUT", image.repository, f"manifests/{image.target}", push=True,
            content=manifest.raw, headers=headers,
        )  # fmt: skip

    answer = await transport.run("PUT manifest", str(image), attempt)
    if not answer.ok:
        there = await find(transport, image) if answer.status in _IMMUTABLE else None
        if there != manifest.digest:
            raise _refused(answer, "PUT manifest", image)
    reported = _reported(answer)
    if answer.ok and reported and reported != digest_like(reported, manifest.raw):
        raise DigestError(
            f"{manifest.digest} was written, the registry says {reported}", where=str(image)
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
    if answer.status == HTTPStatus.NOT_FOUND:
        return False
    if answer.status in _NO_TAG_DELETE:
        refused = _refused(answer, "DELETE tag", image)
        raise NoTagDeleteError(
            f"this registry deletes no tags by name; {refused.what}",
            where=str(image),
            remedy="Delete it in the registry's own way. Never by digest: that deletes the image.",
            status=refused.status,
            codes=refused.codes,
        )
    if not answer.ok:
        raise _refused(answer, "DELETE tag", image)
    return True


async def list_tags(transport: Transport, repository: Repository, page: int = 1000) -> list[str]:
    """All tags of a repository, page by page; empty where the repository does not exist."""
    found: dict[str, None] = {}
    async with aclosing(pages(transport, repository, f"tags/list?n={page}", "list tags")) as all_:
        async for answer in all_:
            if answer.status == HTTPStatus.NOT_FOUND:
                break
            if not answer.ok:
                raise _refused(answer, "list tags", Reference(repository))
            names, known = _tags_of(answer, repository), len(found)
            found |= dict.fromkeys(names)
            if not names:  # some name a next page even after the last one
                break
            if len(found) > limits.TAGS:
                raise RegistryError(
                    f"it has more than {limits.TAGS} tags",
                    where=str(repository),
                    remedy="Collect old ones: localai-ci gc.",
                )
            if len(found) == known:
                raise circle(repository, "list tags")
    return list(found)


_NO_TAG_DELETE = {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
_IMMUTABLE = {
    HTTPStatus.BAD_REQUEST,  # ECR
    HTTPStatus.FORBIDDEN,  # Docker Hub, JFrog
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.CONFLICT,  # quay
    HTTPStatus.PRECONDITION_FAILED,  # Harbor
}
"""How registries refuse to write a tag again, even with the image that it has."""


def _reported(answer: Answer) -> str:
    """The digest that an answer names; nothing where it names none that is one."""
    reported = answer.headers.get("Docker-Content-Digest").strip().strip('"')
    return reported if is_digest(reported) else ""


def _tags_of(answer: Answer, repository: Repository) -> list[str]:
    try:
        names = json_text.read(answer.body)["tags"] or []
    except (ValueError, KeyError, TypeError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RegistryError(
            f"what it answered is not a list of tags ({excerpt(answer.body)})",
            where=str(repository),
            remedy="See whether this address is a registry, and run it again.",
        )
    return [name for name in names if is_tag(name)]  # what is none can neither be read nor moved


async def _peek(transport: Transport, image: Reference) -> Answer:
    path = f"manifests/{image.target}"
    return await transport.once("HEAD", image.repository, path, headers={"Accept": ACCEPT})


def _refused(answer: Answer, doing: str, image: Reference) -> RegistryError:
    return answered(
        answer.status, answer.body,
        doing=doing, where=str(image), host=image.repository.registry,
    )  # fmt: skip
