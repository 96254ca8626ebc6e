"""Pushed legs with their receipts, and a merge over them: what most merge tests start from."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import TagRule
from localai_ci.names import anchor_tag, leg_labels, split_entry_id
from localai_ci.oci.manifests import OCI_MANIFEST, parts
from localai_ci.oci.transport import Transport
from localai_ci.release.merge import Merge
from localai_ci.release.merge_image import Options, Signer
from localai_ci.release.merge_plan import Image, images
from localai_ci.release.proof import prove_and_receipt
from localai_ci.release.receipt import Platform, Publication, Receipt, Run
from localai_ci.release.result import ImageRow, MergeResult
from localai_ci.release.tags import GitEvent, TagSet, tags
from localai_ci.release.targets import Target
from registries.images import image, publish
from registries.session import fresh

SHA = "a1b2c3d" + "0" * 33
RUN = Run(id="4711", day=dt.date(2026, 11, 20), revision=SHA)
RELEASE = GitEvent("push", "refs/tags/v4.2.2", SHA)
BRANCH = GitEvent("push", "refs/heads/master", SHA)
BOTH = ("cpu-test/amd64", "cpu-test/arm64")


def leg(arch: str, variant: str = "", media_type: str = OCI_MANIFEST, text: str = "") -> Receipt:
    """The receipt of a leg that nobody pushed, for pure functions."""
    manifest, _ = image(text or arch, arch, media_type)
    config, layers = parts(manifest)
    entry = f"cpu-test/{arch}{variant}"
    return Receipt(
        entry=entry,
        legs=(entry,),
        platform=Platform(os="linux", architecture=arch, variant=variant),
        digest=manifest.digest,
        size=len(manifest.raw),
        media_type=media_type,
        manifest=manifest.raw.decode(),
        config=config,
        layers=layers,
        publications=(Publication(registry="a", anchor="a.test/b:c", digest=manifest.digest),),
        run=RUN,
    )


def place(name: str, address: str, *, own_anchors: bool = False) -> Target:
    """Fresh repositories in one registry."""
    repository = fresh(address, "images")
    return Target(name, repository, repository if own_anchors else fresh(address, "cache"))


def name_by(event: GitEvent, _: ImageKind, suffix: str) -> TagSet:
    return tags(event, (TagRule.semver, TagRule.branch, TagRule.sha), suffix)


def planned(
    receipts: Sequence[Receipt], event: GitEvent = RELEASE, promised: Sequence[str] | None = None
) -> tuple[Image, ...]:
    told = None if promised is None else {ImageKind.backends: promised}
    return images(receipts, told, partial(name_by, event), event.sha)


@dataclass
class Scene:
    """Registries to publish to, through one transport."""

    transport: Transport
    targets: tuple[Target, ...]
    signer: Signer | None = None
    rows: list[ImageRow] = field(default_factory=list)

    async def leg(
        self,
        entry: str,
        legs: Sequence[str] = (),
        text: str = "",
        kind: ImageKind = ImageKind.backends,
        *,
        labelled: bool = True,
        revision: str = SHA,
    ) -> Receipt:
        """Push one leg to all anchors as `backend … publish` does, and take its receipt."""
        arch = split_entry_id(entry)[1]
        tag = anchor_tag("20261120", RUN.id, entry)
        labels = leg_labels(kind, entry, revision) if labelled else None
        run = RUN.model_copy(update={"revision": revision})
        for target in self.targets:
            await publish(self.transport, target.anchors, tag, text or entry, arch, labels)
        anchors = {target.name: target.anchors.at(tag) for target in self.targets}
        return await prove_and_receipt(
            self.transport, entry=entry, anchors=anchors, run=run, legs=legs, kind=kind
        )

    async def both(self, text: str = "") -> list[Receipt]:
        return [await self.leg(entry, BOTH, text and f"{text} {entry}") for entry in BOTH]

    async def merge(
        self,
        receipts: Sequence[Receipt],
        event: GitEvent = RELEASE,
        promised: Sequence[str] | None = None,
        remembered: Mapping[tuple[ImageKind, str], ImageRow] | None = None,
        **options: object,
    ) -> MergeResult:
        merge = Merge(
            self.transport,
            dict.fromkeys(ImageKind, self.targets),
            Options(**options),  # type: ignore[arg-type]
            self.signer,
            self.rows.append,
            remembered=remembered or {},
        )
        return await merge.run(planned(receipts, event, promised))

    async def tags(self, *names: str) -> list[Mapping[str, str | None]]:
        """What each registry has under these tags."""
        from localai_ci.oci import manifests

        return [
            {
                name: await manifests.find(self.transport, target.repository.at(name))
                for name in names
            }
            for target in self.targets
        ]
