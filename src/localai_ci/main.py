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
    ChangedFiles,
    CompileTargets,
    DepsRefresh,
    DockerConfig,
    EntryId,
    Epoch,
    Forced,
    Images,
    Insecure,
    Mirror,
    MirrorCredentials,
    PlanForm,
    RebuiltBases,
    RegistriesFile,
    Repositories,
    RunEvent,
    RunId,
    SourceDir,
    ThirdParty,
    TreeBefore,
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
    ) -> dagger.Container:
        """Build one backend's image, FROM scratch, and check that nothing is missing in it.

        Go on from it: `export --path image.tar` writes it, `publish` pushes it.
        """
        from localai_ci import backend, push
        from localai_ci.base import Sources

        request = backend.Request(
            source,
            entry,
            backend.Wish(builder, base, bases, base_image),
            variant,
            Sources(mirror, apt_mirror, apt_ports_mirror, apt_snapshot),
            mirror_credentials,
            ccache,
            ccache_save=ccache_save,
            targets=tuple(targets or ()),
            third_party=third_party,
            refresh=refresh,
            images=images,
            login=await push.login(docker_config, insecure=insecure),
        )
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
        canary: Annotated[
            bool, Doc("Fail if --ccache has less than 95 % of an unchanged rebuild's objects")
        ] = False,
        as_json: AsJson = False,
    ) -> str:
        """Build one backend and tell how: base and why, compiler cache, size by part."""
        from localai_ci import backend, push
        from localai_ci.base import Sources

        request = backend.Request(
            source,
            entry,
            backend.Wish(builder, base, bases, base_image),
            variant,
            Sources(mirror, apt_mirror, apt_ports_mirror, apt_snapshot),
            mirror_credentials,
            ccache,
            ccache_save=False,
            targets=tuple(targets or ()),
            third_party=third_party,
            refresh=refresh,
            images=images,
            login=await push.login(docker_config, insecure=insecure),
        )
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
        as_json: AsJson = False,
    ) -> str:
        """Build one backend, start it from its image, and print what its gRPC Health answers."""
        from localai_ci import backend, push
        from localai_ci.base import Sources

        request = backend.Request(
            source,
            entry,
            backend.Wish(builder, base, bases, base_image),
            variant,
            Sources(mirror, apt_mirror, apt_ports_mirror, apt_snapshot),
            mirror_credentials,
            ccache,
            ccache_save=False,
            targets=tuple(targets or ()),
            third_party=third_party,
            refresh=refresh,
            images=images,
            login=await push.login(docker_config, insecure=insecure),
        )
        health = await backend.smoke(request)
        return health.as_json() if as_json else health.as_line(entry)

    @never_cached
    async def publish_backend(
        self,
        source: SourceDir,
        entry: EntryId,
        run_id: RunId,
        registries: RegistriesFile = None,
        docker_config: DockerConfig = None,
        run_url: Annotated[str, Doc("Where the run can be looked at")] = "",
        revision: Annotated[str, Doc("The commit that is built")] = "",
        variant: BaseVariant = "",
        ccache: CcacheRepository = "",
        ccache_save: CcacheSave = False,
        targets: CompileTargets = None,
        third_party: ThirdParty = None,
        mirror: Mirror = "",
        mirror_credentials: MirrorCredentials = None,
    ) -> dagger.Directory:
        """Build one leg, push it to every registry under its run's anchor, and prove it there.

        Returns a folder with the receipt: put those of all legs together and `localai-ci merge`.
        """
        from localai_ci import backend, push
        from localai_ci.backend import publish
        from localai_ci.base import Sources

        login = await push.login(docker_config, insecure=False)
        request = backend.Request(
            source,
            entry,
            variant=variant,
            sources=Sources(mirror),
            credentials=mirror_credentials,
            ccache=ccache,
            ccache_save=ccache_save,
            targets=tuple(targets or ()),
            third_party=third_party,
            login=login,
        )
        file = await push.read_registries(registries)
        return await publish.publish(request, file, login, run_id, run_url, revision)

    @function
    async def plan(
        self,
        source: SourceDir,
        event: RunEvent = None,
        before: TreeBefore = None,
        changed_files: ChangedFiles = None,
        force: Forced = None,
        rebuilt_base: RebuiltBases = None,
        pack: Annotated[bool, Doc("Entries that share a base share a job")] = False,
        runners: Annotated[int, Doc("How many jobs run at once")] = 20,
        form: PlanForm = None,
    ) -> dagger.File:
        """Decide what a change builds, and say why; without a change, everything.

        `localai-ci plan` does the same without an engine, and without a tree.
        """
        from localai_ci import trees
        from localai_ci.plan.event import likely
        from localai_ci.plan.form import PlanFormat, render
        from localai_ci.plan.sources import Request

        known = event or likely(changed=bool(before or changed_files))
        request = Request(known, bases=tuple(rebuilt_base or ()), forced=tuple(force or ()))
        report = await trees.plan(
            request, source, before, changed_files, pack=pack, runners=runners
        )
        wanted = form or PlanFormat.json
        return dag.file(f"plan.{wanted.suffix}", render(report, wanted))

    @function
    async def check(self, source: SourceDir) -> str:
        """Say what is wrong with matrix, names and rules, and between them and a LocalAI tree."""
        from localai_ci import trees

        return await trees.check(source)

    @never_cached
    async def merge(
        self,
        receipts: Annotated[dagger.Directory, Doc("All receipts of a run")],
        ref: Annotated[str, Doc("refs/heads/master, refs/tags/v4.2.2")],
        sha: Annotated[str, Doc("The commit, 40 hex digits")],
        event: Annotated[str, Doc("What happened: push, schedule, workflow_dispatch")] = "push",
        plan: Annotated[
            dagger.File | None, Doc("The run's plan as JSON: all it promised is demanded")
        ] = None,
        registries: RegistriesFile = None,
        docker_config: DockerConfig = None,
        dry_run: Annotated[bool, Doc("Only read, and show all")] = False,
        force_latest: Annotated[bool, Doc("Move `latest` to an older version too")] = False,
        keep_anchors: Annotated[bool, Doc("Do not delete the anchors of merged legs")] = False,
        provenance: Annotated[bool, Doc("Attach SLSA provenance to every image")] = False,
    ) -> dagger.File:
        """Merge the legs of every image into one index, the same in all registries, tags last.

        Returns what was done, for `localai-ci rollback`; `ok` in it says whether all went well.
        """
        from localai_ci import merging, push
        from localai_ci.registry.image_merge import Options
        from localai_ci.registry.tags import Event

        file = await push.read_registries(registries)
        result = await merging.merge(
            receipts,
            plan,
            Event(event, ref, sha, file.default_branch),
            file,
            await push.login(docker_config, insecure=False),
            Options(dry_run, force_latest, keep_anchors, provenance),
        )
        return dag.file("merge-result.json", result.as_text())
