"""Images written by hand: what the engine and a registry read must hold together."""

import hashlib
import json
import tarfile
from pathlib import Path

from native import oci


def tree(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/tool").write_text("#!/bin/sh\n")
    (folder / "bin/tool").chmod(0o755)
    (folder / "doc").mkdir()
    (folder / "doc/text").write_text("long")
    (folder / "bin/alias").symlink_to("tool")
    return folder


def test_the_same_files_give_the_same_image_and_skipped_ones_stay_out(tmp_path: Path) -> None:
    digests = []
    for number in ("1", "2"):
        source = tree(tmp_path / number)
        tar = oci.layer(tmp_path / f"{number}.tar", {"opt": source}, frozenset({"opt/doc"}))
        digests.append(oci.image(tmp_path / f"blobs{number}", [tar], "amd64", {"A": "b"}))
        with tarfile.open(tar) as packed:
            names = packed.getnames()
            assert names == ["opt", "opt/bin", "opt/bin/alias", "opt/bin/tool"]
            assert packed.getmember("opt/bin/tool").mode == 0o755
            assert packed.getmember("opt/bin/alias").isfile()
    assert digests[0] == digests[1]


def test_every_blob_is_named_by_its_content_and_every_digest_is_a_blob(tmp_path: Path) -> None:
    layers = [oci.layer(tmp_path / f"{n}.tar", {n: tree(tmp_path / n)}) for n in ("a", "b")]
    blobs = tmp_path / "blobs"
    digest = oci.image(blobs, layers, "arm64", {"PATH": "/bin"})
    for blob in blobs.iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    manifest = json.loads((blobs / digest.removeprefix("sha256:")).read_text())
    parts = [manifest["config"], *manifest["layers"]]
    for part in parts:
        assert (blobs / part["digest"].removeprefix("sha256:")).stat().st_size == part["size"]
    config = json.loads((blobs / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    assert config["architecture"] == "arm64"
    assert config["config"] == {"Env": ["PATH=/bin"]}
    assert config["rootfs"]["diff_ids"] == [part["digest"] for part in manifest["layers"]]


def test_a_registry_finds_the_tag_the_manifest_and_the_layers(tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    tar = oci.layer(tmp_path / "a.tar", {"a": tree(tmp_path / "a")})
    digest = oci.image(blobs, [tar], "amd64")
    oci.registry(tmp_path / "root", "library/debian", "bookworm", blobs, [digest])
    storage = tmp_path / "root/docker/registry/v2"
    known = storage / "repositories/library/debian"
    assert (known / "_manifests/tags/bookworm/current/link").read_text() == digest
    name = digest.removeprefix("sha256:")
    size = (storage / "blobs/sha256" / name[:2] / name / "data").stat().st_size
    assert oci.registered(tmp_path / "root", "library/debian", "bookworm") == (digest, size)
    manifest = json.loads((storage / "blobs/sha256" / name[:2] / name / "data").read_text())
    for part in [manifest["config"], *manifest["layers"]]:
        link = known / "_layers/sha256" / part["digest"].removeprefix("sha256:") / "link"
        assert link.read_text() == part["digest"]


def test_a_second_architecture_takes_the_tag_and_keeps_the_first(tmp_path: Path) -> None:
    root, blobs = tmp_path / "root", tmp_path / "blobs"
    known = {}
    for architecture in ("amd64", "arm64"):
        tar = oci.layer(tmp_path / "a.tar", {architecture: tree(tmp_path / architecture)})
        digest = oci.image(blobs, [tar], architecture)
        known[architecture] = digest, (blobs / digest.removeprefix("sha256:")).stat().st_size
        tar.unlink()
    both = oci.index(blobs, known)
    rows = json.loads((blobs / both.removeprefix("sha256:")).read_text())["manifests"]
    assert {row["platform"]["architecture"]: (row["digest"], row["size"]) for row in rows} == known
    oci.registry(root, "n", "t", blobs, [*(digest for digest, _ in known.values()), both])
    assert oci.registered(root, "n", "t")[0] == both
    revisions = root / "docker/registry/v2/repositories/n/_manifests/revisions/sha256"
    assert len(list(revisions.iterdir())) == 3
