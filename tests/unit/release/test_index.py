"""The index of an image: the same bytes for the same legs, and nothing in it of its own making."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registries.legs import leg

from localai_ci.errors import InputError
from localai_ci.oci.digest import digest_of
from localai_ci.oci.manifests import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    parts,
)
from localai_ci.release.index import VERSION, canonical, version_of
from localai_ci.release.receipt import Receipt

ABOUT = {VERSION: "v4.2.2", "org.opencontainers.image.revision": "a" * 40}


ALL = [leg("amd64"), leg("arm64"), leg("arm", "v7"), leg("arm", "v6"), leg("riscv64")]


@given(st.permutations(ALL), st.permutations(sorted(ABOUT)))
def test_the_bytes_do_not_depend_on_any_order(legs: list[Receipt], keys: list[str]) -> None:
    index = canonical(legs, {key: ABOUT[key] for key in keys})
    assert index.raw == canonical(ALL, ABOUT).raw
    platforms = [child["platform"] for child in json.loads(index.raw)["manifests"]]
    assert [(p["architecture"], p.get("variant")) for p in platforms] == [
        ("amd64", None), ("arm", "v6"), ("arm", "v7"), ("arm64", None), ("riscv64", None)
    ]  # fmt: skip


def test_the_golden_bytes_change_only_on_purpose() -> None:
    """Other bytes are another digest: every unchanged image would be written and signed anew."""
    (one,) = [leg("amd64")]
    assert canonical([one], {VERSION: "v1.0.0"}).raw.decode() == (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":'
        f'[{{"mediaType":"{OCI_MANIFEST}","digest":"{one.digest}","size":{one.size},'
        '"platform":{"architecture":"amd64","os":"linux"}}],'
        '"annotations":{"org.opencontainers.image.version":"v1.0.0"}}'
    )


def test_a_child_is_named_exactly_as_its_receipt_names_it() -> None:
    (child,) = json.loads(canonical([leg("arm", "v7")], {}).raw)["manifests"]
    assert child["platform"] == {"architecture": "arm", "os": "linux", "variant": "v7"}


def test_arm64_is_v8_whether_that_is_said_or_not() -> None:
    with pytest.raises(InputError, match="two legs are for linux/arm64"):
        canonical([leg("arm64"), leg("arm64", "v8", text="another")], {})


def test_docker_types_alone_make_dockers_list_which_carries_no_annotations() -> None:
    docker = [leg(arch, media_type=DOCKER_MANIFEST) for arch in ("amd64", "arm64")]
    index = canonical(docker, ABOUT)
    assert index.media_type == json.loads(index.raw)["mediaType"] == DOCKER_LIST
    assert "annotations" not in json.loads(index.raw)
    mixed = canonical([docker[0], leg("arm64")], ABOUT)
    assert mixed.media_type == json.loads(mixed.raw)["mediaType"] == OCI_INDEX
    assert [version_of(mixed), version_of(index)] == ["v4.2.2", ""]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("size", 2**63 - 1, "absurd size"),
        ("size", -1, "absurd size"),
        ("digest", "sha256:../../x", "no digest"),
        ("mediaType", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "elsewhere"),
    ],
)
def test_a_receipt_whose_layers_cannot_be_proven_is_none(
    field: str, value: object, why: str
) -> None:
    """A size was believed when memory was set aside, and layers fetched from where they said."""
    sound = leg("amd64")
    manifest = json.loads(sound.manifest)
    manifest["layers"][0][field] = value
    raw = json.dumps(manifest)
    digest = digest_of(raw.encode())
    changed = Manifest(raw.encode(), sound.media_type)
    config, layers = parts(changed)
    data = sound.model_dump() | {
        "manifest": raw, "digest": digest, "size": len(raw), "config": config, "layers": layers,
        "publications": [{"registry": "a", "anchor": "a.test/b:c", "digest": digest}],
    }  # fmt: skip
    with pytest.raises(ValueError, match=why):
        Receipt.model_validate(data)
