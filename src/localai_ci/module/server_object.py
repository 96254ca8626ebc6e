"""The LocalAI server image as an object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagger
from dagger import object_type

from localai_ci import json_text
from localai_ci.module.arguments import AsJson, DryRun, Revision, RunId, RunUrl, never_cached
from localai_ci.module.settings import Settings

if TYPE_CHECKING:
    from localai_ci.backends.server_build import ServerRequest


@object_type
@dataclass(kw_only=True)
class ServerImage:
    """One leg of the LocalAI server image: an accelerator and an architecture."""

    settings: Settings
    source: dagger.Directory
    entry: str
    base_image: str | None
    images: str

    async def request(self) -> "ServerRequest":
        """What is asked of the build.

        Raises:
            InputError: a mirror or the Docker config cannot be what it is meant to be.
        """
        from localai_ci.backends.server_build import ServerRequest

        return ServerRequest(
            self.source,
            self.entry,
            self.base_image or "",
            self.settings.mirrors,
            self.images,
            await self.settings.login(),
        )

    @never_cached
    async def container(self) -> dagger.Container:
        """Build it; go on with `export --path image.tar`, `terminal`, `publish`."""
        from localai_ci.backends import server_build

        return (await server_build.build(await self.request())).container

    @never_cached
    async def report(self, as_json: AsJson = False) -> str:
        """Build it and tell what it is: version and commit, inputs, how it starts."""
        from localai_ci.backends import server_build
        from localai_ci.text import table

        built = await server_build.build(await self.request())
        ports = [f"{await p.port()}/{await p.protocol()}" for p in await _ports(built.container)]
        told: dict[str, object] = {
            "entry": built.leg.id,
            "revision": built.head.revision,
            "tags": list(built.head.tags),
            "inputs": built.inputs,
            "found": built.found,
            "entrypoint": await built.container.entrypoint(),
            "healthcheck": await built.container.docker_healthcheck().args(),
            "ports": ports,
        }
        if as_json:
            return json_text.write(told, indent=2)
        return table(("what", "value"), [(name, str(value)) for name, value in told.items()])

    @never_cached
    async def smoke(self, as_json: AsJson = False) -> str:
        """Build it, start it as its entrypoint says, and wait for its own health check."""
        from localai_ci.backends import server_build

        health = await server_build.smoke(await server_build.build(await self.request()))
        return health.as_json() if as_json else health.as_line(self.entry)

    @never_cached
    async def publish(
        self, run_id: RunId, run_url: RunUrl = "", revision: Revision = "", dry_run: DryRun = False
    ) -> dagger.Directory:
        """Build it, push it to every registry under its run's anchor, and prove it there.

        Returns a folder with the receipt, as `backend … publish` does.
        """
        from localai_ci.module import publishing

        file = await self.settings.registries_file()
        run = publishing.PublishingRun(file, run_id, run_url, revision)
        return await publishing.publish(await self.request(), run, dry_run=dry_run)


async def _ports(container: dagger.Container) -> list[dagger.Port]:
    return await container.exposed_ports()
