"""The functions of builder bases."""

from typing import Annotated

import dagger
from dagger import Doc, dag, function

from localai_ci.args import (
    AptMirror,
    AsJson,
    DockerConfig,
    Insecure,
    Mirror,
    MirrorCredentials,
    Repositories,
)
from localai_ci.effects import never_cached
from localai_ci.functions.flags import BaseFlags, spread


class BaseFunctions:
    """What makes builder bases."""

    @function
    def variants(self, as_json: AsJson = False) -> str:
        """List the builder bases: architecture, accelerator and base image of each."""
        from localai_ci.config import variants

        file = variants.load_variants()
        return variants.as_json(file) if as_json else variants.as_table(file)

    @function
    @spread
    async def build_base(self, flags: BaseFlags) -> dagger.Container:
        """Build a builder base: compilers, ccache, protoc, CMake, gRPC, an accelerator's toolchain.

        Go on from it: `terminal` opens a shell, `with-exec` runs a command, `publish` pushes it.
        """
        from localai_ci.bases.build import build

        built = await build(flags.recipe, flags.base_image, flags.mirror_credentials)
        return built.container

    @function
    @spread
    async def grpc(self, flags: BaseFlags) -> dagger.Directory:
        """Compile gRPC for C++: the tree of /opt/grpc, shared by all bases of a release."""
        from localai_ci.bases.build import compile_grpc

        return await compile_grpc(flags.recipe, flags.base_image, flags.mirror_credentials)

    @never_cached  # a published base's tag may move
    @spread
    async def toolchain(
        self,
        flags: BaseFlags,
        published: Annotated[
            str | None, Doc("Report on this image, a published base, instead of building one")
        ] = None,
        as_json: AsJson = False,
    ) -> str:
        """Build a base and tell what is in it: versions of all tools, and megabytes by step.

        Two such reports as JSON are compared by `localai-ci bases differ`.
        """
        from localai_ci.bases import build as bases
        from localai_ci.bases import report

        recipe = flags.recipe
        if published:
            built = await bases.pull(recipe, published)
        else:
            built = await bases.build(recipe, flags.base_image, flags.mirror_credentials)
        found = await bases.toolchain_of(recipe, built)
        return report.as_json(found) if as_json else report.as_table(found)

    @never_cached
    @spread
    async def publish_base(
        self,
        flags: BaseFlags,
        repository: Repositories = None,
        docker_config: DockerConfig = None,
        insecure: Insecure = False,
    ) -> str:
        """Publish a base under base-grpc-VARIANT and an immutable tag that names its inputs.

        A base whose inputs are published already is not built: its tags are checked and moved.
        """
        from localai_ci.bases import publish
        from localai_ci.functions.reading import login

        return await publish.publish(
            flags.recipe,
            publish.repositories(repository),
            await login(docker_config, insecure=insecure),
            flags.base_image,
            flags.mirror_credentials,
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
        from localai_ci.bases.mirrors import Mirrors
        from localai_ci.bases.pin import pin

        text = await pin(Mirrors(mirror, apt_mirror), image, mirror_credentials)
        return dag.directory().with_new_file("upstreams.yaml", text).file("upstreams.yaml")
