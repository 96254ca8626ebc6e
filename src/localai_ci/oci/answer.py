"""What came back from one request, whichever library carried it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


class Headers(dict[str, str]):
    """Headers by name, whatever its case; several of one name are one, joined by commas."""

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        """Take them as they came."""
        super().__init__()
        for name, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
            known = name.lower()
            dict.__setitem__(self, known, f"{self[known]}, {value}" if known in self else value)

    def __getitem__(self, name: str) -> str:
        """As in any mapping."""
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        """As in any mapping."""
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """The value, or nothing: an empty header says as much as none."""
        return super().get(name.lower(), default)


@dataclass(frozen=True)
class Answer:
    """An answer, read whole.

    Attributes:
        status: HTTP status.
        headers: By name.
        body: Its bytes as they came; never decoded.
        url: What was asked in the end, after redirects.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    url: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is a success."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def media_type(self) -> str:
        """``Content-Type`` without its parameters, in lower case."""
        return self.headers.get("Content-Type").partition(";")[0].strip().lower()


class WireError(Exception):
    """A request that got no whole answer: it may do better later.

    Args:
        what: The reason.
        host: With which host (and port).
    """

    def __init__(self, what: str, host: str) -> None:
        """Keep whose fault it is."""
        super().__init__(what)
        self.host = host


class UnusableError(WireError):
    """An answer, or an address, that will be no better at the next try."""
