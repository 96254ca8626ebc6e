"""Image references: what a user types, and the repository it means.

Source: the grammar of github.com/distribution/reference, with Docker's two conveniences
(no host means docker.io, and one word there means library/).
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from urllib.parse import urlsplit

from localai_ci.errors import InputError
from localai_ci.oci import address
from localai_ci.oci.digest import is_digest
from localai_ci.text import quoted

_PATH = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
)
HUB_HOST = "registry-1.docker.io"
"""What answers Docker Hub's API; users write ``docker.io``."""
HUB_NAMES = frozenset({"docker.io", "index.docker.io", HUB_HOST, "registry.hub.docker.com"})
"""Docker Hub, as tools and users write it."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def is_tag(text: str) -> bool:
    """Whether ``text`` is a tag: at most 128 of ``A-Za-z0-9._-``, not led by ``.`` or ``-``."""
    return _TAG.fullmatch(text) is not None


@dataclass(frozen=True, order=True)
class Repository:
    """One repository of one registry, in its full form.

    Args:
        registry: Host and optional port as users write it, ``docker.io`` for Docker Hub.
        path: The name inside the registry, in lower case, ``library/`` written out.
    """

    registry: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """Read a repository; a tag or a digest in it is an error.

        Raises:
            InputError: not a repository.
        """
        reference = Reference.parse(text)
        if reference.tag or reference.digest:
            raise InputError(
                f"{quoted(text, 200)} names one image; a repository is expected here",
                remedy=f"Write {str(reference.repository)!r}.",
            )
        return reference.repository

    @property
    def host(self) -> str:
        """Host and port that answer the API: Docker Hub's is another than its name."""
        return HUB_HOST if self.registry == "docker.io" else self.registry

    def at(self, tag_or_digest: str) -> "Reference":
        """The image of this repository under a tag or a digest.

        Raises:
            InputError: neither of the two.
        """
        if is_digest(tag_or_digest):
            return Reference(self, digest=tag_or_digest)
        if is_tag(tag_or_digest):
            return Reference(self, tag=tag_or_digest)
        raise InputError(
            f"{quoted(tag_or_digest)} is neither a tag nor a digest",
            where=str(self),
            remedy="A tag has at most 128 of A-Za-z0-9._- and starts with none of .-",
        )

    def __str__(self) -> str:
        """``registry/path``."""
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True, order=True)
class Reference:
    """An image: a repository with a tag, a digest, both, or neither (the repository alone)."""

    repository: Repository
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read ``[host[:port]/]path[:tag][@digest]``.

        Raises:
            InputError: not of that form; the message says which part.
        """
        return _parse(text)

    @classmethod
    def _parse(cls, text: str) -> "Reference":
        name, _, digest = text.partition("@")
        head, slash, last = name.rpartition("/")
        last, _, tag = last.partition(":")
        first, _, rest = (head + slash + last).partition("/")
        if rest and (first == "localhost" or any(mark in first for mark in ".:[")):
            registry, path = first, rest
        else:
            registry, path = "docker.io", head + slash + last
        if registry in HUB_NAMES:
            registry = "docker.io"
        if registry == "docker.io" and "/" not in path:
            path = f"library/{path}"
        faults = {
            f"the registry {quoted(registry)} is not a host": not _is_host(registry),
            f"the name {quoted(path)} has other than a-z, 0-9 and separators": not _PATH.fullmatch(
                path
            ),
            f"the tag {quoted(tag)} is not one": (tag or name.endswith(":")) and not is_tag(tag),
            f"the digest {quoted(digest)} is not one": "@" in text and not is_digest(digest),
        }
        for fault, found in faults.items():
            if found:
                raise InputError(
                    f"not an image reference: {fault}",
                    where=quoted(text, 200),
                    remedy="The form is host/path:tag or host/path@sha256:<64 hex digits>.",
                )
        return cls(Repository(registry, path), tag=tag, digest=digest)

    @property
    def target(self) -> str:
        """What a registry is asked for: the digest, else the tag, else ``latest``."""
        return self.digest or self.tag or "latest"

    def pinned(self, digest: str) -> "Reference":
        """The same image by digest alone."""
        return replace(self, tag="", digest=digest)

    def __str__(self) -> str:
        """The full form, which `parse` reads back to the same value."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def _is_host(registry: str) -> bool:
    try:
        return bool(_HOST.fullmatch(registry)) and bool(address.origin(f"https://{registry}"))
    except ValueError:
        return False


@lru_cache(8192)  # a merge reads the same tags again and again
def _parse(text: str) -> Reference:
    return Reference._parse(text)  # noqa: SLF001 - the same class


@cache  # asked for every request, of a few hosts
def without_tls(host: str, declared: frozenset[str] = frozenset()) -> bool:
    """Whether ``host`` (with its port, if it has one) is reached by plain HTTP.

    So is this machine, where that is safe, and what is declared so.
    """
    return host in declared or urlsplit(f"//{host}").hostname in _LOOPBACK
