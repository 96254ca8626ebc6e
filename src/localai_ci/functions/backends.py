"""The functions of backends."""

from typing import Annotated

import dagger
from dagger import Doc

from localai_ci.args import AsJson, RegistriesFile, RunId
from localai_ci.effects import never_cached
from localai_ci.functions.flags import BackendFlags, KeptFlags, spread


class BackendFunctions:
    """What builds backends."""

    @never_cached
    @spread
    async def build_backend(self, flags: KeptFlags) -> dagger.Container:
        """Build one backend's image, FROM scratch, and check that nothing is missing in it.

        Go on from it: `export --path image.tar` writes it, `publish` pushes it.
        """
        from localai_ci.backends.build import build

        return (await build(await flags.request())).container

    @never_cached
    @spread
    async def backend_report(
        self,
        flags: BackendFlags,
        canary: Annotated[
            bool, Doc("Fail if --ccache has less than 95 % of an unchanged rebuild's objects")
        ] = False,
        as_json: AsJson = False,
    ) -> str:
        """Build one backend and tell how: base and why, compiler cache, size by part."""
        from localai_ci.backends import report
        from localai_ci.backends.build import build

        built = await build(await flags.request())
        if canary:
            report.check_cache(built)
        return report.as_json(built) if as_json else report.as_table(built)

    @never_cached
    @spread
    async def smoke(self, flags: BackendFlags, as_json: AsJson = False) -> str:
        """Build one backend, start it from its image, and print what its gRPC Health answers."""
        from localai_ci.backends.build import smoke

        health = await smoke(await flags.request())
        return health.as_json() if as_json else health.as_line(flags.entry)

    @never_cached
    @spread
    async def publish_backend(
        self,
        flags: KeptFlags,
        run_id: RunId,
        registries: RegistriesFile = None,
        run_url: Annotated[str, Doc("Where the run can be looked at")] = "",
        revision: Annotated[str, Doc("The commit that is built")] = "",
    ) -> dagger.Directory:
        """Build one leg, push it to every registry under its run's anchor, and prove it there.

        Returns a folder with the receipt: put those of all legs together and `localai-ci merge`.
        """
        from localai_ci.functions.reading import read_registries
        from localai_ci.publishing import publish

        file = await read_registries(registries)
        return await publish(await flags.request(), file, run_id, run_url, revision)
