"""Referrers, where the registry lists them and where the fallback tag does."""

import json

import anyio
import pytest
from registries.images import descriptor, publish
from registries.proxy import Fault, Proxy, answering
from registries.session import Servers, fresh

from localai_ci.oci import blobs, manifests, referrers
from localai_ci.oci.manifests import OCI_MANIFEST, Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport

pytestmark = pytest.mark.anyio
EMPTY = "application/vnd.oci.empty.v1+json"


async def attached(
    transport: Transport, repository: Repository, subject: Manifest, kind: str
) -> Manifest:
    blob, source = blobs.of_bytes(b"{}")
    await blobs.push(transport, repository, blob, source)
    raw = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": descriptor(EMPTY, b"{}"),
        "layers": [descriptor(EMPTY, b"{}")],
        "subject": descriptor(subject.media_type, subject.raw),
        "annotations": {"made-for": kind},
    }
    manifest = Manifest(json.dumps(raw).encode(), OCI_MANIFEST)
    await referrers.attach(transport, repository, manifest)
    return manifest


async def test_what_is_attached_is_listed_by_type(
    transport: Transport, repository: Repository
) -> None:
    subject = await publish(transport, repository, "one", "x")
    image = repository.at(subject.digest)
    assert await referrers.find(transport, image) == []
    one = await attached(transport, repository, subject, "application/one")
    two = await attached(transport, repository, subject, "application/two+json")
    await attached(transport, repository, subject, "application/two+json")
    found = await referrers.find(transport, image)
    assert {row["digest"] for row in found} == {one.digest, two.digest}
    (row,) = await referrers.find(transport, image, "application/two+json")
    assert row["annotations"] == {"made-for": "application/two+json"}


async def test_writers_at_once_lose_nothing(transport: Transport, servers: Servers) -> None:
    repository = fresh(servers.basic.address)
    subject = await publish(transport, repository, "one", "x")
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(attached, transport, repository, subject, f"application/n{number}")
    assert len(await referrers.find(transport, repository.at(subject.digest))) == 5


async def test_the_fallback_tag_is_the_one_of_the_specification(
    transport: Transport, servers: Servers
) -> None:
    repository = fresh(servers.basic.address)
    subject = await publish(transport, repository, "one", "x")
    await attached(transport, repository, subject, "application/one")
    tag = subject.digest.replace(":", "-")
    assert tag in await manifests.list_tags(transport, repository)


async def test_a_fallback_list_that_is_once_wrongly_said_to_be_absent_loses_nothing(
    transport: Transport, front: Proxy
) -> None:
    repository = fresh(front.address)
    subject = await publish(transport, repository, "one", "x")
    await attached(transport, repository, subject, "application/one")
    front.fail(Fault("GET", "/manifests/sha256-", before=answering(404)))
    await attached(transport, repository, subject, "application/two")
    assert len(await referrers.find(transport, repository.at(subject.digest))) == 2
