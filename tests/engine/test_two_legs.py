"""Two legs, one of them emulated: published, lost, restored by the merge, pulled."""

import json
import shutil
from pathlib import Path

import publishing
import pytest
from dagger_engine import Engine
from registries.debian import output


@pytest.mark.slow
def test_two_legs_that_were_collected_are_merged_restored_and_pulled_for_each_machine(
    engine: Engine, closed_registry: str, docker_config: Path, arm64: str, tmp_path: Path
) -> None:
    legs = ("amd64", arm64)
    data = tmp_path / "registry"
    data.mkdir()
    with engine.registry(data, 5006) as host:
        places = publishing.places(tmp_path, host, closed_registry)
        receipts = tmp_path / "receipts"
        for arch in legs:
            run = (*publishing.leg(arch), "--run-id=4711")
            publishing.publish(engine, places, docker_config, receipts / arch, *run)
        digests = {arch: _digest(receipts / arch, arch) for arch in legs}
        _collect(data)
        for digest in digests.values():
            assert not list(data.rglob(f"*/{digest.removeprefix('sha256:')}/data"))

        result = publishing.merge(
            places, docker_config, "--receipts", str(receipts), "--keep-anchors"
        )
        assert result["code"] == 0, result["said"]
        (row,) = result["images"]
        restored = [what for what in row["restored"] if "in open" in what]
        assert len(restored) == len(legs), row["restored"]
        for name, repository in {
            "open": f"{host}/ai/backends",
            "closed": f"{closed_registry}/b",
        }.items():
            raw = _inspect(docker_config, f"{repository}:v4.2.2-cpu-llama-cpp", "--raw")
            children = json.loads(raw)["manifests"]
            assert {c["platform"]["architecture"]: c["digest"] for c in children} == digests
            assert raw == row["index"]
            for arch in legs:
                folder = tmp_path / f"{name}-{arch}"
                assert (
                    _pull(docker_config, f"{repository}:latest-cpu-llama-cpp", arch, folder) == arch
                )


def _digest(folder: Path, arch: str) -> str:
    receipt = json.loads((folder / f"cpu-llama-cpp--{arch}.json").read_text())
    return str(receipt["digest"])


def _collect(data: Path) -> None:
    """Untag all, and run the registry's own collector: as quay does with what no tag holds."""
    for tag in list(data.rglob("_manifests/tags/*")):
        shutil.rmtree(tag)
    collector = ("garbage-collect", "--delete-untagged", str(data / "config.yml"))
    output("docker-registry", *collector)


def _inspect(docker_config: Path, image: str, *how: str) -> str:
    flags = ("--tls-verify=false", "--authfile", str(docker_config))
    return output("skopeo", "inspect", *flags, *how, f"docker://{image}")


def _pull(docker_config: Path, image: str, arch: str, folder: Path) -> str:
    """Copy an image to ``folder`` as a machine of ``arch`` would; what it says it is for."""
    flags = ("--src-tls-verify=false", "--src-authfile", str(docker_config))
    output(
        "skopeo", "--override-arch", arch, "copy", *flags, f"docker://{image}", f"oci:{folder}:it"
    )
    return str(json.loads(output("skopeo", "inspect", f"oci:{folder}:it"))["Architecture"])
