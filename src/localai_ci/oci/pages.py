"""Lists that come in pages, each naming the next: new every time, of the registry, and bounded."""

import re
from collections.abc import AsyncGenerator

from localai_ci.oci import address, limits
from localai_ci.oci.answer import Answer
from localai_ci.oci.errors import RegistryError, cut
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport

# Read from left to right, once: each takes what it takes for good.
_GAP = re.compile(r"[\s,]*+")
_TARGET = re.compile(r"<([^>]*+)>?|([^\s<>;,]++)")
_PARAMETER = re.compile(r"\s*+;\s*+([^\s=;,\"]*+)\s*+(?:=\s*+(?:\"([^\"]*+)\"?|([^\s;,\"]*+)))?+")


async def pages(
    transport: Transport, repository: Repository, first: str, doing: str
) -> AsyncGenerator[Answer]:
    """The answers of all pages of a list; what is not a success is the last one.

    Args:
        transport: The way out.
        repository: Whose list.
        first: The first page, below the repository.
        doing: ``list tags``, for errors.

    Raises:
        RegistryError: a page names one that was there before or another host's, or there are too
            many.
    """
    path, seen = first, set[str]()
    while path not in seen:
        seen.add(path)
        if len(seen) > limits.PAGES:
            raise _unreadable(repository, f"{doing}: more than {limits.PAGES} pages")
        answer = await transport.send("GET", repository, path, doing=doing)
        yield answer
        following = next_page(answer.headers.get("Link")) if answer.ok else None
        if following is None:
            return
        path = transport.follow(repository, answer, following)
        if address.origin(path) != address.origin(transport.base(repository)):
            raise _unreadable(
                repository, f"{doing}: it goes on at another host: {cut(address.shown(path))}"
            )
    raise circle(repository, doing)


def circle(repository: Repository, doing: str) -> RegistryError:
    """A list that never ends."""
    return _unreadable(repository, f"{doing}: its pages go round in a circle")


def next_page(link: str) -> str | None:
    """The address of ``rel="next"`` in a ``Link`` header, or None (RFC 8288).

    Some registries leave out the angle brackets, or the quotes.
    """
    at, end = 0, len(link)
    while (at := _after(_GAP, link, at)) < end:
        target = _TARGET.match(link, at)
        if target is None:
            at += 1
            continue
        at = target.end()
        while parameter := _PARAMETER.match(link, at):
            name, value, bare = parameter.groups(default="")
            if name.lower() == "rel" and "next" in (value or bare).lower().split():
                return target[1] or target[2] or ""
            at = parameter.end()
    return None


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _unreadable(repository: Repository, what: str) -> RegistryError:
    return RegistryError(
        what, where=str(repository), remedy="Tell those who run it: no client can read it whole."
    )
