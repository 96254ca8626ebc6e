"""The functions of builder bases."""

from typing import Annotated

import dagger
from dagger import Doc, dag, function

from localai_ci.args import (
    AptMirror,
    AptPortsMirror,
    AptSnapshot,
    AsJson,
    BaseImage,
    DockerConfig,
    Epoch,
    Insecure,
    Mirror,
    MirrorCredentials,
    Repositories,
    VariantName,
)
from localai_ci.effects import never_cached


class Bases:
    """What makes builder bases."""

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
