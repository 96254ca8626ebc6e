"""Entry points: arguments in, objects out. What they do lives in the packages beside this file."""

from typing import Annotated

import dagger
from dagger import Doc, function, object_type

from localai_ci.args import BaseImage, VariantName


@object_type
class LocalaiCi:
    """LocalAI's container builds: builder bases, backends, publishing and merging."""

    @function
    def variants(
        self, json: Annotated[bool, Doc("Print a JSON list instead of a table")] = False
    ) -> str:
        """List the builder bases: architecture, accelerator and base image of each."""
        from localai_ci.matrix import variants

        file = variants.load_variants()
        return variants.as_json(file) if json else variants.as_table(file)

    @function
    async def build_base(
        self, variant: VariantName, base_image: BaseImage = None
    ) -> dagger.Container:
        """Build a builder base: compilers, ccache, protoc, CMake and gRPC for C++.

        Go on from it: `terminal` opens a shell, `with-exec` runs a command, `publish` pushes it.
        """
        from localai_ci import base
        from localai_ci.matrix.variants import load_variants

        file = load_variants()
        chosen = file.get(variant)
        return await base.build(chosen, file.release(chosen), base_image)
