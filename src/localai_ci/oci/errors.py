"""What a registry answered that cannot be gone on with."""

import http.client
import json
from collections.abc import Mapping
from http import HTTPStatus

from localai_ci.errors import LocalaiCiError

_REMEDIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Sign in first: docker login {host}",
    HTTPStatus.FORBIDDEN: "The credential for {host} lacks this right.",
}


class RegistryError(LocalaiCiError):
    """A request that failed for good.

    Args:
        what: The fault.
        where: The image or URL it was about.
        remedy: What to do next.
        status: The HTTP status of the last answer, 0 where none came.
        codes: The error codes of the distribution specification in that answer.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        status: int = 0,
        codes: tuple[str, ...] = (),
    ) -> None:
        """Keep status and codes for those who decide by them."""
        super().__init__(what, where=where, remedy=remedy)
        self.status = status
        self.codes = codes


class DigestError(RegistryError):
    """Bytes that are not what their digest says. Never retried: somebody lies."""


def answered(status: int, body: bytes, *, doing: str, where: str, host: str) -> RegistryError:
    """The error for an answer that is no success.

    Args:
        status: HTTP status.
        body: The answer's body: the specification's JSON, or anything else.
        doing: What was asked, such as ``PUT manifest``.
        where: The image or URL.
        host: The registry, for the remedy.
    """
    faults = _faults(body)
    told = "; ".join(f"{code}: {message}" if message else code for code, message in faults)
    if not faults:
        told = " ".join(body[:200].decode(errors="replace").split())
    phrase = http.client.responses.get(status, "")
    return RegistryError(
        f"{doing}: the registry answered {status} {phrase}".rstrip()
        + (f" ({told})" if told else ""),
        where=where,
        remedy=_REMEDIES.get(status, "").format(host=host),
        status=status,
        codes=tuple(code for code, _ in faults),
    )


def _faults(body: bytes) -> list[tuple[str, str]]:
    try:
        errors = json.loads(body)["errors"]
        return [
            (str(fault.get("code", "")), str(fault.get("message", "")))
            for fault in errors
            if isinstance(fault, Mapping)
        ]
    except (ValueError, KeyError, TypeError):
        return []
