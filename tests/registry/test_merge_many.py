"""Size, and other people's eyes: hundreds of images in one process, read by three clients."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.clients import ask, go_program, signed_in
from lab.legs import Scene, place
from lab.many import entries, pushed
from lab.rooms import CANARY, USER, Lab

from localai_ci.registry.transport import Transport

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_four_hundred_images_merge_in_one_process_and_again_without_a_write(
    lab: Lab, transport: Transport
) -> None:
    scene = Scene(transport, (place("own", lab.own.address, own_anchors=True),))
    receipts = await pushed(scene, entries(400, with_two_legs=20))
    before = transport.writes
    first = await scene.merge(receipts, keep_anchors=True)
    assert first.ok
    assert len(first.images) == len(scene.rows) == 400
    assert transport.writes - before == 400 * 4, "an index and three tags each"
    assert len({row.digest for row in first.images}) == 400
    before = transport.writes
    assert (await scene.merge(receipts, keep_anchors=True)).ok
    assert transport.writes == before


CLIENTS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "crane": lambda image: ("crane", "manifest", image),
    "regctl": lambda image: ("regctl", "manifest", "get", "--format", "raw-body", image),
}


@pytest.mark.parametrize("client", sorted(CLIENTS))
async def test_go_clients_read_the_same_bytes_and_find_each_platform(
    lab: Lab, transport: Transport, tmp_path: Path, client: str
) -> None:
    """Not of the registry with tokens: crane goes to no token service on loopback."""
    scene = Scene(transport, (place("a", lab.basic.address), place("b", lab.own.address)))
    result = await scene.merge(await scene.both())
    hosts = [target.repository.host for target in scene.targets]
    env = signed_in(tmp_path, *hosts)
    program = go_program(client)
    if client == "regctl":
        tls = {"tls": "disabled", "user": USER, "pass": CANARY}
        regctl = tmp_path / "regctl.json"
        regctl.write_text(json.dumps({"hosts": dict.fromkeys(hosts, tls)}))
        env["REGCTL_CONFIG"] = str(regctl)
    for target in scene.targets:
        image = f"{target.repository}:latest-cpu-test"
        _, *arguments = CLIENTS[client](image)
        assert await ask(program, *arguments, env=env) == result.images[0].index
        for leg in result.images[0].legs:
            arch = leg.split()[0].rpartition("/")[2]
            digest = ("digest",) if client == "crane" else ("image", "digest")
            told = await ask(program, *digest, "--platform", f"linux/{arch}", image, env=env)
            assert told.strip() == leg.split()[1]
