"""What refers to an image: signatures, provenance, bills of materials.

Where a registry has no referrers API, the list is an index under the tag ``sha256-<hex>``, kept
by its clients. Source: OCI distribution specification 1.1, "Listing Referrers" and "Referrers
Tag Schema".
"""

import json
from collections.abc import Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from localai_ci import json_text
from localai_ci.oci import limits
from localai_ci.oci.errors import RegistryError, answered
from localai_ci.oci.manifests import OCI_INDEX, Manifest, get, put
from localai_ci.oci.manifests import find as find_manifest
from localai_ci.oci.pages import pages
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport

Row = Mapping[str, Any]
"""A descriptor as a list has it, with all that others wrote there."""
_HABIT = "has the referrers API"
_ROUNDS = 5  # of reading, adding and writing the list when others write it too


async def find(transport: Transport, image: Reference, artifact_type: str = "") -> list[Row]:
    """The rows of all that refers to an image.

    Args:
        transport: The way out.
        image: The subject, by digest.
        artifact_type: Only those of this type.
    """
    found = await _ask(transport, image, artifact_type)
    if found is None:
        listed = await get(transport, _fallback(image))
        found = _rows(listed.raw, image) if listed else []
    return [row for row in found if artifact_type in {"", row.get("artifactType")}]


async def attach(transport: Transport, repository: Repository, manifest: Manifest) -> None:
    """Write a manifest that has a ``subject``, and see to it that the subject's list has it.

    Args:
        transport: The way out.
        repository: Where the subject is.
        manifest: Its bytes name the subject; its blobs must be there.
    """
    answer = await put(transport, repository.at(manifest.digest), manifest)
    data = json_text.read(manifest.raw)
    subject = repository.at(data["subject"]["digest"])
    known = (repository.host, _HABIT)
    if "OCI-Subject" in answer.headers and known in transport.habits:
        return
    # GHCR says the header and has no API: who believed it would attach what nobody finds.
    if await _ask(transport, subject, "") is not None:
        transport.habits.add(known)
        return
    row = manifest.descriptor.as_json() | {
        "artifactType": data.get("artifactType") or data.get("config", {}).get("mediaType", ""),
    }
    if data.get("annotations"):
        row["annotations"] = data["annotations"]
    async with transport.alone(str(subject)):
        await _add(transport, subject, row)


async def _add(transport: Transport, subject: Reference, row: Row) -> None:
    """Add a row to the fallback list, and read it back: another writer may have been faster."""
    listing = _fallback(subject)
    for _ in range(_ROUNDS):
        before = await get(transport, listing)
        if before is None and await find_manifest(transport, listing):
            continue  # a list that is written anew must not forget what one wrong 404 hid
        rows = _rows(before.raw, listing) if before else []
        if any(known["digest"] == row["digest"] for known in rows):
            return
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*rows, row]}
        after = Manifest(json.dumps(index, separators=(",", ":")).encode(), OCI_INDEX)
        try:
            await put(transport, listing, after, if_match=before.etag if before else "")
        except RegistryError as e:
            if e.status != HTTPStatus.PRECONDITION_FAILED:
                raise
    raise RegistryError(
        f"others kept changing its list of referrers; it lacks {row['digest']}",
        where=str(listing),
        remedy="Run it again.",
    )


async def _ask(transport: Transport, image: Reference, artifact_type: str) -> list[Row] | None:
    """The rows of the referrers API, or None where the registry has no such API."""
    query = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
    path, found = f"referrers/{image.digest}{query}", list[Row]()
    async with aclosing(pages(transport, image.repository, path, "list referrers")) as all_:
        async for answer in all_:
            missing = answer.status in _NO_SUCH_API
            if missing or (answer.ok and answer.media_type != OCI_INDEX):
                return None
            if not answer.ok:
                raise answered(
                    answer.status, answer.body,
                    doing="list referrers", where=str(image), host=image.repository.registry,
                )  # fmt: skip
            rows = _rows(answer.body, image)
            if not rows:
                break
            found = _bounded(found + rows, image)
    return found


_NO_SUCH_API = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


def _fallback(image: Reference) -> Reference:
    return image.repository.at(image.digest.replace(":", "-"))


def _rows(raw: bytes, image: Reference) -> list[Row]:
    try:
        rows = json_text.read(raw)["manifests"] or []
        found = [row for row in rows if isinstance(row["digest"], str)]
    except (ValueError, KeyError, TypeError):
        raise RegistryError(
            "its list of referrers is not an image index", where=str(image)
        ) from None
    return _bounded(found, image)


def _bounded(rows: list[Row], image: Reference) -> list[Row]:
    if len(rows) > limits.REFERRERS:
        raise RegistryError(
            f"its list of referrers has more than {limits.REFERRERS} rows", where=str(image)
        )
    return rows
