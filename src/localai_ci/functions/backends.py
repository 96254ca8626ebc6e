"""The functions of backends."""

from typing import Annotated

import dagger
from dagger import Doc

from localai_ci.args import (
    AptMirror,
    AptPortsMirror,
    AptSnapshot,
    AsJson,
    BaseGiven,
    BaseImage,
    Bases,
    BaseVariant,
    CcacheRepository,
    CcacheSave,
    CompileTargets,
    DepsRefresh,
    DockerConfig,
    EntryId,
    Epoch,
    Images,
    Insecure,
    Mirror,
    MirrorCredentials,
    RegistriesFile,
    RunId,
    SourceDir,
    ThirdParty,
)
from localai_ci.builder import Builder
from localai_ci.effects import never_cached


class Backends:
    """What builds backends."""

    @never_cached
    async def build_backend(
        self,
        source: SourceDir,
        entry: EntryId,
        builder: Builder = Builder.auto,
        base: BaseGiven = None,
        bases: Bases = "",
        variant: BaseVariant = "",
        base_image: BaseImage = None,
        images: Images = "",
        ccache: CcacheRepository = "",
        ccache_save: CcacheSave = False,
        targets: CompileTargets = None,
        third_party: ThirdParty = None,
        refresh: DepsRefresh = "",
        docker_config: DockerConfig = None,
        insecure: Insecure = False,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
        apt_ports_mirror: AptPortsMirror = "",
        apt_snapshot: AptSnapshot = "",
        epoch: Epoch = "",
    ) -> dagger.Container:
        """Build one backend's image, FROM scratch, and check that nothing is missing in it.

        Go on from it: `export --path image.tar` writes it, `publish` pushes it.
        """
        from localai_ci import backend

        request = await backend.request(
            source=source, entry=entry, builder=builder, base=base, bases=bases, variant=variant,
            base_image=base_image, images=images, ccache=ccache, ccache_save=ccache_save,
            targets=targets, third_party=third_party, refresh=refresh, docker_config=docker_config,
            insecure=insecure, mirror=mirror, mirror_credentials=mirror_credentials,
            apt_mirror=apt_mirror, apt_ports_mirror=apt_ports_mirror, apt_snapshot=apt_snapshot,
            epoch=epoch,
        )  # fmt: skip
        return (await backend.build(request)).container

    @never_cached
    async def backend_report(
        self,
        source: SourceDir,
        entry: EntryId,
        builder: Builder = Builder.auto,
        base: BaseGiven = None,
        bases: Bases = "",
        variant: BaseVariant = "",
        base_image: BaseImage = None,
        images: Images = "",
        ccache: CcacheRepository = "",
        targets: CompileTargets = None,
        third_party: ThirdParty = None,
        refresh: DepsRefresh = "",
        docker_config: DockerConfig = None,
        insecure: Insecure = False,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
        apt_ports_mirror: AptPortsMirror = "",
        apt_snapshot: AptSnapshot = "",
        epoch: Epoch = "",
        canary: Annotated[
            bool, Doc("Fail if --ccache has less than 95 % of an unchanged rebuild's objects")
        ] = False,
        as_json: AsJson = False,
    ) -> str:
        """Build one backend and tell how: base and why, compiler cache, size by part."""
        from localai_ci import backend

        request = await backend.request(
            source=source, entry=entry, builder=builder, base=base, bases=bases, variant=variant,
            base_image=base_image, images=images, ccache=ccache, targets=targets,
            third_party=third_party, refresh=refresh, docker_config=docker_config,
            insecure=insecure, mirror=mirror, mirror_credentials=mirror_credentials,
            apt_mirror=apt_mirror, apt_ports_mirror=apt_ports_mirror, apt_snapshot=apt_snapshot,
            epoch=epoch,
        )  # fmt: skip
        built = await backend.build(request)
        if canary:
            backend.check_cache(built)
        return backend.as_json(built) if as_json else backend.as_table(built)

    @never_cached
    async def smoke(
        self,
        source: SourceDir,
        entry: EntryId,
        builder: Builder = Builder.auto,
        base: BaseGiven = None,
        bases: Bases = "",
        variant: BaseVariant = "",
        base_image: BaseImage = None,
        images: Images = "",
        ccache: CcacheRepository = "",
        targets: CompileTargets = None,
        third_party: ThirdParty = None,
        refresh: DepsRefresh = "",
        docker_config: DockerConfig = None,
        insecure: Insecure = False,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
        apt_ports_mirror: AptPortsMirror = "",
        apt_snapshot: AptSnapshot = "",
        epoch: Epoch = "",
        as_json: AsJson = False,
    ) -> str:
        """Build one backend, start it from its image, and print what its gRPC Health answers."""
        from localai_ci import backend

        request = await backend.request(
            source=source, entry=entry, builder=builder, base=base, bases=bases, variant=variant,
            base_image=base_image, images=images, ccache=ccache, targets=targets,
            third_party=third_party, refresh=refresh, docker_config=docker_config,
            insecure=insecure, mirror=mirror, mirror_credentials=mirror_credentials,
            apt_mirror=apt_mirror, apt_ports_mirror=apt_ports_mirror, apt_snapshot=apt_snapshot,
            epoch=epoch,
        )  # fmt: skip
        health = await backend.smoke(request)
        return health.as_json() if as_json else health.as_line(entry)

    @never_cached
    async def publish_backend(
        self,
        source: SourceDir,
        entry: EntryId,
        run_id: RunId,
        registries: RegistriesFile = None,
        run_url: Annotated[str, Doc("Where the run can be looked at")] = "",
        revision: Annotated[str, Doc("The commit that is built")] = "",
        builder: Builder = Builder.auto,
        base: BaseGiven = None,
        bases: Bases = "",
        variant: BaseVariant = "",
        base_image: BaseImage = None,
        images: Images = "",
        ccache: CcacheRepository = "",
        ccache_save: CcacheSave = False,
        targets: CompileTargets = None,
        third_party: ThirdParty = None,
        refresh: DepsRefresh = "",
        docker_config: DockerConfig = None,
        insecure: Insecure = False,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
        apt_ports_mirror: AptPortsMirror = "",
        apt_snapshot: AptSnapshot = "",
        epoch: Epoch = "",
    ) -> dagger.Directory:
        """Build one leg, push it to every registry under its run's anchor, and prove it there.

        Returns a folder with the receipt: put those of all legs together and `localai-ci merge`.
        """
        from localai_ci import backend, push
        from localai_ci.backend import publish

        request = await backend.request(
            source=source, entry=entry, builder=builder, base=base, bases=bases, variant=variant,
            base_image=base_image, images=images, ccache=ccache, ccache_save=ccache_save,
            targets=targets, third_party=third_party, refresh=refresh, docker_config=docker_config,
            insecure=insecure, mirror=mirror, mirror_credentials=mirror_credentials,
            apt_mirror=apt_mirror, apt_ports_mirror=apt_ports_mirror, apt_snapshot=apt_snapshot,
            epoch=epoch,
        )  # fmt: skip
        file = await push.read_registries(registries)
        return await publish.publish(request, file, run_id, run_url, revision)
