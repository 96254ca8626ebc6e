"""What a registry answered that cannot be gone on with."""

from collections.abc import Mapping
from http import HTTPStatus

from localai_ci import json_text
from localai_ci.errors import LocalaiCiError
from localai_ci.oci import limits
from localai_ci.oci.retry import phrase
from localai_ci.text import cut as cut_at

_REMEDIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Sign in first: docker login {host}",
    HTTPStatus.FORBIDDEN: "The credential for {host} lacks this right.",
}
_FAULTS = 3  # of one answer that are repeated
AGAIN = "Run it again when the registry is well: what is done stays done."


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


class HostDownError(RegistryError):
    """A host that has failed as a whole: it is not asked at all for a while."""


class DigestError(RegistryError):
    """Bytes that are not what their digest says. Never retried: somebody lies."""


def answered(status: int, body: bytes, *, doing: str, where: str, host: str) -> RegistryError:
    """The error for an answer that is not a success.

    Args:
        status: HTTP status.
        body: The answer's body: the specification's JSON, or anything else.
        doing: What was asked, such as ``PUT manifest``.
        where: The image or URL.
        host: The registry, for the remedy.
    """
    faults = _faults(body)
    listed = "; ".join(f"{code}: {message}" if message else code for code, message in faults)
    said = cut(listed) if faults else excerpt(body)
    return RegistryError(
        f"{doing}: the registry answered {phrase(status)}" + (f" ({said})" if said else ""),
        where=where,
        remedy=_REMEDIES.get(status, "").format(host=host),
        status=status,
        codes=tuple(code for code, _ in faults),
    )


def excerpt(body: bytes) -> str:
    """The beginning of an answer, for an error."""
    return cut(" ".join(body[: 4 * limits.TOLD].decode(errors="replace").split()))


def cut(text: str) -> str:
    """What somebody else wrote, printable and short."""
    return cut_at(text, limits.TOLD)


def _faults(body: bytes) -> list[tuple[str, str]]:
    try:
        errors = json_text.read(body)["errors"]
        return [
            (cut(str(fault.get("code") or "")), str(fault.get("message") or ""))
            for fault in errors[:_FAULTS]
            if isinstance(fault, Mapping)
        ]
    except (ValueError, KeyError, TypeError):
        return []
