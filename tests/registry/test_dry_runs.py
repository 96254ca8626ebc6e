"""Dry runs of what publishes: they tell what would be done, and their client cannot write."""

import datetime as dt
import json
from typing import Any, cast

import pytest
from registries.images import publish
from registries.oci import oci_registry
from registries.session import QUICK, Servers, fresh

from localai_ci.backends.publish import PushedLeg, ReadyLeg
from localai_ci.bases.publish import intended
from localai_ci.matrix.loading import load_matrix
from localai_ci.names import anchor_tag, leg_labels
from localai_ci.oci import manifests
from localai_ci.oci.credentials import Keyring
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.login import Login
from localai_ci.oci.transport import Transport

pytestmark = pytest.mark.anyio


async def test_a_dry_run_of_a_base_tells_for_each_repository_what_would_be_done(
    servers: Servers, transport: Transport
) -> None:
    places = [fresh(servers.own.address), fresh(servers.basic.address)]

    async def told() -> list[str]:
        async with Transport(servers.keyring(), policy=QUICK, read_only=True) as reader:
            return [one.how for one in await intended(reader, places, "base-1234", "base")]

    assert await told() == ["would be built"] * 2
    there = await publish(transport, places[0], "base-1234", "base")
    assert await told() == ["would be moved", "would be copied"]
    await manifests.put(transport, places[0].at("base"), there)
    assert await told() == ["unchanged", "would be copied"]
    assert await manifests.list_tags(transport, places[1]) == []


async def test_the_client_of_a_dry_run_cannot_write() -> None:
    with oci_registry() as registry:
        place = fresh(registry.address)
        login = Login(Keyring({}), insecure=True)
        async with login.transport([place], QUICK, read_only=True) as reader:
            with pytest.raises(RegistryError, match="a dry run only reads"):
                await publish(reader, place, "t", "x")


def test_a_dry_run_of_a_backend_names_anchors_labels_and_inputs_and_is_no_receipt() -> None:
    entry = next(e for e in load_matrix().entries if e.os == "linux")
    tag = anchor_tag("20261120", "4711", entry.id)
    anchor = fresh("127.0.0.1:5000").at(tag)
    leg = PushedLeg(entry, "0" * 64, dt.date(2026, 11, 20), {"own": anchor}, (entry.id,), 1.0)
    labels = leg_labels("backends", entry.id, "a" * 40)
    told: dict[str, Any] = json.loads(ReadyLeg(leg, cast("Any", None), labels).as_json())
    assert told["dry_run"] is True
    assert told["anchors"] == {"own": str(anchor)}
    assert told["labels"]["io.localai.ci.entry"] == entry.id
    assert told["input_tag"].startswith("in-000000000000-")
    assert "digest" not in told
