"""Darwin: what LocalAI's own workflow pushed joins the run, and is merged with the rest."""

import json

import anyio
import pytest
from registries.console import Console
from registries.images import image, publish
from registries.legs import RUN, SHA
from registries.oci import Registry, oci_registry

from localai_ci.oci import manifests
from localai_ci.oci.manifests import DOCKER_MANIFEST, OCI_INDEX, Manifest
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport

DARWIN = "metal-darwin-arm64-whisper/darwin-arm64"
SUFFIX = "-metal-darwin-arm64-whisper"


def pushed(registry: Registry, arch: str = "darwin-arm64") -> str:
    """An image as `crane push` leaves LocalAI's tar: Docker's media types, no labels."""
    place = Repository.parse(f"{registry.address}/elsewhere/darwin")

    async def push() -> Manifest:
        async with Transport() as transport:
            return await publish(transport, place, "t", "mac", arch, media_type=DOCKER_MANIFEST)

    anyio.run(push)
    return f"{place}:t"


def receipt(console: Console, image: str, *more: str, entry: str = DARWIN) -> int:
    return console.run(
        "receipt", "--entry", entry, "--image", image, "--run-id", RUN.id, "--revision", SHA,
        "--registries", str(console.file), "-o", str(console.receipts), *more,
    )  # fmt: skip


def test_a_promised_darwin_image_is_demanded_then_adopted_and_tagged_with_the_rest(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        target = console.set_up(registry)
        plan = console.plan("cpu-test/amd64", "cpu-test/arm64", DARWIN)
        assert console.merge(*plan) == 1
        assert f"no receipt for {DARWIN}" in console.rows[SUFFIX].error
        assert console.rows["-cpu-test"].status == "merged"

        assert receipt(console, pushed(registry), "--seconds", "61") == 0
        assert "for darwin/arm64" in capsys.readouterr().out
        assert console.merge(*plan) == 0, console.rows
        assert {row.status for row in console.rows.values()} == {"merged", "unchanged"}
        tags = registry.repos[target.repository.path].tags
        names = {"v4.2.2", "latest", f"sha-{SHA[:7]}"}
        assert {f"{name}{SUFFIX}" for name in names} <= set(tags)
        raw = registry.repos[target.repository.path].manifests[tags[f"latest{SUFFIX}"]]
        (child,) = json.loads(raw[1])["manifests"]
        assert child["platform"] == {"architecture": "arm64", "os": "darwin"}


def test_an_image_for_another_machine_is_no_darwin_leg(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        console.set_up(registry)
        assert receipt(console, pushed(registry, "arm64")) == 3
        assert "what was pushed is for linux/arm64" in capsys.readouterr().err
        assert receipt(console, pushed(registry), entry="cpu-test-2/arm64") == 3
        assert "what was pushed is for darwin/arm64" in capsys.readouterr().err
        assert sorted(path.name for path in console.receipts.iterdir()) == [
            "cpu-test--amd64.json", "cpu-test--arm64.json",
        ]  # fmt: skip


def test_an_image_that_is_not_there_says_what_the_merge_will_miss(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        console.set_up(registry)
        assert receipt(console, f"{registry.address}/elsewhere/darwin:t") == 3
        assert f"this run's merge demands {DARWIN}" in capsys.readouterr().err


def test_an_index_is_refused_by_name(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with oci_registry() as registry:
        console.set_up(registry)
        where = Reference.parse(pushed(registry))
        child, _ = image("mac", "darwin-arm64", DOCKER_MANIFEST)
        listed = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
            {"mediaType": DOCKER_MANIFEST, "digest": child.digest, "size": len(child.raw)},
        ]}  # fmt: skip

        async def put() -> None:
            async with Transport() as transport:
                index = Manifest(json.dumps(listed).encode(), OCI_INDEX)
                await manifests.put(transport, where.repository.at("index"), index)

        anyio.run(put)
        assert receipt(console, f"{where.repository}:index") == 2
        assert "an index of several images" in capsys.readouterr().err


@pytest.mark.parametrize("entry", ["whisper", "../x/amd64", "a b/amd64", "x/darwin-arm64\n"])
def test_a_name_that_is_no_entry_writes_nothing(console: Console, entry: str) -> None:
    with oci_registry() as registry:
        console.set_up(registry)
        before = len(registry.repos)
        assert receipt(console, f"{registry.address}/elsewhere/darwin:t", entry=entry) == 2
        assert len(registry.repos) == before


def test_a_dry_run_says_where_it_would_go_and_copies_nothing(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with oci_registry() as registry:
        target = console.set_up(registry)
        tags = dict(registry.repos[target.anchors.path].tags)
        assert receipt(console, pushed(registry), "--dry-run") == 0
        assert f"-{RUN.id}{SUFFIX}-darwin-arm64" in capsys.readouterr().out
        assert registry.repos[target.anchors.path].tags == tags
