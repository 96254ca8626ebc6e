"""The module: what all calls share, and the objects that calls begin with."""

import logging
from dataclasses import dataclass
from typing import Annotated

import dagger
from dagger import Doc, function, object_type

from localai_ci.backends.builder import Builder
from localai_ci.errors import LocalaiCiError
from localai_ci.module.arguments import (
    AptMirror,
    AptPortsMirror,
    AptSnapshot,
    AsJson,
    BaseGiven,
    BaseImage,
    BaseRepository,
    BaseVariant,
    CcacheRepository,
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
    OwnSchemas,
    OwnUpstreams,
    PlanForm,
    RebuiltBases,
    RegistriesFile,
    RunEvent,
    SourceDir,
    ThirdParty,
    TreeBefore,
    TrustDomain,
    VariantName,
    never_cached,
)
from localai_ci.module.backend import Backend
from localai_ci.module.base import Base
from localai_ci.module.settings import Settings
from localai_ci.plan.form import PlanFormat


def _is_no_user_error(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], LocalaiCiError))


# The SDK logs every exception with its traceback. Ours say all there is to say, once.
logging.getLogger("dagger.mod").addFilter(_is_no_user_error)


@object_type
@dataclass(kw_only=True)
class LocalaiCi:
    """LocalAI's container builds: builder bases, backends, publishing and merging."""

    mirror: Mirror = ""
    mirror_credentials: MirrorCredentials = None
    apt_mirror: AptMirror = ""
    apt_ports_mirror: AptPortsMirror = ""
    apt_snapshot: AptSnapshot = ""
    epoch: Epoch = ""
    docker_config: DockerConfig = None
    insecure: Insecure = False
    registries: RegistriesFile = None

    @property
    def settings(self) -> Settings:
        """What all calls share, for the objects that are made here."""
        return Settings(
            mirror=self.mirror,
            mirror_credentials=self.mirror_credentials,
            apt_mirror=self.apt_mirror,
            apt_ports_mirror=self.apt_ports_mirror,
            apt_snapshot=self.apt_snapshot,
            epoch=self.epoch,
            docker_config=self.docker_config,
            insecure=self.insecure,
            registries=self.registries,
        )

    @function
    def variants(self, as_json: AsJson = False) -> str:
        """List the builder bases: architecture, accelerator and base image of each."""
        from localai_ci.config import variants

        file = variants.load_variants()
        return variants.as_json(file) if as_json else variants.as_table(file)

    @function
    def base(self, variant: VariantName, base_image: BaseImage = None) -> Base:
        """A builder base: its container, what is in it, its input hash, publishing."""
        return Base(settings=self.settings, variant=variant, base_image=base_image)

    @function
    async def build_base(
        self, variant: VariantName, base_image: BaseImage = None
    ) -> dagger.Container:
        """Build a builder base: compilers, ccache, protoc, CMake, gRPC, an accelerator's toolchain.

        Go on from it: `terminal` opens a shell, `with-exec` runs a command, `publish` pushes it.
        """
        return await Base(settings=self.settings, variant=variant, base_image=base_image).built()

    @function
    def backend(
        self,
        source: SourceDir,
        entry: EntryId,
        builder: Builder = Builder.auto,
        base: BaseGiven = None,
        base_image: BaseImage = None,
        bases: BaseRepository = "",
        variant: BaseVariant = "",
        images: Images = "",
        ccache: CcacheRepository = "",
        targets: CompileTargets = None,
        third_party: ThirdParty = None,
        refresh: DepsRefresh = "",
        trust: TrustDomain = "",
    ) -> Backend:
        """A backend for one accelerator and architecture: image, report, smoke test, publishing."""
        return Backend(
            settings=self.settings,
            source=source,
            entry=entry,
            builder=builder,
            base=base,
            base_image=base_image,
            bases=bases,
            variant=variant,
            images=images,
            ccache=ccache,
            targets=targets,
            third_party=third_party,
            refresh=refresh,
            trust=trust,
        )

    @function
    async def plan(
        self,
        source: SourceDir,
        event: RunEvent = "",
        before: TreeBefore = None,
        changed_files: ChangedFiles = None,
        force: Forced = None,
        rebuilt_base: RebuiltBases = None,
        pack: Annotated[bool, Doc("Entries that share a base share a job")] = False,
        runners: Annotated[int, Doc("How many jobs run at once")] = 20,
        form: PlanForm = PlanFormat.json,
    ) -> dagger.File:
        """Decide what a change builds, and say why; without a change, everything.

        `localai-ci plan` does the same without an engine, and without a tree.
        """
        from localai_ci.module import trees
        from localai_ci.plan.event import likely, parse
        from localai_ci.plan.form import render
        from localai_ci.plan.sources import PlanRequest

        known = parse(event) if event else likely(changed=bool(before or changed_files))
        request = PlanRequest(known, bases=tuple(rebuilt_base or ()), forced=tuple(force or ()))
        report = await trees.plan(
            request, source, before, changed_files, pack=pack, runners=runners
        )
        return dagger.dag.file(f"plan.{form.suffix}", render(report, form))

    @function
    async def check(self, source: SourceDir) -> str:
        """Say what is wrong with matrix, names and rules, and between them and a LocalAI tree."""
        from localai_ci.module import trees

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
        run_id: Annotated[str, Doc("Refuse receipts of any other run than this one")] = "",
        dry_run: Annotated[bool, Doc("Only read, and show all")] = False,
        force_latest: Annotated[bool, Doc("Move the tag latest to an older version too")] = False,
        keep_anchors: Annotated[bool, Doc("Do not delete the anchors of merged legs")] = False,
        provenance: Annotated[bool, Doc("Attach SLSA provenance to every image")] = False,
    ) -> dagger.File:
        """Merge the legs of every image into one index, the same in all registries, tags last.

        Returns what was done, for `localai-ci rollback`; `ok` in it says whether all went well.
        """
        from localai_ci.module import merging
        from localai_ci.release.merge_image import Options
        from localai_ci.release.tags import GitEvent

        file = await self.settings.registries_file()
        result = await merging.merge(
            receipts,
            plan,
            GitEvent(event, ref, sha, file.default_branch),
            file,
            await self.settings.login(),
            Options(dry_run, force_latest, keep_anchors, provenance),
            run_id,
        )
        return dagger.dag.file("merge-result.json", result.as_text())

    @never_cached
    async def pin_upstreams(
        self,
        own: OwnUpstreams,
        image: Annotated[
            str | None, Doc("Debian or Ubuntu image to fetch with, instead of debian:bookworm")
        ] = None,
    ) -> dagger.Changeset:
        """Fetch what has no checksum yet, and write down what came in matrix/upstreams.yaml.

        The difference is shown, and applied when you say so (or at once, with -y).
        """
        from localai_ci.bases.pin import pin

        settings = self.settings
        text = await pin(settings.mirrors, image, settings.mirror_credentials)
        return own.with_new_file("matrix/upstreams.yaml", text).changes(own)

    @function
    @dagger.generate
    async def schemas(self, own: OwnSchemas) -> dagger.Changeset:
        """Write the JSON Schemas of the data files, from their models."""
        from localai_ci.release.schemas import schemas

        changed = own
        for name, text in schemas().items():
            changed = changed.with_new_file(f"matrix/schema/{name}.json", text)
        return changed.changes(own)

    @function
    @dagger.check
    async def data(self) -> str:
        """The module's own data: every file is read, and they agree with each other."""
        from localai_ci.module import trees

        return trees.check_own_data()
