"""A job of a plan as an object: several entries on one engine, one call."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagger
from dagger import object_type

from localai_ci.backends.builder import Builder
from localai_ci.backends.smoke import SmokeChoice
from localai_ci.config.kind import ImageKind
from localai_ci.module.arguments import CcacheSave, DryRun, Revision, RunId, RunUrl, never_cached
from localai_ci.module.backend import Backend
from localai_ci.module.server_object import ServerImage
from localai_ci.module.settings import Settings

if TYPE_CHECKING:
    from localai_ci.module.publishing import LegRequest, PublishingRun
    from localai_ci.module.working import Work
    from localai_ci.release.outcomes import JobReport


@object_type
@dataclass(kw_only=True)
class PackedJob:
    """Entries that one machine builds, one after the other, on bases that they share."""

    settings: Settings
    source: dagger.Directory
    entries: str
    kind: ImageKind
    builder: Builder
    base_image: str | None
    bases: str
    variant: str
    images: str
    ccache: str
    refresh: str
    trust: str
    smoke: SmokeChoice

    @never_cached
    async def build(self) -> dagger.Directory:
        """Build, check and start every entry; nothing is published, as for a pull request.

        Returns the folder that `publish` returns, without receipts.
        """
        from localai_ci.module import working

        work, report = await self.done(None)
        return working.folder(work.receipts, report, {})

    @never_cached
    async def publish(
        self,
        run_id: RunId,
        run_url: RunUrl = "",
        revision: Revision = "",
        ccache_save: CcacheSave = False,
        dry_run: DryRun = False,
    ) -> dagger.Directory:
        """Build, check, start and publish every entry; one that fails stops no other.

        Returns a folder: receipts/ of all that succeeded, report.json, summary.md, and `failed`,
        which is only there if an entry failed. The call itself ends well then too, so that the
        receipts come out: end your job with `test ! -e failed`.
        """
        from localai_ci.module import publishing, working

        file = await self.settings.registries_file()
        run = publishing.PublishingRun(file, run_id, run_url, revision)
        work, report = await self.done(run, ccache_save=ccache_save, dry_run=dry_run)
        return working.folder(work.receipts, report, {})

    async def done(
        self,
        run: "PublishingRun | None",
        *,
        ccache_save: bool = False,
        dry_run: bool = False,
        alone: bool = True,
    ) -> "tuple[Work, JobReport]":
        """All its entries, whatever became of each.

        Raises:
            InputError: an entry that is in no matrix, or a setting that cannot be used.
        """
        from localai_ci.backends.request import BackendRequest
        from localai_ci.module.working import HowToWork, Work
        from localai_ci.release.outcomes import JobReport
        from localai_ci.release.targets import login

        began = time.monotonic()
        by = await self.settings.login()
        how = HowToWork(self.smoke, run, login(run.file, by) if run else by, dry_run, alone)
        requests = await self.requests(
            ccache_save=ccache_save and not dry_run, publishes=run is not None
        )
        work = Work()
        await work.all(requests, how)
        shared = [r.shared for r in requests[:1] if isinstance(r, BackendRequest)]
        return work, JobReport(
            self.kind.value,
            run.run_id if run else "",
            tuple(work.outcomes),
            tuple(base for one in shared for base in one.told),
            round(time.monotonic() - began, 1),
        )

    async def requests(self, *, ccache_save: bool, publishes: bool) -> "list[LegRequest]":
        """What is asked of each entry, all of which are known to be in the matrix.

        Raises:
            InputError: one is not, or there is none.
        """
        from dataclasses import replace

        from localai_ci.backends.base_choice import SharedBases
        from localai_ci.backends.source_tree import open_tree
        from localai_ci.errors import InputError
        from localai_ci.matrix.server_image import find

        names = list(dict.fromkeys(self.entries.split()))
        if not names:
            raise InputError("a job without an entry", where="--entries", remedy="Name one.")
        tree = await open_tree(self.source)
        if self.kind is ImageKind.images:
            legs = [find(tree.tables.images[1], name) for name in names]
            return [await self._server(leg.id).request() for leg in legs]
        shared = SharedBases()
        entries = [tree.find(name) for name in names]
        return [
            replace(
                await self._backend(entry.id).request(ccache_save=ccache_save, publishes=publishes),
                shared=shared,
            )
            for entry in entries
        ]

    def _server(self, entry: str) -> ServerImage:
        return ServerImage(
            settings=self.settings,
            source=self.source,
            entry=entry,
            base_image=self.base_image,
            images=self.images,
        )

    def _backend(self, entry: str) -> Backend:
        return Backend(
            settings=self.settings,
            source=self.source,
            entry=entry,
            builder=self.builder,
            base=None,
            base_image=self.base_image,
            bases=self.bases,
            variant=self.variant,
            images=self.images,
            ccache=self.ccache,
            targets=None,
            third_party=None,
            refresh=self.refresh,
            trust=self.trust,
        )
