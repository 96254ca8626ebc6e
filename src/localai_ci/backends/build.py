"""From a source tree and an entry to a FROM-scratch image that was checked.

`build` composes: choose the base, cut the slice, fetch third-party sources, restore the compiler
cache, compile, package, check. The Dockerfile backends take the short way.
"""

import time
from dataclasses import dataclass, field

from dagger import Container, DaggerError, Directory, ExecError, Platform, dag
from dagger.telemetry import get_tracer

from localai_ci.backends import (
    ccache,
    dockerfile_build,
    dockerfile_call,
    finished,
    package_check,
    source_tree,
    third_party,
)
from localai_ci.backends import recipe as recipes
from localai_ci.backends import smoke as smoking
from localai_ci.backends.ccache_statistics import Statistics
from localai_ci.backends.ccache_statistics import read as read_statistics
from localai_ci.backends.input_hash import Own, inputs_of, this_week
from localai_ci.backends.pins import read_pin
from localai_ci.backends.request import BackendRequest, check, without_effect
from localai_ci.backends.source_tree import SourceTree
from localai_ci.bases import apt, failure
from localai_ci.bases import build as bases
from localai_ci.bases.publish import digest_of
from localai_ci.bases.recipe import recipe as base_recipe
from localai_ci.bases.step import SHELL, BaseRecipe, Step
from localai_ci.config.compile import CompileFile
from localai_ci.config.packages import PackagesFile
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.oci.reference import Repository
from localai_ci.text import say


@dataclass(frozen=True)
class BuiltBackend:
    """An image that passed the check, and how it came to be.

    Attributes:
        container: FROM scratch.
        inputs: Hash of all that went into it; two builds with the same one are the same image.
        contents: What is in it.
        base: Which base, and why; empty with a Dockerfile.
        statistics: Of the compiler cache; None where nothing was compiled here.
        found: Where the finished image was; empty where it was built.
        waited: Seconds until its base was there, which are no part of its own build.
    """

    entry: Entry
    container: Container
    inputs: str
    contents: package_check.Contents = field(default_factory=package_check.Contents)
    base: str = ""
    statistics: Statistics | None = None
    found: str = ""
    waited: float = 0.0


async def build(request: BackendRequest) -> BuiltBackend:
    """Build an entry's image and check it.

    Raises:
        LocalaiCiError: what was not found, does not compile, or is not fit to be an image.
    """
    tree = await source_tree.open_tree(request.source)
    entry = tree.find(request.entry)
    if entry.os == "darwin":
        raise InputError(
            "a Linux engine cannot build for macOS: Apple's SDK and Metal run on Macs only",
            where=entry.id,
            remedy=f"Its job runs on {entry.runner}, where LocalAI's Makefile builds it.",
        )
    recipe = base_recipe(request.variant_for(entry), request.mirrors)
    check(request, entry, recipe.variant)
    if line := without_effect(request, entry):
        say(line)
    if entry.builder:
        return await _compiled(request, tree, entry, recipe)
    return await _from_dockerfile(request, tree, entry, recipe)


async def smoke(request: BackendRequest, built: BuiltBackend) -> smoking.Health:
    """Start what was built, and wait for its Health.

    Raises:
        LocalaiCiError: it does not come up; says why.
    """
    recipe = base_recipe(request.variant_for(built.entry), request.mirrors)
    client = await _tools(request, recipe)
    image = request.preference.base_image or recipe.release.image
    plain = dag.container(platform=Platform(recipe.variant.platform)).from_(image)
    return await smoking.smoke(built.entry.id, built.container.rootfs(), plain, client)


async def _compiled(
    request: BackendRequest, tree: SourceTree, entry: Entry, recipe: BaseRecipe
) -> BuiltBackend:
    file = tree.tables.compile
    how = recipes.decide(file, entry, request.targets)
    part, snapshot = await tree.cut(entry, recipes.leftovers(entry, file))
    chosen = await request.shared.choose(
        recipe, request.preference, request.login, request.credentials
    )
    given = third_party.without_git(request.third_party) if request.third_party else None
    own = Own(request.targets, await given.digest() if given else "", request.variant)
    inputs = inputs_of(entry, snapshot, chosen.identity, own=own).digest
    if found := await _finished(request, entry, inputs):
        return found
    began = time.monotonic()
    builder = await chosen.container()
    waited = time.monotonic() - began
    fetched = given or await _fetched(request, how, builder)
    container = builder
    for step in recipes.tools(how, recipe):
        container = await bases.execute(recipe, container, step, request.credentials)
    container = container.with_directory(recipes.TREE, part)
    container = container.with_directory(f"{recipes.TREE}/{how.source.folder}", fetched)
    key = ccache.Key(
        entry.backend,
        recipe.variant.name,
        entry.build_type,
        chosen.identity,
        f"{inputs} {await fetched.digest()} {' '.join(how.targets)}",
        request.trust,
    )
    container, statistics = await _compile(request, file, entry, how, recipe, container, key)
    output = container.directory(recipes.package_folder(entry))
    expected = package_check.Expected(how.targets, cpu_libraries=how.cpu_libraries)
    contents = await _check(entry, output, container, expected, tree.tables.packages)
    image = dag.container(platform=Platform(recipe.variant.platform)).with_directory("/", output)
    return BuiltBackend(entry, image, inputs, contents, chosen.why, statistics, waited=waited)


