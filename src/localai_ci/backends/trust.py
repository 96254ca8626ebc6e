"""Whose code a build runs: caches that one domain writes are read by it, or by the less trusted.

A pull request decides what its build writes into a cache. So no release reads what a pull request
has written, neither from a registry nor from a volume of an engine that both are built on.
"""

from localai_ci.errors import InputError

RELEASE = "release"
PULL_REQUEST = "pull-request"
DOMAINS = (RELEASE, PULL_REQUEST)


def domain(text: str, default: str) -> str:
    """The trust domain that a user names, or the one of the call where none is named. Pure.

    Raises:
        InputError: there is none of that name.
    """
    named = text or default
    if named not in DOMAINS:
        raise InputError(
            f"there is no trust domain {named!r}",
            where="--trust",
            remedy=f"Use one of: {', '.join(DOMAINS)}.",
        )
    return named
