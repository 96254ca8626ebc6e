"""What binds a receipt to its leg: names that can be reckoned, and the registry's own bytes.

A receipt is written by a job, and nothing in it is believed for being written there. Where a leg
waits follows from its run and entry; what it is, its own configuration says, which hangs on its
digest; and of a leg without our labels a registry must say that its anchor has this digest.
docs/explanation/threat-model.md says what that is worth.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from localai_ci import json_text
from localai_ci.config import bounds
from localai_ci.config.kind import ImageKind
from localai_ci.errors import LocalaiCiError
from localai_ci.names import (
    ENTRY_LABEL,
    KIND_LABEL,
    REVISION_LABEL,
    anchor_tag,
    is_input_tag,
    platform_of,
    split_entry_id,
)
from localai_ci.oci import blobs, manifests
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.errors import DigestError, RegistryError
from localai_ci.oci.reference import Repository, is_tag
from localai_ci.oci.transport import Transport
from localai_ci.release.receipt import Platform, Receipt
from localai_ci.release.targets import Target

_REMEDY = "Take the receipt that `backend … publish` returned in this run, or build the leg again."


class UnboundError(LocalaiCiError):
    """A receipt that says other than names and bytes do: its image is refused."""


@dataclass(frozen=True)
class Bounds:
    """What all receipts of one merge must agree with.

    Attributes:
        targets: The registries of each family of images.
        revision: The commit that is merged.
        run_id: The run that built the legs; empty where that is not said.
    """

    targets: Mapping[ImageKind, Sequence[Target]]
    revision: str
    run_id: str = ""


def anchor(target: Target, receipt: Receipt) -> str:
    """Where a receipt's leg waits in a registry, by the naming rule alone."""
    day = receipt.run.day.strftime("%Y%m%d")
    tag = anchor_tag(day, receipt.run.id, receipt.entry)
    return str(target.anchors.at(tag)) if is_tag(tag) else ""


def faults(receipt: Receipt, bounds: Bounds) -> list[str]:
    """Where a receipt differs from what a merge knows without asking: pure."""
    places = {target.name: target for target in bounds.targets[receipt.kind]}
    found = []
    for one in receipt.publications:
        target = places.get(one.registry)
        if target is None:
            found.append(f"{one.registry!r} is not a registry of registries.yaml")
        elif one.anchor != (expected := anchor(target, receipt)):
            found.append(f"its anchor in {one.registry} is {one.anchor!r}, not {expected!r}")
    if len({one.registry for one in receipt.publications}) < len(receipt.publications):
        found.append("it names a registry twice")
    if receipt.run.revision != bounds.revision:
        said = receipt.run.revision or "no revision (publish --revision)"
        found.append(f"it is of {said}, and {bounds.revision} is merged")
    if bounds.run_id and receipt.run.id != bounds.run_id:
        found.append(f"it is of the run {receipt.run.id!r}, not of {bounds.run_id!r}")
    if receipt.configuration:
        found += _differences(receipt, receipt.configuration.encode())[0]
    return found


def faults_of_reused(receipt: Receipt, targets: Sequence[Target]) -> list[str]:
    """The same for a leg that stands under the name of its inputs."""
    places = {str(target.repository) for target in targets}
    wrong = [
        f"{one.anchor} is not where images of its inputs stand"
        for one in receipt.publications
        if str(one.repository) not in places
        or not is_input_tag(one.reference.tag, receipt.entry)
        or one.reference.digest
    ]
    return wrong + _differences(receipt, receipt.configuration.encode())[0]


def revision_of(receipt: Receipt) -> str:
    """The commit that a leg's own bytes name, or nothing."""
    try:
        return str(json_text.read(receipt.configuration)["config"]["Labels"][REVISION_LABEL])
    except (ValueError, KeyError, TypeError):
        return ""


async def check(transport: Transport, receipt: Receipt, others: Iterable[Repository]) -> None:
    """Ask registries for what a receipt does not prove by itself.

    Args:
        transport: The way out.
        receipt: Its places are those of the naming rule.
        others: Further repositories that may have its blobs.

    Raises:
        UnboundError: its bytes are of something else, or nothing says that they are its own.
        RegistryError: its configuration is nowhere any more, or a registry refused.
    """
    places = dict.fromkeys([*(one.repository for one in receipt.publications), *others])
    text = receipt.configuration.encode() or await _configuration(transport, receipt, places)
    wrong, labelled = _differences(receipt, text)
    if not wrong and not labelled:
        wrong = await _anchored(transport, receipt)
    if wrong:
        raise refusal(receipt.entry, wrong)


def refusal(entry: str, wrong: Sequence[str]) -> UnboundError:
    """The error of a receipt that is not bound to its leg."""
    return UnboundError(
        f"the receipt of {entry} is not of this leg: {'; '.join(wrong)}", remedy=_REMEDY
    )


def _differences(receipt: Receipt, configuration: bytes) -> tuple[list[str], bool]:
    """What a configuration says other than the receipt, and whether it says the entry at all."""
    try:
        data: dict[str, Any] = json_text.read(configuration)
        labels = (data.get("config") or {}).get("Labels") or {}
        platform = Platform(
            os=data["os"], architecture=data["architecture"], variant=data.get("variant") or ""
        )
        said = {name: labels.get(name) for name in (KIND_LABEL, ENTRY_LABEL, REVISION_LABEL)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return ["its configuration names no platform"], False
    wrong = []
    arch = split_entry_id(receipt.entry)[1]
    if platform.key != receipt.platform.key:
        wrong.append(f"its bytes are for {platform}, the receipt says {receipt.platform}")
    if (platform.os, platform.architecture) != platform_of(arch):
        wrong.append(f"its bytes are for {platform}, the entry is for {arch}")
    expected = {
        KIND_LABEL: str(receipt.kind),
        ENTRY_LABEL: receipt.entry,
        REVISION_LABEL: receipt.origin.revision,
    }
    wrong += [
        f"its bytes say {name}={value!r}, the receipt {expected[name]!r}"
        for name, value in said.items()
        if value and value != expected[name]
    ]
    return wrong, bool(said[ENTRY_LABEL] and said[KIND_LABEL])


async def _anchored(transport: Transport, receipt: Receipt) -> list[str]:
    """Why the leg's own tags do not say that it has this digest; nothing where one says so."""
    answers = await run_all(
        partial(manifests.head_confirmed, transport, one.reference) for one in receipt.publications
    )
    other = [
        f"{one.anchor} has {answer}, the receipt says {receipt.digest}"
        for one, answer in zip(receipt.publications, answers, strict=True)
        if answer not in {None, receipt.digest}
    ]
    if other or any(answers):
        return other
    return [f"its bytes carry no label {ENTRY_LABEL}, and its anchors are gone"]


async def _configuration(
    transport: Transport, receipt: Receipt, places: Iterable[Repository]
) -> bytes:
    if receipt.config.size > bounds.MANIFEST_BYTES:
        raise refusal(receipt.entry, [f"its configuration has {receipt.config.size} bytes"])
    failure = RegistryError("no repository is known that has it", where=receipt.config.digest)
    for place in places:
        try:
            pieces = blobs.pull(transport, place, receipt.config)
            return b"".join([piece async for piece in pieces])
        except DigestError:
            raise
        except RegistryError as e:
            failure = e
    raise RegistryError(
        f"the configuration of {receipt.entry} is nowhere any more: {failure.what}",
        where=failure.where,
        remedy=f"Build it again (dagger call backend --entry {receipt.entry}), then merge.",
        status=failure.status,
    )
