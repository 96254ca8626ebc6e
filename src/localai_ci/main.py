"""The module: what all calls share, and the objects that calls begin with."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import dagger
from dagger import Doc, function, object_type

from localai_ci.backends.builder import Builder
from localai_ci.backends.smoke import SmokeChoice
from localai_ci.config.kind import ImageKind
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
    CloneDir,
    CompileTargets,
    CosignProgram,
    DepsRefresh,
    DockerConfig,
    EntryId,
    EntryIds,
    Epoch,
    Family,
    Forced,
    IdentityToken,
    Images,
    Insecure,
    LegId,
    Mirror,
    MirrorCredentials,
    OwnSchemas,
    OwnUpstreams,
    PlanForm,
    RebuiltBases,
    RegistriesFile,
    RunEvent,
    RunId,
    RunUrl,
    SigningConfig,
    SignKey,
    SignPassword,
    SmokeTested,
    SourceDir,
    ThirdParty,
    TreeBefore,
    TrustDomain,
    VariantName,
    never_cached,
)
from localai_ci.module.backend import Backend
from localai_ci.module.base import Base
from localai_ci.module.job import PackedJob
from localai_ci.module.server_object import ServerImage
from localai_ci.module.settings import Settings
from localai_ci.plan.form import PlanFormat

if TYPE_CHECKING:
    from localai_ci.plan.jobs import Job


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
    def image(
        self, source: CloneDir, entry: LegId, base_image: BaseImage = None, images: Images = ""
    ) -> ServerImage:
        """A leg of LocalAI's server image: its container, what it is, smoke test, publishing."""
        return ServerImage(
            settings=self.settings,
            source=source,
            entry=entry,
            base_image=base_image,
            images=images,
        )

    @function
    def job(
        self,
        source: CloneDir,
        entries: EntryIds,
        kind: Family = ImageKind.backends,
        builder: Builder = Builder.auto,
        base_image: BaseImage = None,
        bases: BaseRepository = "",
        variant: BaseVariant = "",
        images: Images = "",
        ccache: CcacheRepository = "",
        refresh: DepsRefresh = "",
        trust: TrustDomain = "",
        smoke: SmokeTested = SmokeChoice.auto,
    ) -> PackedJob:
        """Several entries on one engine, their base shared: `publish` them, or only `build`."""
        return PackedJob(
            settings=self.settings,
            source=source,
            entries=entries,
            kind=kind,
            builder=builder,
            base_image=base_image,
            bases=bases,
            variant=variant,
            images=images,
            ccache=ccache,
            refresh=refresh,
            trust=trust,
            smoke=smoke,
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
        sign: Annotated[bool, Doc("Sign before tags move, and read the signatures back")] = False,
        sign_key: SignKey = None,
        sign_password: SignPassword = None,
        identity_token: IdentityToken = None,
        verify_key: Annotated[dagger.File | None, Doc("The public half of --sign-key")] = None,
        verify_identity: Annotated[str, Doc("Keyless: the expected identity (regexp)")] = "",
        verify_issuer: Annotated[str, Doc("Keyless: who vouches for it; default: GitHub")] = "",
        signing_config: SigningConfig = None,
        cosign: CosignProgram = None,
    ) -> dagger.File:
        """Merge the legs of every image into one index, the same in all registries, tags last.

        Returns what was done, for `localai-ci rollback`; `ok` in it says whether all went well.
        """
        from localai_ci.module import merging
        from localai_ci.module.signing import Signing
        from localai_ci.release.merge_image import Options
        from localai_ci.release.tags import GitEvent

        file = await self.settings.registries_file()
        signing = Signing(
            cosign=cosign,
            sign_key=sign_key,
            sign_password=sign_password,
            identity_token=identity_token,
            verify_key=verify_key,
            verify_identity=verify_identity,
            verify_issuer=verify_issuer,
            signing_config=signing_config,
        )
        result = await merging.merge(
            receipts,
            plan,
            GitEvent(event, ref, sha, file.default_branch),
            file,
            await self.settings.login(),
            Options(dry_run, force_latest, keep_anchors, provenance),
            run_id,
            signing if sign else None,
        )
        return dagger.dag.file("merge-result.json", result.as_text())

    @never_cached
    async def run(
        self,
        source: CloneDir,
        ref: Annotated[str, Doc("refs/heads/master, refs/tags/v4.2.2")],
        sha: Annotated[str, Doc("The commit, 40 hex digits")],
        run_id: RunId,
        event: RunEvent = "push",
        before: TreeBefore = None,
        changed_files: ChangedFiles = None,
        parallel: Annotated[int, Doc("How many jobs run at once")] = 1,
        receipts: Annotated[
            dagger.Directory | None,
            Doc("Receipts of legs that other machines built: Darwin's, another architecture's"),
        ] = None,
        run_url: RunUrl = "",
        epoch_seconds: Annotated[
            int, Doc("Seconds since 1970 in the names of a branch's images; default: now")
        ] = 0,
        builder: Builder = Builder.auto,
        base_image: BaseImage = None,
        bases: BaseRepository = "",
        variant: BaseVariant = "",
        ccache: CcacheRepository = "",
        refresh: DepsRefresh = "",
        smoke: SmokeTested = SmokeChoice.auto,
        keep_anchors: Annotated[bool, Doc("Do not delete the anchors of merged legs")] = False,
    ) -> dagger.Directory:
        """Plan, build, publish and merge on this machine, as CI does on many.

        Returns the folder that `job … publish` returns, with plan.json and merge-result.json. A
        pull request or a merge group is built and started, and nothing is published.
        """
        import time

        from localai_ci.module import publishing, running
        from localai_ci.release.merge_image import Options
        from localai_ci.release.tags import GitEvent

        file = await self.settings.registries_file()
        login = await self.settings.login()
        moment = epoch_seconds or int(time.time())

        def make(job: "Job", entries: str) -> PackedJob:
            return self.job(
                source=source,
                entries=entries,
                kind=job.kind,
                builder=builder,
                base_image=base_image,
                bases=bases,
                variant=variant,
                ccache=ccache,
                refresh=refresh,
                smoke=smoke,
            )

        told = running.WholeRun(
            source,
            before,
            changed_files,
            GitEvent(event, ref, sha, file.default_branch, moment),
            publishing.PublishingRun(file, run_id, run_url, sha),
            login,
            parallel,
            receipts,
            Options(keep_anchors=keep_anchors),
        )
        return await running.run(told, make)

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
