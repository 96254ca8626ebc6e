"""Entry points: arguments in, objects out. What they do lives in the packages beside this file."""

import logging
from typing import Annotated

import dagger
from dagger import Doc, dag, function, object_type

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
    Repositories,
    RunId,
    SourceDir,
    ThirdParty,
    VariantName,
)
from localai_ci.builder import Builder
from localai_ci.effects import never_cached
from localai_ci.errors import LocalaiCiError


def _is_no_user_error(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], LocalaiCiError))


# The SDK logs every exception with its traceback. Ours say all there is to say, once.
logging.getLogger("dagger.mod").addFilter(_is_no_user_error)


@object_type
class LocalaiCi:
    """LocalAI's container builds: builder bases, backends, publishing and merging."""

    @function
    def variants(self, as_json: AsJson = False) -> str:
        """List the builder bases: architecture, accelerator and base image of each."""
        from localai_ci.matrix import variants

        file = variants.load_variants()
        return variants.as_json(file) if as_json else variants.as_table(file)

    @function
    async def build_base(
        self,
        variant: VariantName,
        base_image: BaseImage = None,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
        apt_ports_mirror: AptPortsMirror = "",
        apt_snapshot: AptSnapshot = "",
    ) -> dagger.Container:
        """Build a builder base: compilers, ccache, protoc, CMake, gRPC, an accelerator's toolchain.

        Go on from it: `terminal` opens a shell, `with-exec` runs a command, `publish` pushes it.
        """
        from localai_ci import base

        sources = base.Sources(mirror, apt_mirror, apt_ports_mirror, apt_snapshot)
        built = await base.build(base.recipe(variant, sources), base_image, mirror_credentials)
        return built.container

    @function
    async def grpc(
        self,
        variant: VariantName,
        base_image: BaseImage = None,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
        apt_ports_mirror: AptPortsMirror = "",
        apt_snapshot: AptSnapshot = "",
    ) -> dagger.Directory:
        """Compile gRPC for C++: the tree of /opt/grpc, shared by all bases of a release."""
        from localai_ci import base

        sources = base.Sources(mirror, apt_mirror, apt_ports_mirror, apt_snapshot)
        recipe = base.recipe(variant, sources)
        return await base.compile_grpc(recipe, base_image, mirror_credentials)

    @function
    async def toolchain(
        self,
        variant: VariantName,
        base_image: BaseImage = None,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
        apt_ports_mirror: AptPortsMirror = "",
        apt_snapshot: AptSnapshot = "",
        published: Annotated[
            str | None, Doc("Report on this image, a published base, instead of building one")
        ] = None,
        as_json: AsJson = False,
    ) -> str:
        """Build a base and tell what is in it: versions of all tools, and megabytes by step.

        Two such reports as JSON are compared by `localai-ci bases differ`.
        """
        from localai_ci import base, toolchain

        sources = base.Sources(mirror, apt_mirror, apt_ports_mirror, apt_snapshot)
        recipe = base.recipe(variant, sources)
        if published:
            built = await base.pull(recipe, published)
        else:
            built = await base.build(recipe, base_image, mirror_credentials)
        report = await base.report(recipe, built)
        return toolchain.as_json(report) if as_json else toolchain.as_table(report)

    @never_cached
    async def publish_base(
        self,
        variant: VariantName,
        repository: Repositories = None,
        docker_config: DockerConfig = None,
        insecure: Insecure = False,
        epoch: Epoch = "",
        base_image: BaseImage = None,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
        apt_ports_mirror: AptPortsMirror = "",
        apt_snapshot: AptSnapshot = "",
    ) -> str:
        """Publish a base under base-grpc-VARIANT and an immutable tag that names its inputs.

        A base whose inputs are published already is not built: its tags are checked and moved.
        """
        from localai_ci import base, push
        from localai_ci.base import publish

        sources = base.Sources(mirror, apt_mirror, apt_ports_mirror, apt_snapshot, epoch)
        return await publish.publish(
            base.recipe(variant, sources),
            publish.repositories(repository),
            await push.login(docker_config, insecure=insecure),
            base_image,
            mirror_credentials,
        )

    @never_cached
    async def pin_upstreams(
        self,
        image: Annotated[
            str | None, Doc("Debian or Ubuntu image to fetch with, instead of debian:bookworm")
        ] = None,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
        apt_mirror: AptMirror = "",
    ) -> dagger.File:
        """Fetch what has no checksum yet, and write what came: upstreams.yaml, filled in.

        Call it with `-o matrix/upstreams.yaml`, and read the difference before it is committed.
        """
        from localai_ci import base
        from localai_ci.base.pin import pin

        text = await pin(base.Sources(mirror, apt_mirror), image, mirror_credentials)
        return dag.directory().with_new_file("upstreams.yaml", text).file("upstreams.yaml")

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
        from localai_ci import backend
        from localai_ci.backend import publish

        request = await backend.request(
            source=source, entry=entry, builder=builder, base=base, bases=bases, variant=variant,
            base_image=base_image, images=images, ccache=ccache, ccache_save=ccache_save,
            targets=targets, third_party=third_party, refresh=refresh, docker_config=docker_config,
            insecure=insecure, mirror=mirror, mirror_credentials=mirror_credentials,
            apt_mirror=apt_mirror, apt_ports_mirror=apt_ports_mirror, apt_snapshot=apt_snapshot,
            epoch=epoch,
        )  # fmt: skip
        file = await publish.read_registries(registries)
        return await publish.publish(request, file, run_id, run_url, revision)
