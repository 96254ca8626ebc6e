"""Small images to publish in tests: real layers, real configurations, no engine."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from localai_ci.names import platform_of
from localai_ci.oci import blobs, manifests
from localai_ci.oci.manifests import OCI_MANIFEST, Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport


def descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def layer(text: str) -> tuple[bytes, str]:
    """A gzipped tar with one file, and the digest of the tar in it."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(tar.getvalue(), mtime=0), hashlib.sha256(tar.getvalue()).hexdigest()


def image(
    text: str,
    architecture: str = "amd64",
    media_type: str = OCI_MANIFEST,
    labels: Mapping[str, str] | None = None,
) -> tuple[Manifest, list[bytes]]:
    """A whole one-layer image: its manifest, and its blobs (configuration, layer).

    The architecture is an entry's: ``darwin-arm64`` is an image as LocalAI makes them on a Mac.
    """
    packed, diff = layer(text)
    system, machine = platform_of(architecture)
    config = json.dumps(
        {
            "architecture": machine,
            "os": system,
            "config": {"Labels": dict(labels)} if labels else {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff}"]},
        }
    ).encode()
    docker = "docker" in media_type
    kinds = (
        (
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        )
        if docker
        else (
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        )
    )
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(kinds[0], config),
            "layers": [descriptor(kinds[1], packed)],
        },
        indent=1,  # unlike any canonical form: bytes must be kept as they are
    ).encode()
    return Manifest(raw, media_type), [config, packed]


async def publish(
    transport: Transport,
    repository: Repository,
    tag: str,
    text: str,
    architecture: str = "amd64",
    labels: Mapping[str, str] | None = None,
    media_type: str = OCI_MANIFEST,
) -> Manifest:
    """Push such an image under a tag."""
    manifest, parts = image(text, architecture, media_type, labels)
    for part in parts:
        blob, source = blobs.of_bytes(part)
        await blobs.push(transport, repository, blob, source)
    await manifests.put(transport, repository.at(tag), manifest)
    return manifest
