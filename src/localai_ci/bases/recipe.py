"""What a builder base is made of, read off the variant: its steps, its images, its hash. Pure.

Steps that more variants share come first, so that they are executed once for all of them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from localai_ci.bases import apt, cmake, cuda, grpc, intel, protoc, rocm, vulkan
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.step import BaseRecipe, Step
from localai_ci.config.upstreams import load_upstreams
from localai_ci.config.variants import load_variants
from localai_ci.oci.digest import sha256

_ACCELERATORS: dict[str, tuple[Callable[[BaseRecipe], Step | None], ...]] = {
    "": (),
    "cublas": (cuda.toolkit, cuda.solvers),
    "l4t": (cuda.toolkit,),
    "clblas": (rocm.clblast,),
    "hipblas": (rocm.libraries,),
    "sycl": (intel.driver,),
    "vulkan": (vulkan.sdk,),
}


# LocalAI's bases put both in front, whichever accelerator they are for.
SEARCH_PATH = "/opt/rocm/bin:/usr/local/cuda/bin"


def recipe(name: str, mirrors: Mirrors) -> BaseRecipe:
    """The recipe of a variant, from the module's own data.

    Raises:
        InputError: there is no such variant, or the data is at fault.
    """
    file = load_variants()
    variant = file.get(name)
    mirrors.check(variant)
    return BaseRecipe(variant, file.release(variant), load_upstreams()[0], mirrors)


def grpc_steps(recipe: BaseRecipe) -> tuple[Step, ...]:
    """What compiles gRPC. Only the release and the architecture enter, never the accelerator."""
    return apt.base(recipe), cmake.tool(recipe), grpc.compiled(recipe)


def steps(recipe: BaseRecipe) -> tuple[Step, ...]:
    """All steps of a base but the compiled gRPC, which is copied in at the end. Pure."""
    tools = [apt.base(recipe), cmake.tool(recipe), protoc.compiler(recipe)]
    if recipe.variant.tools == "distribution":
        tools.append(grpc.packaged(recipe))
    drivers = () if recipe.variant.skip_drivers else _ACCELERATORS[recipe.variant.build_type]
    return (*tools, *(step for make in drivers if (step := make(recipe))))


def images(recipe: BaseRecipe, base_image: str | None = None) -> tuple[str, ...]:
    """The image that a base starts from, and the one that gRPC is compiled in, if it is. Pure."""
    own = base_image or recipe.variant.base_image
    compiles = recipe.variant.tools == "upstream"
    return (own, base_image or recipe.release.image) if compiles else (own,)


def input_hash(recipe: BaseRecipe, image: str, grpc_image: str = "") -> str:
    """What decides a base's content: 12 hex digits over steps, images and environment. Pure.

    Mirrors are left out: they say from where, not what.

    Args:
        recipe: What is built.
        image: Digest of the base image.
        grpc_image: Of the image that gRPC is compiled in; empty where it is packaged.
    """
    recipe = replace(recipe, mirrors=recipe.mirrors.upstream())
    compiled = grpc_steps(recipe) if grpc_image else ()
    content = {
        "platform": recipe.variant.platform,
        "image": image,
        "steps": [(step.name, step.script) for step in steps(recipe)],
        "grpc_image": grpc_image,
        "grpc": [(step.name, step.script) for step in compiled],
        "path": SEARCH_PATH,
    }
    return sha256(json.dumps(content, sort_keys=True).encode())[:12]


@dataclass(frozen=True)
class CurrentBases:
    """The bases as they would be built now.

    Attributes:
        mirrors: Their snapshot and epoch; mirrors change nothing.
    """

    mirrors: Mirrors

    def images(self, variant: str) -> tuple[str, ...]:
        """The images that a base starts from."""
        return images(_recipe(variant, self.mirrors))

    def identity(self, variant: str, digests: tuple[str, ...]) -> str:
        """The input hash of a base, from the digests of its images."""
        return input_hash(_recipe(variant, self.mirrors), *digests)


@cache
def _recipe(variant: str, mirrors: Mirrors) -> BaseRecipe:
    return recipe(variant, mirrors)
