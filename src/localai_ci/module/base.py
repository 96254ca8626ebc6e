"""A builder base as an object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import dagger
from dagger import Doc, function, object_type

from localai_ci.module.arguments import AsJson, DryRun, Repositories, never_cached
from localai_ci.module.settings import Settings

if TYPE_CHECKING:
    from localai_ci.bases.step import BaseRecipe


@object_type
@dataclass(kw_only=True)
class Base:
    """A builder base: compilers, ccache, protoc, CMake, gRPC, an accelerator's toolchain."""

    settings: Settings
    variant: str
    base_image: str | None

    @property
    def recipe(self) -> "BaseRecipe":
        """The recipe of this base.

        Raises:
            InputError: there is no such variant, or a mirror is no address.
        """
        from localai_ci.bases.recipe import recipe

        return recipe(self.variant, self.settings.mirrors)

    async def built(self) -> dagger.Container:
        """The base, each of its steps executed.

        Raises:
            LocalaiCiError: an image was not found, or a step failed; with its name.
        """
        from localai_ci.bases import build

        base = await build.build(self.recipe, self.base_image, self.settings.mirror_credentials)
        return base.container

    @function
    async def container(self) -> dagger.Container:
        """Build it; go on with terminal, with-exec, publish, export."""
        return await self.built()

    @function
    async def grpc(self) -> dagger.Directory:
        """Compile gRPC for C++: the tree of /opt/grpc, shared by all bases of a release."""
        from localai_ci.bases import build

        return await build.compile_grpc(
            self.recipe, self.base_image, self.settings.mirror_credentials
        )

    @never_cached  # an image's tag may move
    async def input_hash(self) -> str:
        """What decides its content, in 12 hex digits: the tag it is published under ends in it."""
        from localai_ci.bases import publish

        return await publish.input_hash(self.recipe, self.base_image)

    @never_cached  # a published base's tag may move
    async def toolchain(
        self,
        published: Annotated[
            str | None, Doc("Report on this image, a published base, instead of building one")
        ] = None,
        as_json: AsJson = False,
    ) -> str:
        """Build it and tell what is in it: versions of all tools, and megabytes by step.

        Two such reports as JSON are compared by `localai-ci bases differ`.
        """
        from localai_ci.bases import build, report

        recipe = self.recipe
        if published:
            built = await build.pull(recipe, published)
        else:
            built = await build.build(recipe, self.base_image, self.settings.mirror_credentials)
        found = await build.toolchain_of(recipe, built)
        return report.as_json(found) if as_json else report.as_table(found)

    @never_cached
    async def publish(self, repository: Repositories = None, dry_run: DryRun = False) -> str:
        """Publish it under base-grpc-VARIANT and an immutable tag that names its inputs.

        A base whose inputs are published already is not built: its tags are checked and moved.
        """
        from localai_ci.bases import publish

        return await publish.publish(
            self.recipe,
            publish.repositories(repository),
            await self.settings.login(),
            self.base_image,
            self.settings.mirror_credentials,
            dry_run=dry_run,
        )