async def _compile(
    request: BackendRequest,
    file: CompileFile,
    entry: Entry,
    how: recipes.BackendRecipe,
    recipe: BaseRecipe,
    container: Container,
    key: ccache.Key,
) -> tuple[Container, Statistics]:
    """All steps, with the nearest cache, which is kept afterwards if the user says so."""
    kept = Repository.parse(request.ccache) if request.ccache else None
    restored = ccache.Restored(dag.directory())
    if kept:
        relatives = file.relatives(entry.backend)
        restored = await ccache.restore(kept, key, relatives, request.login)
        container = container.with_directory(recipes.CCACHE_FOLDER, restored.folder)
    else:
        container = ccache.with_volume(container, key)
    for step in recipes.steps(entry, how, recipe, file.ccache):
        container = await _execute(entry, container, step)
    statistics = read_statistics(
        await container.file(recipes.CCACHE_STATISTICS).contents(),
        restored.image,
        unchanged=restored.unchanged,
    )
    say(statistics.as_line())
    if kept and request.ccache_save:
        await ccache.save(container, kept, key, file.ccache, request.login)
    return container, statistics


async def _from_dockerfile(
    request: BackendRequest, tree: SourceTree, entry: Entry, recipe: BaseRecipe
) -> BuiltBackend:
    part, snapshot = await tree.cut(entry)
    start = request.preference.base_image or entry.base_image
    refresh = request.refresh or this_week()
    given = dockerfile_call.arguments(entry, request.mirrors, start, refresh)
    digest = await digest_of(recipe, start)
    inputs = inputs_of(entry, snapshot, digest, refresh).digest
    if found := await _finished(request, entry, inputs):
        return found
    # First, so that no finished build is lost because it cannot be checked.
    tools = await _tools(request, recipe)
    target = dockerfile_call.platform(entry)
    image = await dockerfile_build.build(entry.id, entry.dockerfile, target, part, given)
    expected = package_check.Expected(())
    contents = await _check(entry, image.rootfs(), tools, expected, tree.tables.packages)
    return BuiltBackend(entry, image, inputs, contents)


async def _finished(request: BackendRequest, entry: Entry, inputs: str) -> BuiltBackend | None:
    """The image that was made of these inputs before, if its registry has it."""
    found = await finished.find(request.images, inputs, entry.suffix, entry.arch, request.login)
    return BuiltBackend(entry, found[1], inputs, found=found[0]) if found else None


async def _fetched(
    request: BackendRequest, how: recipes.BackendRecipe, tools: Container
) -> Directory:
    pin = read_pin(await source_tree.text(request.source, how.source.makefile), how.source)
    way = third_party.Way(tools, request.mirrors, request.credentials)
    return await third_party.fetch(pin, way)


async def _execute(entry: Entry, container: Container, step: Step) -> Container:
    with get_tracer().start_as_current_span(f"{entry.id}: {step.name}"):
        try:
            return await container.with_(step).sync()
        except ExecError as e:
            raise failure.of_exec(entry.id, step.name, e) from None


async def _tools(request: BackendRequest, recipe: BaseRecipe) -> Container:
    """A container with curl and readelf: a base's first step, which most builds have cached."""
    image = request.preference.base_image or recipe.release.image
    container = dag.container(platform=Platform(recipe.variant.platform)).from_(image)
    try:
        return await bases.execute(recipe, container, apt.base(recipe), request.credentials)
    except DaggerError as e:
        here = str(await dag.default_platform())
        raise failure.of_image(recipe.variant, image, here, str(e)) from None


async def _check(
    entry: Entry,
    files: Directory,
    tools: Container,
    expected: package_check.Expected,
    file: PackagesFile,
) -> package_check.Contents:
    with get_tracer().start_as_current_span(f"{entry.id}: check the package"):
        looking = tools.with_mounted_directory("/package", files).with_workdir("/package")
        contents = package_check.read(
            await looking.with_exec([*SHELL, package_check.PROBE]).stdout()
        )
        package_check.check(entry, contents, expected, file)
    return contents
