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
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
STORAGE = "docker/registry/v2"


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


def index(blobs: Path, manifests: Mapping[str, tuple[str, int]]) -> str:
    """Write the list of an image's architectures, each with its manifest's digest and size."""
    rows = [
        _described(MANIFEST, *known) | {"platform": {"architecture": name, "os": "linux"}}
        for name, known in sorted(manifests.items())
    ]
    return _store(blobs, {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows})[0]


def registry(root: Path, name: str, tag: str, blobs: Path, manifests: Sequence[str]) -> None:
    """Lay an image out the way docker-registry keeps it, so that nothing has to be pushed.

    ``manifests`` are the digests among ``blobs`` that are manifests; the last one gets the tag.
    """
    storage = root / STORAGE
    repository = storage / "repositories" / name
    for blob in list(blobs.iterdir()):
        kept = storage / "blobs/sha256" / blob.name[:2] / blob.name
        kept.mkdir(parents=True)
        shutil.move(blob, kept / "data")
        is_manifest = f"sha256:{blob.name}" in manifests
        _link(repository / ("_manifests/revisions" if is_manifest else "_layers"), blob.name)
    tagged = repository / "_manifests/tags" / tag
    (tagged / "current").mkdir(parents=True)
    (tagged / "current/link").write_text(manifests[-1])
    _link(tagged / "index", manifests[-1].removeprefix("sha256:"))


def registered(root: Path, name: str, tag: str) -> tuple[str, int]:
    """The digest and size of a tag's manifest in such a layout."""
    storage = root / STORAGE
    digest = (storage / "repositories" / name / f"_manifests/tags/{tag}/current/link").read_text()
    blob = digest.removeprefix("sha256:")
    return digest, (storage / "blobs/sha256" / blob[:2] / blob / "data").stat().st_size


def _link(folder: Path, digest: str) -> None:
    link = folder / "sha256" / digest / "link"
    link.parent.mkdir(parents=True)
    link.write_text(f"sha256:{digest}")


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
