"""From a push to a receipt: every registry is asked what it really has."""

from collections.abc import Mapping, Sequence
from functools import partial

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.config.kind import ImageKind
from localai_ci.names import platform_of, split_entry_id
from localai_ci.oci import blobs
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.copy import appears
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.manifests import Manifest, parts
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport
from localai_ci.release.receipt import (
    Platform,
    Publication,
    Receipt,
    Run,
)


async def prove_and_receipt(
    transport: Transport,
    *,
    entry: str,
    anchors: Mapping[str, Reference],
    run: Run,
    legs: Sequence[str] = (),
    kind: ImageKind = ImageKind.backends,
    input_hash: str = "",
    built_by: Mapping[str, str] | None = None,
    built: Run | None = None,
) -> Receipt:
    """Read a leg that was just pushed back from each registry, and write down what it is.

    Args:
        transport: The way out.
        entry: The leg, ``cpu-llama-cpp/amd64``.
        anchors: Where it was pushed: the anchor by the registry's name in registries.yaml.
        run: The run that built it.
        legs: All entries of the same image that the run builds; none means this one alone.
        kind: The family of images.
        input_hash: Hash of all that went into the build.
        built_by: Programs and their versions.
        built: The run that built it, where this one found it built.

    Returns:
        The receipt, of which every registry holds exactly these bytes.

    Raises:
        RegistryError: a registry does not have it, or has other bytes than another registry, or
            it is not one image for the entry's architecture.
    """
    answers = await run_all(partial(appears, transport, anchor) for anchor in anchors.values())
    found = dict(zip(anchors, answers, strict=True))
    manifest = _the_same_everywhere(entry, anchors, found)
    try:
        config, layers = parts(manifest)
    except ValueError:
        raise RegistryError(
            f"what was pushed is {manifest.media_type}, not one image",
            where=entry,
            remedy="Push one platform, without attestations.",
        ) from None
    first = next(iter(anchors.values()))
    configuration = await _read(transport, first.repository, config)
    platform = _platform(configuration, f"{first.repository}@{config.digest}")
    if (platform.os, platform.architecture) != platform_of(split_entry_id(entry)[1]):
        raise RegistryError(
            f"what was pushed is for {platform}", where=entry, remedy="Push the entry's own build."
        )
    return Receipt(
        kind=kind,
        entry=entry,
        legs=tuple(sorted({*legs, entry})),
        platform=platform,
        digest=manifest.digest,
        size=len(manifest.raw),
        media_type=manifest.media_type,
        manifest=manifest.raw.decode(),
        configuration=configuration.decode(),
        config=config,
        layers=layers,
        publications=tuple(
            Publication(registry=name, anchor=str(anchor), digest=manifest.digest)
            for name, anchor in anchors.items()
        ),
        input_hash=input_hash,
        run=run,
        built=built,
        built_by=dict(built_by or {}),
    )


def _the_same_everywhere(
    entry: str, anchors: Mapping[str, Reference], found: Mapping[str, Manifest | None]
) -> Manifest:
    shown = "; ".join(
        f"{anchors[name]} has {manifest.digest if manifest else 'nothing'}"
        for name, manifest in sorted(found.items())
    )
    present = [manifest for manifest in found.values() if manifest]
    if len(present) < len(found) or len({manifest.digest for manifest in present}) != 1:
        raise RegistryError(
            f"the push is not the same image in every registry: {shown}",
            where=entry,
            remedy="Publish it again; nothing was tagged.",
        )
    return present[0]


async def _read(transport: Transport, repository: Repository, config: Descriptor) -> bytes:
    where = f"{repository}@{config.digest}"
    if config.size > bounds.MANIFEST_BYTES:
        raise RegistryError(f"its configuration has {config.size} bytes", where=where)
    return b"".join([piece async for piece in blobs.pull(transport, repository, config)])


def _platform(configuration: bytes, where: str) -> Platform:
    """What the image's configuration says it runs on."""
    try:
        data = json_text.read(configuration)
        return Platform(
            os=data["os"], architecture=data["architecture"], variant=data.get("variant") or ""
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RegistryError("its configuration names no platform", where=where) from None
