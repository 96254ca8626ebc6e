"""The functions that a whole run begins and ends with: what to build, and what becomes of it."""

from typing import Annotated

import dagger
from dagger import Doc, dag, function

from localai_ci.args import (
    ChangedFiles,
    DockerConfig,
    Forced,
    PlanForm,
    RebuiltBases,
    RegistriesFile,
    RunEvent,
    SourceDir,
    TreeBefore,
)
from localai_ci.effects import never_cached


class RunFunctions:
    """What a whole run begins and ends with."""

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
        from localai_ci.plan.sources import PlanRequest

        known = event or likely(changed=bool(before or changed_files))
        request = PlanRequest(known, bases=tuple(rebuilt_base or ()), forced=tuple(force or ()))
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
        force_latest: Annotated[bool, Doc("Move the tag latest to an older version too")] = False,
        keep_anchors: Annotated[bool, Doc("Do not delete the anchors of merged legs")] = False,
        provenance: Annotated[bool, Doc("Attach SLSA provenance to every image")] = False,
    ) -> dagger.File:
        """Merge the legs of every image into one index, the same in all registries, tags last.

        Returns what was done, for `localai-ci rollback`; `ok` in it says whether all went well.
        """
        from localai_ci import merging
        from localai_ci.functions.reading import login, read_registries
        from localai_ci.release.merge_image import Options
        from localai_ci.release.tags import GitEvent

        file = await read_registries(registries)
        result = await merging.merge(
            receipts,
            plan,
            GitEvent(event, ref, sha, file.default_branch),
            file,
            await login(docker_config, insecure=False),
            Options(dry_run, force_latest, keep_anchors, provenance),
        )
        return dag.file("merge-result.json", result.as_text())
