"""The builder base, executed: step by step, each in a span of its own, and checked."""

from dataclasses import dataclass

from dagger import Container, DaggerError, Directory, ExecError, Platform, Secret, dag
from dagger.telemetry import get_tracer

from localai_ci.bases import failure, grpc
from localai_ci.bases import report as reporting
from localai_ci.bases.recipe import SEARCH_PATH, grpc_steps, steps
from localai_ci.bases.step import SHELL, BaseRecipe, Step

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

# Where a mirror's credentials are seen by curl and git, and by apt; only while a step runs.
_NETRC = ("/root/.netrc", "/etc/apt/auth.conf.d/localai-ci.conf")

# Of an image that sets none.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class BuiltBase:
    """A base, and the container after each of its steps: ``(step name, container)``."""

    container: Container
    after: tuple[tuple[str, Container], ...]


async def compile_grpc(
    recipe: BaseRecipe, base_image: str | None = None, credentials: Secret | None = None
) -> Directory:
    """The installed tree of gRPC, the same for all bases of one release and architecture."""
    container = await _start(recipe, base_image or recipe.release.image)
    for step in grpc_steps(recipe):
        container = await execute(recipe, container, step, credentials)
    return container.directory(grpc.PREFIX)


async def build(
    recipe: BaseRecipe, base_image: str | None = None, credentials: Secret | None = None
) -> BuiltBase:
    """Execute the steps, one span each, so that the first failure is told by its name.

    Raises:
        LocalaiCiError: the image was not found, the platform does not run here, a step failed,
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
        container = container.with_env_variable("PATH", f"{SEARCH_PATH}:{path}")
        after.append(("grpc", container))
    container = container.with_workdir("/")
    await _verify(recipe, container, foreign=base_image is not None)
    return BuiltBase(container, tuple(after))


async def pull(recipe: BaseRecipe, image: str) -> BuiltBase:
    """A base that somebody has built, checked as one that was built here.

    Raises:
        LocalaiCiError: it was not found, or its tools are not what the variant promises.
    """
    container = await _start(recipe, image)
    await _verify(recipe, container, foreign=False)
    return BuiltBase(container, (("image", container),))


async def toolchain_of(recipe: BaseRecipe, built: BuiltBase) -> reporting.Toolchain:
    """Ask a base what is in it."""
    container = built.container
    sizes: dict[str, int] = {}
    before = 0
    for name, state in built.after:
        size = int((await _ask(state, "du -sxB1 / 2>/dev/null || true")).split()[0])
        sizes[name], before = size - before, size
    query = r"dpkg-query -W -f '${Package}\t${Version}\n'"
    variables = {await v.name(): await v.value() for v in await container.env_variables()}
    return reporting.Toolchain(
        variant=recipe.variant.name,
        image=await built.after[0][1].image_ref(),
        tools=reporting.read_pairs(await _ask(container, reporting.PROBE)),
        packages=reporting.read_pairs(await _ask(container, query)),
        environment=variables,
        bytes_by_step=sizes,
    )


async def execute(
    recipe: BaseRecipe, container: Container, step: Step, credentials: Secret | None
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


async def run(container: Container, step: Step, credentials: Secret | None) -> Container:
    """Execute a step now, with a mirror's credentials while it runs.

    Raises:
        ExecError: it failed.
    """
    if not credentials:
        return await container.with_(step).sync()
    trusted = container
    for path in _NETRC:
        trusted = trusted.with_mounted_secret(path, credentials)
    done = await trusted.with_(step).sync()
    # A mounted secret cannot be taken off a container again: only its files go on.
    return container.with_rootfs(done.rootfs())


async def _start(recipe: BaseRecipe, image: str) -> Container:
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


async def _verify(recipe: BaseRecipe, container: Container, *, foreign: bool) -> None:
    """The base keeps its promises. A foreign base image may bring another CMake."""
    upstream = {d.name: d.version for d in recipe.upstreams.downloads}
    upstream |= {r.name: r.version for r in recipe.upstreams.repositories}
    promised = reporting.expected(recipe.variant, recipe.release, upstream)
    if foreign and recipe.variant.cmake == "package":
        del promised["cmake"]
    tools = reporting.read_pairs(await _ask(container, reporting.PROBE))
    reporting.verify(recipe.variant, tools, promised)


async def _ask(container: Container, script: str) -> str:
    return await container.with_exec([*SHELL, script]).stdout()
