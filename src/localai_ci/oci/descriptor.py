"""What names content anywhere in OCI: in manifests, indexes, lists of referrers, receipts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localai_ci.oci.digest import digest_of

BYTES = "application/octet-stream"
"""The media type of content of which nothing more is known."""


@dataclass(frozen=True)
class Descriptor:
    """Content by its media type, its digest and its size in bytes."""

    media_type: str
    digest: str
    size: int

    @classmethod
    def of(cls, data: bytes, media_type: str = BYTES) -> "Descriptor":
        """That of bytes."""
        return cls(media_type, digest_of(data), len(data))

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Descriptor":
        """From JSON of the specification; what else stands there is passed over.

        Raises:
            KeyError: a field is missing.
            TypeError: one is of another kind.
        """
        media_type, digest, size = said["mediaType"], said["digest"], said["size"]
        if not (isinstance(media_type, str) and isinstance(digest, str) and type(size) is int):
            raise TypeError("not a descriptor")
        return cls(media_type, digest, size)

    def as_json(self) -> dict[str, Any]:
        """As the specification writes it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
