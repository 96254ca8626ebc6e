"""Where an image comes from, said beside it: SLSA provenance, attached to its index.

Made from the receipts alone, without a clock and without a registry's name: the same statement
in all registries and in every rerun, and the index's digest does not depend on it.
Source: in-toto Statement v1, SLSA Provenance v1, OCI image specification 1.1 (artifacts).
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from localai_ci.oci import blobs, referrers
from localai_ci.oci.descriptor import Descriptor
from localai_ci.oci.manifests import OCI_MANIFEST, Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.release.receipt import Receipt

IN_TOTO = "application/vnd.in-toto+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_NOTHING = b"{}"
Json = dict[str, Any]


def statement(index: Manifest, legs: Sequence[Receipt]) -> bytes:
    """The in-toto statement about an index and its legs, as canonical JSON."""
    legs = sorted(legs, key=lambda leg: leg.entry)
    suffix = legs[0].suffix.lstrip("-") or str(legs[0].kind)
    named = [(suffix, index.digest), *((leg.entry, leg.digest) for leg in legs)]
    programs = {name for leg in legs for name in leg.built_by}
    versions = {name: _all(leg.built_by.get(name, "") for leg in legs) for name in programs}
    predicate: Json = {
        "buildDefinition": {
            "buildType": "urn:localai-ci:merge:v1",
            "externalParameters": {"image": suffix, "entries": [leg.entry for leg in legs]},
            "resolvedDependencies": [
                {"name": "source", "digest": {"gitCommit": revision}}
                for revision in sorted({leg.run.revision for leg in legs} - {""})
            ],
        },
        "runDetails": {
            "builder": {"id": "urn:localai-ci", "version": versions},
            "metadata": {"invocationId": _all(leg.run.url or leg.run.id for leg in legs)},
            "byproducts": [
                {"name": f"inputs of {leg.entry}", "annotations": {"hash": leg.input_hash}}
                for leg in legs
                if leg.input_hash
            ],
        },
    }
    return _canonical(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [
                {"name": name, "digest": dict([digest.split(":")])} for name, digest in named
            ],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": predicate,
        }
    )


def artifact(index: Manifest, about: bytes) -> Manifest:
    """The manifest that carries a statement and refers to the index."""
    return Manifest(
        _canonical(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": IN_TOTO,
                "config": Descriptor.of(_NOTHING, _EMPTY).as_json(),
                "layers": [Descriptor.of(about, IN_TOTO).as_json()],
                "subject": index.descriptor.as_json(),
                "annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"},
            }
        ),
        OCI_MANIFEST,
    )


async def attach(
    transport: Transport, repository: Repository, index: Manifest, about: bytes
) -> bool:
    """Attach a statement to an index that is there.

    Returns:
        Whether anything was written: what is attached already stays as it is.

    Raises:
        RegistryError: the registry refused, or the retries ended.
    """
    made = artifact(index, about)
    known = await referrers.find(transport, repository.at(index.digest), IN_TOTO)
    if made.digest in {row["digest"] for row in known}:
        return False
    for data in (_NOTHING, about):
        blob, source = blobs.of_bytes(data)
        await blobs.push(transport, repository, blob, source)
    await referrers.attach(transport, repository, made)
    return True


def _all(texts: Iterable[str]) -> str:
    return ", ".join(sorted({*texts} - {""}))


def _canonical(data: Json) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
