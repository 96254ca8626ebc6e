"""Images written by hand: layers, config and manifest in a blob folder; same input, same digest."""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def layer(target: Path, content: Mapping[str, Path], skip: frozenset[str] = frozenset()) -> Path:
    """Pack files and folders into a layer, by their path in the image.

    Owner, times and order are fixed; links are followed, because a Go from a distribution is
    spread over several folders by them. A path in ``skip`` stays out with all below it.
    """

    def fixed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if member.name in skip or member.name.endswith("/__pycache__"):
            return None
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(target, "w", dereference=True, format=tarfile.PAX_FORMAT) as tar:
        for name, source in sorted(content.items()):
            tar.add(source, name, filter=fixed)
    return target


def image(
    blobs: Path,
    layers: Sequence[Path],
    architecture: str,
    environ: Mapping[str, str] | None = None,
) -> str:
    """Write an image's blobs, layers first to last; returns its manifest's digest."""
    blobs.mkdir(parents=True, exist_ok=True)
    packed = [_described(LAYER, *_keep(blobs, path)) for path in layers]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": [f"{name}={value}" for name, value in (environ or {}).items()]},
        # The layers are not compressed: what is stored is also what is unpacked.
        "rootfs": {
            "type": "layers",
            "diff_ids": [packed_layer["digest"] for packed_layer in packed],
        },
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _described(CONFIG, *_store(blobs, config)),
        "layers": packed,
    }
    return _store(blobs, manifest)[0]


def registry(root: Path, name: str, tag: str, blobs: Path, manifest: str) -> None:
    """Lay an image out the way docker-registry keeps it, so that nothing has to be pushed."""
    storage = root / "docker/registry/v2"
    for blob in blobs.iterdir():
        kept = storage / "blobs/sha256" / blob.name[:2] / blob.name
        kept.mkdir(parents=True)
        shutil.move(blob, kept / "data")
        if f"sha256:{blob.name}" != manifest:
            _link(storage / "repositories" / name / "_layers/sha256" / blob.name, blob.name)
    known = storage / "repositories" / name / "_manifests"
    digest = manifest.removeprefix("sha256:")
    _link(known / "revisions/sha256" / digest, digest)
    _link(known / "tags" / tag / "current", digest)
    _link(known / "tags" / tag / "index/sha256" / digest, digest)


def _link(folder: Path, digest: str) -> None:
    folder.mkdir(parents=True)
    (folder / "link").write_text(f"sha256:{digest}")


def _described(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": size}


def _store(blobs: Path, document: dict[str, Any]) -> tuple[str, int]:
    data = json.dumps(document, sort_keys=True).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return f"sha256:{digest}", len(data)


def _keep(blobs: Path, path: Path) -> tuple[str, int]:
    """Take a file into the blobs by a hard link, so that a big layer is on the disk once."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            whole.update(data)
    blob = blobs / whole.hexdigest()
    if not blob.exists():
        os.link(path, blob)
    return f"sha256:{blob.name}", path.stat().st_size
