"""What is deleted, by its name and never by digest: anchors, and names of inputs nobody uses."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from localai_ci.errors import LocalaiCiError
from localai_ci.names import anchor_day, is_input_tag, is_kept_receipt_tag, kept_receipt_tag
from localai_ci.oci import manifests
from localai_ci.oci.concurrency import run_all
from localai_ci.oci.manifests import NoTagDeleteError
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.transport import Transport
from localai_ci.release import kept


@dataclass
class Cleaner:
    """Deletes tags of ours; a registry that cannot is asked no more than a few times."""

    transport: Transport
    _cannot: dict[str, LocalaiCiError] = field(default_factory=dict)

    async def drop(self, anchor: Reference) -> bool:
        """Delete one tag by its name; nothing that is named otherwise than ours are.

        Returns:
            Whether there was one.

        Raises:
            RegistryError: the registry cannot, or refused.
        """
        if not (anchor_day(anchor.tag) or is_input_tag(anchor.tag)):
            return False
        if refusal := self._cannot.get(anchor.repository.registry):
            raise refusal
        try:
            tag = Reference(anchor.repository, anchor.tag)
            return await manifests.delete_tag(self.transport, tag)
        except NoTagDeleteError as e:
            self._cannot[anchor.repository.registry] = e
            raise


def stale(tags: Iterable[str], before: dt.date) -> list[str]:
    """Anchors made before a day (UTC), sorted; tags that are not anchors are never among them."""
    limit = before.strftime("%Y%m%d")
    return sorted(tag for tag in tags if (day := anchor_day(tag)) and day < limit)


Report = Callable[[Reference, str], None]
"""Told of every tag, and what became of it."""


async def collect_garbage(
    transport: Transport,
    repositories: Iterable[Repository],
    before: dt.date,
    report: Report,
    *,
    dry_run: bool = True,
) -> bool:
    """Delete the anchors that are older than a day.

    Args:
        transport: The way out.
        repositories: Where anchors stand.
        before: Anchors of this day and later stay.
        report: Told of every anchor, and what became of it.
        dry_run: Only tell.

    Returns:
        Whether all could be deleted.
    """
    well = True
    for repository in dict.fromkeys(repositories):
        found = stale(await manifests.list_tags(transport, repository), before)
        anchors = [repository.at(tag) for tag in found]
        well &= await _drop(transport, anchors, report, dry_run=dry_run)
    return well


async def collect_input_tags(
    transport: Transport,
    repositories: Iterable[Repository],
    before: dt.date,
    named: Collection[str],
    report: Report,
    *,
    dry_run: bool = True,
) -> bool:
    """Delete the names of inputs that are old and that no plan names, with the receipts beside.

    The images themselves stay where a released index has them.

    Args:
        transport: The way out.
        repositories: Where images stand under the names of their inputs.
        before: What was built on this day and later stays.
        named: Tags that plans name: what they found built.
        report: Told of every tag that is old or of unknown age, and what became of it.
        dry_run: Only tell.

    Returns:
        Whether all could be deleted.
    """
    limit, well = before.strftime("%Y%m%d"), True
    for repository in dict.fromkeys(repositories):
        listed = set(await manifests.list_tags(transport, repository))
        legs = {tag for tag in listed if is_input_tag(tag) and not is_kept_receipt_tag(tag)}
        unnamed = sorted(legs - set(named))
        receipts = [kept_receipt_tag(tag) for tag in unnamed]
        days = dict(
            zip(unnamed, await run_all(partial(_day, transport, repository, listed, tag)
                                       for tag in receipts), strict=True)
        )  # fmt: skip
        for tag in unnamed:
            if not days[tag]:
                report(repository.at(tag), "stays: no receipt beside it says how old it is")
        old = [tag for tag in unnamed if days[tag] and days[tag] < limit]
        # The leg first: a receipt without its leg is found again, a leg without its day is not.
        for tags in (old, [kept_receipt_tag(tag) for tag in old]):
            places = [repository.at(tag) for tag in tags]
            well &= await _drop(transport, places, report, dry_run=dry_run)
        orphans = sorted(
            tag for tag in listed
            if is_kept_receipt_tag(tag) and tag not in {kept_receipt_tag(leg) for leg in legs}
        )  # fmt: skip
        places = [repository.at(tag) for tag in orphans]
        well &= await _drop(transport, places, report, dry_run=dry_run)
    return well


async def _day(
    transport: Transport, repository: Repository, listed: Collection[str], receipt: str
) -> str:
    """The day that a leg was built on, as the receipt beside it says."""
    return await kept.day_of(transport, repository.at(receipt)) if receipt in listed else ""


async def _drop(
    transport: Transport, tags: Sequence[Reference], report: Report, *, dry_run: bool
) -> bool:
    """Delete tags, or tell that they would be; whether all could be."""
    well = True
    cleaner = Cleaner(transport)

    async def drop(tag: Reference) -> None:
        nonlocal well
        try:
            gone = await cleaner.drop(tag)
            report(tag, "deleted" if gone else "was gone already")
        except LocalaiCiError as e:
            well = False
            report(tag, e.what)

    if dry_run:
        for tag in tags:
            report(tag, "would be deleted")
    else:
        await run_all(partial(drop, tag) for tag in tags)
    return well
