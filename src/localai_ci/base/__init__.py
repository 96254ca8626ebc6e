"""The builder base: one composition of small steps, read off the variant.

`toolchain_steps` and `steps` decide, `build` executes. Steps that more variants share come first,
so that they are executed once for all of them.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from dagger import Container, DaggerError, Directory, ExecError, Platform, Secret, dag
from dagger.telemetry import get_tracer

from localai_ci import toolchain
from localai_ci.base import apt, cmake, cuda, failure, grpc, intel, protoc, rocm, vulkan
from localai_ci.base.sources import Sources
from localai_ci.base.step import SHELL, Recipe, Step, run
from localai_ci.matrix.upstreams import load_upstreams
from localai_ci.matrix.variants import load_variants

__all__ = [
    "Built",
    "Recipe",
    "Sources",
    "build",
    "compile_grpc",
    "execute",
    "grpc_steps",
    "images",
    "input_hash",
    "pull",
    "recipe",
    "report",
    "steps",
]

_ACCELERATORS: dict[str, tuple[Callable[[Recipe], Step | None], ...]] = {
    "": (),
    "cublas": (cuda.toolkit, cuda.solvers),
    "l4t": (cuda.toolkit,),
    "clblas": (rocm.clblast,),
    "hipblas": (rocm.libraries,),
    "sycl": (intel.driver,),
    "vulkan": (vulkan.sdk,),
}

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

# LocalAI's bases put both in front, whichever accelerator they are for.
_PATH = "/opt/rocm/bin:/usr/local/cuda/bin"
# Of an image that sets none.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Built:
    """A base, and the container after each of its steps: ``(step name, container)``."""

    container: Container
    after: tuple[tuple[str, Container], ...]


def recipe(name: str, sources: Sources) -> Recipe:
    """The recipe of a variant, from the module's own data.

    Raises:
        InputError: there is no such variant, or the data is at fault.
    """
    file = load_variants()
    variant = file.get(name)
    sources.check(variant)
    return Recipe(variant, file.release(variant), load_upstreams()[0], sources)


def grpc_steps(recipe: Recipe) -> tuple[Step, ...]:
    """What compiles gRPC. Only the release and the architecture enter, never the accelerator."""
    return apt.base(recipe), cmake.tool(recipe), grpc.compiled(recipe)


def steps(recipe: Recipe) -> tuple[Step, ...]:
    """All steps of a base but the compiled gRPC, which is copied in at the end. Pure."""
    tools = [apt.base(recipe), cmake.tool(recipe), protoc.compiler(recipe)]
    if recipe.variant.tools == "distribution":
        tools.append(grpc.packaged(recipe))
    drivers = () if recipe.variant.skip_drivers else _ACCELERATORS[recipe.variant.build_type]
    return (*tools, *(step for make in drivers if (step := make(recipe))))


def images(recipe: Recipe, base_image: str | None = None) -> tuple[str, ...]:
    """The image that a base starts from, and the one that gRPC is compiled in, if it is. Pure."""
    own = base_image or recipe.variant.base_image
    compiles = recipe.variant.tools == "upstream"
    return (own, base_image or recipe.release.image) if compiles else (own,)


def input_hash(recipe: Recipe, image: str, grpc_image: str = "") -> str:
    """What decides a base's content: 12 hex digits over steps, images and environment. Pure.

    Mirrors are left out: they say from where, not what.

    Args:
        recipe: What is built.
        image: Digest of the base image.
        grpc_image: Of the image that gRPC is compiled in; empty where it is packaged.
    """
    recipe = replace(recipe, sources=recipe.sources.upstream())
    compiled = grpc_steps(recipe) if grpc_image else ()
    content = {
        "platform": recipe.variant.platform,
        "image": image,
        "steps": [(step.name, step.script) for step in steps(recipe)],
        "grpc_image": grpc_image,
        "grpc": [(step.name, step.script) for step in compiled],
        "path": _PATH,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


async def compile_grpc(
    recipe: Recipe, base_image: str | None = None, credentials: Secret | None = None
) -> Directory:
    """The installed tree of gRPC, the same for all bases of one release and architecture."""
    container = await _start(recipe, base_image or recipe.release.image)
    for step in grpc_steps(recipe):
        container = await execute(recipe, container, step, credentials)
    return container.directory(grpc.PREFIX)


async def build(
    recipe: Recipe, base_image: str | None = None, credentials: Secret | None = None
) -> Built:
    """Execute the steps, one span each, so that the first failure is told by its name.

    Raises:
        LocalaiCiError: the image cannot be had, the platform does not run here, a step failed,
            or a tool is not what the variant promises.
    """
    container = await _start(recipe, base_image or recipe.variant.base_image)
    after = [("image", container)]
    for step in steps(recipe):
        container = await execute(recipe, container, step, credentials)
        after.append((step.name, container))
    if recipe.variant.tools == "upstream":
        tree = await compile_grpc(recipe, base_image, credentials)
        path = await container.env_variable("PATH") or _DEFAULT_PATH
        container = container.with_directory(grpc.PREFIX, tree)
        container = container.with_env_variable("PATH", f"{_PATH}:{path}")
        after.append(("grpc", container))
    container = container.with_workdir("/")
    await _verify(recipe, container, foreign=base_image is not None)
    return Built(container, tuple(after))


async def pull(recipe: Recipe, image: str) -> Built:
    """A base that somebody has built, checked as one that was built here.

    Raises:
        LocalaiCiError: it cannot be had, or its tools are not what the variant promises.
    """
    container = await _start(recipe, image)
    await _verify(recipe, container, foreign=False)
    return Built(container, (("image", container),))


async def report(recipe: Recipe, built: Built) -> toolchain.Toolchain:
    """Ask a base what is in it."""
    container = built.container
    sizes: dict[str, int] = {}
    before = 0
    for name, state in built.after:
        size = int((await _ask(state, "du -sxB1 / 2>/dev/null || true")).split()[0])
        sizes[name], before = size - before, size
    query = r"dpkg-query -W -f '${Package}\t${Version}\n'"
    variables = {await v.name(): await v.value() for v in await container.env_variables()}
    return toolchain.Toolchain(
        variant=recipe.variant.name,
        image=await built.after[0][1].image_ref(),
        tools=toolchain.read_pairs(await _ask(container, toolchain.PROBE)),
        packages=toolchain.read_pairs(await _ask(container, query)),
        environment=variables,
        bytes_by_step=sizes,
    )


async def execute(
    recipe: Recipe, container: Container, step: Step, credentials: Secret | None
) -> Container:
    """Execute a step in a span of its own, with a mirror's credentials while it runs.

    Raises:
        LocalaiCiError: it failed; with its name and what it said last.
    """
    with get_tracer().start_as_current_span(f"{recipe.variant.name}: {step.name}"):
        try:
            return await run(container, step, credentials)
        except ExecError as e:
            raise failure.of_step(recipe.variant, step, e) from None


async def _start(recipe: Recipe, image: str) -> Container:
    """The image, proven to run here and to be of the variant's architecture.

    A registry that holds the image for one platform only hands that one out for any other.
    """
    variant = recipe.variant
    with get_tracer().start_as_current_span(f"{variant.name}: from {image}"):
        container = dag.container(platform=Platform(variant.platform)).from_(image)
        here = str(await dag.default_platform())
        try:
            machine = (await container.with_exec(["uname", "-m"]).stdout()).strip()
        except DaggerError as e:
            raise failure.of_image(variant, image, here, str(e)) from None
    if machine != _MACHINES[variant.arch]:
        raise failure.of_image(variant, image, here, f"what came with that name is for {machine}")
    return container


async def _verify(recipe: Recipe, container: Container, *, foreign: bool) -> None:
    """The base keeps its promises. A foreign base image may bring another CMake."""
    upstream = {d.name: d.version for d in recipe.upstreams.downloads}
    upstream |= {r.name: r.version for r in recipe.upstreams.repositories}
    promised = toolchain.expected(recipe.variant, recipe.release, upstream)
    if foreign and recipe.variant.cmake == "package":
        del promised["cmake"]
    tools = toolchain.read_pairs(await _ask(container, toolchain.PROBE))
    toolchain.verify(recipe.variant, tools, promised)


async def _ask(container: Container, script: str) -> str:
    return await container.with_exec([*SHELL, script]).stdout()
