"""The index of an image's legs as bytes: the same for the same legs, whoever builds it and when.

Children are sorted by platform, keys stand in a fixed order, and no clock is asked: so the
digest is the same in all registries and in every rerun.
"""

import json
from collections.abc import Mapping, Sequence

from localai_ci import json_text
from localai_ci.errors import InputError
from localai_ci.oci.manifests import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, Manifest
from localai_ci.release.receipt import Receipt

VERSION = "org.opencontainers.image.version"
REVISION = "org.opencontainers.image.revision"


def canonical(receipts: Sequence[Receipt], annotations: Mapping[str, str]) -> Manifest:
    """The index of these legs; one leg gives an index too, so that all images look alike.

    Args:
        receipts: The legs, in any order.
        annotations: What the index says of itself; from inputs only. Docker's own list type,
            which is taken where all legs are of Docker's type, cannot carry them.

    Raises:
        InputError: two legs are for one platform.
    """
    by_platform: dict[tuple[str, str, str], Receipt] = {}
    for receipt in receipts:
        twin = by_platform.setdefault(receipt.platform.key, receipt)
        if twin.digest != receipt.digest:
            raise InputError(
                f"two legs are for {receipt.platform}: {twin.entry} and {receipt.entry}",
                remedy="Remove the receipt of one of them.",
            )
    docker = all(receipt.media_type == DOCKER_MANIFEST for receipt in receipts)
    media_type = DOCKER_LIST if docker else OCI_INDEX
    data = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [_child(receipt) for _, receipt in sorted(by_platform.items())],
    }
    if annotations and not docker:
        data["annotations"] = dict(sorted(annotations.items()))
    raw = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    return Manifest(raw, media_type)


def version_of(index: Manifest) -> str:
    """The version that an index says it is, or nothing."""
    try:
        return str(json_text.read(index.raw)["annotations"][VERSION])
    except (ValueError, KeyError, TypeError):
        return ""


def _child(receipt: Receipt) -> dict[str, object]:
    platform = receipt.platform
    said = {"architecture": platform.architecture, "os": platform.os}
    return {
        **receipt.descriptor.as_json(),
        "platform": said | ({"variant": platform.variant} if platform.variant else {}),
    }
