"""A backend as an object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import dagger
from dagger import Doc, object_type

from localai_ci.backends.builder import Builder
from localai_ci.module.arguments import (
    AsJson,
    CcacheSave,
    DryRun,
    Revision,
    RunId,
    RunUrl,
    never_cached,
)
from localai_ci.module.settings import Settings

if TYPE_CHECKING:
    from localai_ci.backends.request import BackendRequest


@object_type
@dataclass(kw_only=True)
class Backend:
    """One entry of the matrix: a backend for an accelerator and an architecture."""

    settings: Settings
    source: dagger.Directory
    entry: str
    builder: Builder
    base: dagger.Container | None
    base_image: str | None
    bases: str
    variant: str
    images: str
    ccache: str
    targets: list[str] | None
    third_party: dagger.Directory | None
    refresh: str
    trust: str

    async def request(
        self, *, ccache_save: bool = False, publishes: bool = False
    ) -> "BackendRequest":
        """What is asked of the build; one that publishes is a release's, if nothing else is said.

        Raises:
            InputError: a mirror, the Docker config or --trust cannot be what it is meant to be.
        """
        from localai_ci.backends import trust
        from localai_ci.backends.base_choice import BasePreference
        from localai_ci.backends.request import BackendRequest

        return BackendRequest(
            self.source,
            self.entry,
            BasePreference(self.builder, self.base, self.bases, self.base_image),
            self.variant,
            self.settings.mirrors,
            self.settings.mirror_credentials,
            self.ccache,
            ccache_save=ccache_save,
            targets=tuple(self.targets or ()),
            third_party=self.third_party,
            refresh=self.refresh,
            images=self.images,
            login=await self.settings.login(),
            trust=trust.domain(self.trust, trust.RELEASE if publishes else trust.PULL_REQUEST),
        )

    @never_cached
    async def image(self, ccache_save: CcacheSave = False) -> dagger.Container:
        """Build its image, FROM scratch, and check that nothing is missing in it.

        Go on from it: `export --path image.tar` writes it, `publish` pushes it.
        """
        from localai_ci.backends import build

        return (await build.build(await self.request(ccache_save=ccache_save))).container

    @never_cached
    async def report(
        self,
        canary: Annotated[
            bool, Doc("Fail if --ccache has less than 95 % of an unchanged rebuild's objects")
        ] = False,
        as_json: AsJson = False,
    ) -> str:
        """Build it and tell how: base and why, compiler cache, size by part."""
        from localai_ci.backends import build, report

        built = await build.build(await self.request())
        if canary:
            report.check_cache(built)
        return report.as_json(built) if as_json else report.as_table(built)

    @never_cached
    async def smoke(self, as_json: AsJson = False) -> str:
        """Build it, start it from its image, and print what its gRPC Health answers."""
        from localai_ci.backends import build

        request = await self.request()
        health = await build.smoke(request, await build.build(request))
        return health.as_json() if as_json else health.as_line(self.entry)

    @never_cached
    async def publish(
        self,
        run_id: RunId,
        run_url: RunUrl = "",
        revision: Revision = "",
        ccache_save: CcacheSave = False,
        dry_run: DryRun = False,
    ) -> dagger.Directory:
        """Build it, push it to every registry under its run's anchor, and prove it there.

        Returns a folder with the receipt: put those of all legs together and `localai-ci merge`.
        A dry run builds and checks it, pushes nothing, and returns what would be pushed where.
        """
        from localai_ci.module import publishing

        file = await self.settings.registries_file()
        return await publishing.publish(
            await self.request(ccache_save=ccache_save and not dry_run, publishes=True),
            publishing.PublishingRun(file, run_id, run_url, revision),
            dry_run=dry_run,
        )
