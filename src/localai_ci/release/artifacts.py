"""Documents kept in a registry: a manifest whose one layer is the document.

The same document gives the same bytes everywhere. Source: OCI image specification 1.1, "Guidelines
for Artifact Usage".
"""

import json
from collections.abc import Mapping
from typing import Any

from localai_ci.oci import blobs
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.manifests import OCI_MANIFEST, Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport

_EMPTY = "application/vnd.oci.empty.v1+json"
_NOTHING = b"{}"


def manifest(
    kind: str, document: bytes, annotations: Mapping[str, str], subject: Manifest | None = None
) -> Manifest:
    """The manifest that carries a document.

    Args:
        kind: Media type of the document, and of the artifact.
        document: Its bytes.
        annotations: What is said of it.
        subject: What it is about, where it shall be listed among its referrers.
    """
    data: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": Descriptor.of(_NOTHING, _EMPTY).as_json(),
        "layers": [Descriptor.of(document, kind).as_json()],
        "annotations": dict(annotations),
    }
    if subject:
        data["subject"] = subject.descriptor.as_json()
    return Manifest(canonical(data), OCI_MANIFEST)


async def push_blobs(transport: Transport, repository: Repository, document: bytes) -> None:
    """Bring what such a manifest names.

    Raises:
        RegistryError: the registry refused, or the retries ended.
    """
    for data in (_NOTHING, document):
        blob, source = blobs.of_bytes(data)
        await blobs.push(transport, repository, blob, source)


def canonical(data: Mapping[str, Any]) -> bytes:
    """JSON that is the same for the same data."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
