"""The client against three real registries: what is written is read back, byte for byte."""

import json
from dataclasses import replace

import pytest
from registries.images import image, publish
from registries.oci import oci_registry
from registries.session import QUICK, Servers, fresh

from localai_ci.errors import InputError
from localai_ci.oci import blobs, manifests
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.errors import DigestError, RegistryError
from localai_ci.oci.manifests import Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport

pytestmark = pytest.mark.anyio


async def test_an_image_is_pushed_and_read_back_by_tag_and_digest(
    transport: Transport, repository: Repository
) -> None:
    written = await publish(transport, repository, "one", "hello")
    assert await manifests.find(transport, repository.at("one")) == written.digest
    assert await manifests.get_existing(transport, repository.at("one")) == written
    assert await manifests.get_existing(transport, repository.at(written.digest)) == written


async def test_what_is_not_there_is_none(transport: Transport, repository: Repository) -> None:
    assert await manifests.find(transport, repository.at("none")) is None
    assert await manifests.get(transport, repository.at("none")) is None
    assert not await blobs.exists(transport, repository, "sha256:" + "0" * 64)
    assert await manifests.list_tags(transport, repository) == []
    with pytest.raises(RegistryError, match="there is no such image"):
        await manifests.get_existing(transport, repository.at("none"))


async def test_a_blob_that_is_there_is_not_sent_again(
    transport: Transport, repository: Repository
) -> None:
    blob, source = blobs.of_bytes(b"x" * 1000)
    assert await blobs.push(transport, repository, blob, source)
    assert not await blobs.push(transport, repository, blob, source)
    assert await blobs.exists(transport, repository, blob.digest)


async def test_a_blob_is_mounted_from_a_neighbour(
    transport: Transport, repository: Repository
) -> None:
    blob, source = blobs.of_bytes(b"shared")
    await blobs.push(transport, repository, blob, source)
    neighbour = fresh(repository.registry)
    before = transport.requests["PUT"]
    assert not await blobs.push(transport, neighbour, blob, source, repository)
    assert await blobs.exists(transport, neighbour, blob.digest)
    assert transport.requests["PUT"] == before


async def test_a_mount_of_what_nobody_has_becomes_an_upload(
    transport: Transport, repository: Repository
) -> None:
    blob, source = blobs.of_bytes(b"nobody has this")
    neighbour = fresh(repository.registry)
    assert await blobs.push(transport, neighbour, blob, source, repository)
    assert await blobs.exists(transport, neighbour, blob.digest)


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 3500])
async def test_chunks_of_every_size_arrive_whole(
    transport: Transport, repository: Repository, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "CHUNK", 1000)
    data = bytes(i % 251 for i in range(size))
    blob, source = blobs.of_bytes(data)
    await blobs.push(transport, repository, blob, source)
    read = b"".join([part async for part in blobs.pull(transport, repository, blob)])
    assert read == data
    tail = b"".join([part async for part in blobs.pull(transport, repository, blob, 500)])
    assert tail == data[500:]


async def test_a_source_that_lies_about_its_digest_is_caught_before_the_registry_sees_it(
    transport: Transport, repository: Repository
) -> None:
    _, source = blobs.of_bytes(b"other bytes")
    blob = Descriptor.of(b"the bytes!!")
    with pytest.raises(DigestError, match="the bytes to upload are"):
        await blobs.push(transport, repository, blob, source)
    assert not await blobs.exists(transport, repository, blob.digest)


async def test_a_blob_moves_between_registries(transport: Transport, servers: Servers) -> None:
    here, there = fresh(servers.basic.address), fresh(servers.token.address)
    blob, source = blobs.of_bytes(b"travels")
    await blobs.push(transport, here, blob, source)
    assert await blobs.copy(transport, blob, here, there)
    assert await blobs.exists(transport, there, blob.digest)


async def test_tags_are_listed_over_pages_and_deleted_by_name(
    transport: Transport, servers: Servers
) -> None:
    repository = fresh(servers.own.address)
    written = await publish(transport, repository, "a", "x")
    for tag in "bcde":
        await manifests.put(transport, repository.at(tag), written)
    assert await manifests.list_tags(transport, repository, page=2) == list("abcde")
    assert await manifests.delete_tag(transport, repository.at("c"))
    assert not await manifests.delete_tag(transport, repository.at("c"))
    assert await manifests.list_tags(transport, repository) == list("abde")
    assert await manifests.find(transport, repository.at("a")) == written.digest


async def test_nothing_is_ever_deleted_by_digest(
    transport: Transport, repository: Repository
) -> None:
    """That would take every tag of the image along."""
    manifest = await publish(transport, repository, "one", "x")
    for target in (
        repository.at(manifest.digest),
        replace(repository.at("one"), digest="sha256:0"),
    ):
        with pytest.raises(InputError, match="only a tag can be deleted"):
            await manifests.delete_tag(transport, target)
    assert transport.requests["DELETE"] == 0


async def test_a_manifest_under_a_wrong_digest_is_never_sent(
    transport: Transport, repository: Repository
) -> None:
    wrong = repository.at("sha256:" + "1" * 64)
    with pytest.raises(Exception, match="the manifest to write is"):
        await manifests.put(transport, wrong, image("x")[0])


async def test_a_refusal_names_image_status_and_code(
    transport: Transport, repository: Repository
) -> None:
    manifest, _ = image("its blobs were never pushed")
    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN") as caught:
        await manifests.put(transport, repository.at("t"), manifest)
    assert str(repository) in str(caught.value)
    assert caught.value.status in {400, 404}


async def test_a_dry_run_cannot_write(servers: Servers) -> None:
    repository = fresh(servers.own.address)
    async with Transport(read_only=True) as reader:
        with pytest.raises(RegistryError, match="a dry run only reads"):
            await manifests.put(reader, repository.at("t"), Manifest(b"{}", "x"))
    assert json.dumps(servers.own.repos.get(repository.path) and 1) == "null"


async def test_another_host_is_reached_without_tls_only_if_it_is_named() -> None:
    """127.0.0.2 is a host like any other to the client."""
    with oci_registry("127.0.0.2") as registry:
        repository = fresh(registry.address)
        async with Transport(plain_http=frozenset({registry.address}), policy=QUICK) as named:
            written = await publish(named, repository, "t", "plain")
            assert await manifests.find(named, repository.at("t")) == written.digest
        async with Transport(policy=replace(QUICK, attempts=1)) as unnamed:
            with pytest.raises(RegistryError, match="failed 1 time"):
                await manifests.find(unnamed, repository.at("t"))
