"""Where an image comes from, said beside it: SLSA provenance, attached to its index.

Made from the receipts alone, without a clock and without a registry's name: the same statement
in all registries and in every rerun, and the index's digest does not depend on it.
Source: in-toto Statement v1, SLSA Provenance v1, OCI image specification 1.1 (artifacts).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from localai_ci.oci import referrers
from localai_ci.oci.manifests import Manifest
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.release import artifacts
from localai_ci.release.receipt import Receipt

IN_TOTO = "application/vnd.in-toto+json"
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
                for revision in sorted({leg.origin.revision for leg in legs} - {""})
            ],
        },
        "runDetails": {
            "builder": {"id": "urn:localai-ci", "version": versions},
            "metadata": {"invocationId": _all(leg.origin.url or leg.origin.id for leg in legs)},
            "byproducts": [
                {"name": f"inputs of {leg.entry}", "annotations": {"hash": leg.input_hash}}
                for leg in legs
                if leg.input_hash
            ],
        },
    }
    return artifacts.canonical(
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
    kind = {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}
    return artifacts.manifest(IN_TOTO, about, kind, index)


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
    await artifacts.push_blobs(transport, repository, about)
    await referrers.attach(transport, repository, made)
    return True


def _all(texts: Iterable[str]) -> str:
    return ", ".join(sorted({*texts} - {""}))
