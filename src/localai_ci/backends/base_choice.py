"""Which builder base a backend is compiled on: pulled or built in place."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
from dagger import Container, DaggerError, Platform, Secret, dag

from localai_ci import names
from localai_ci.backends.builder import Builder
from localai_ci.bases import failure, publish, push
from localai_ci.bases.build import build as build_base
from localai_ci.bases.step import BaseRecipe
from localai_ci.config.registries import registries
from localai_ci.errors import LocalaiCiError
from localai_ci.oci import manifests
from localai_ci.oci.errors import RegistryError
from localai_ci.oci.login import Login
from localai_ci.oci.reference import Reference, Repository
from localai_ci.oci.retry import Policy
from localai_ci.text import say

PATIENCE = 15
"""Seconds that a registry may take to say whether it has something; then it has not."""

# Without an answer something is built that need not be: no reason to insist.
_POLICY = Policy(attempts=2, timeout=10)


@dataclass(frozen=True)
class Chosen:
    """A base that is had only when it is asked for: a finished image needs none.

    Attributes:
        variant: Its name.
        identity: What it was made of: 12 hex digits as a plan computes them, else a digest.
        why: One line for the user.
        had: Pulls or builds it.
    """

    variant: str
    identity: str
    why: str
    had: Callable[[], Awaitable[Container]]

    async def container(self) -> Container:
        """The base, to compile in; tells the user which and why.

        Raises:
            LocalaiCiError: it cannot be pulled, or building it failed.
        """
        say(f"base {self.variant}: {self.why}")
        return await self.had()


@dataclass
class SharedBases:
    """The bases of a job's entries: each is chosen once, and pulled or built once.

    Attributes:
        told: Of each that was had: variant, seconds, and why this one.
    """

    told: list[tuple[str, float, str]] = field(default_factory=list)
    _chosen: dict[str, Chosen] = field(default_factory=dict)
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def choose(
        self,
        recipe: BaseRecipe,
        preference: "BasePreference",
        by: Login,
        credentials: Secret | None,
    ) -> Chosen:
        """As `choose`, and the same answer for every entry on one variant.

        Raises:
            LocalaiCiError: the one that was asked for cannot be pulled.
        """
        name = recipe.variant.name
        async with self._lock:
            if name not in self._chosen:
                chosen = await choose(recipe, preference, by, credentials)
                once = _Once(chosen, self.told)
                self._chosen[name] = replace(chosen, had=once.get)
            return self._chosen[name]


@dataclass
class _Once:
    """A base that is had when the first entry asks; one that failed is tried again."""

    chosen: Chosen
    told: list[tuple[str, float, str]]
    _had: Container | None = None
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def get(self) -> Container:
        async with self._lock:
            if self._had is None:
                began = time.monotonic()
                self._had = await self.chosen.had()
                seconds = round(time.monotonic() - began, 1)
                self.told.append((self.chosen.variant, seconds, self.chosen.why))
            return self._had


@dataclass(frozen=True)
class BasePreference:
    """What the user said of the base.

    Attributes:
        builder: Pulled, built, or whichever is there.
        given: A base of their own; nothing else is asked then.
        repository: Where bases are published; of registries.yaml if empty.
        base_image: What a base built in place starts from, instead of the variant's image.
    """

    builder: Builder = Builder.auto
    given: Container | None = None
    repository: str = ""
    base_image: str | None = None


async def choose(
    recipe: BaseRecipe, preference: BasePreference, by: Login, credentials: Secret | None
) -> Chosen:
    """Which base of a variant to take, and the line that says why.

    Raises:
        LocalaiCiError: the one that was asked for cannot be pulled.
    """
    name = recipe.variant.name
    if preference.given is not None:
        why = "the one given with --base"
        return Chosen(name, await _digest(preference.given), why, preference.given.sync)
    repository = Repository.parse(preference.repository or registries().bases)
    if preference.builder is Builder.prebuilt:
        return await _prebuilt(recipe, preference, repository, by)
    identity = await publish.input_hash(recipe, preference.base_image)
    why = "built in place, as asked"
    if preference.builder is Builder.auto:
        image = repository.at(names.base_input_tag(name, identity))
        digest, said = await ask(image, by)
        if digest:
            why = f"pulled from {image}: made of the very same inputs"
            return Chosen(name, identity, why, partial(_pull, recipe, image, by))
        why = f"built in place: {said}"
    return Chosen(name, identity, why, partial(_build, recipe, preference.base_image, credentials))


async def ask(image: Reference, by: Login) -> tuple[str | None, str]:
    """The digest of an image if its registry has it, and in words what the registry said."""
    try:
        with anyio.fail_after(PATIENCE):
            async with by.transport([image.repository], _POLICY) as transport:
                digest = await manifests.find(transport, image)
    except TimeoutError:
        return None, f"{image} cannot be asked for: no answer in {PATIENCE} s"
    except RegistryError as e:
        return None, f"{image} cannot be asked for: {e.what}"
    return digest, f"{image} is {'there' if digest else 'not there'}"


async def _build(
    recipe: BaseRecipe, base_image: str | None, credentials: Secret | None
) -> Container:
    return (await build_base(recipe, base_image, credentials)).container


async def _prebuilt(
    recipe: BaseRecipe, preference: BasePreference, repository: Repository, by: Login
) -> Chosen:
    """The base that the moving tag names; mostly, and provably, it is that of today's inputs."""
    image = repository.at(names.base_tag(recipe.variant.name))
    pulled = await _pull(recipe, image, by)
    digest = await _digest(pulled)
    try:
        identity = await publish.input_hash(recipe, preference.base_image)
    except LocalaiCiError:  # what it starts from is not here, and need not be
        identity = ""
    else:
        same = repository.at(names.base_input_tag(recipe.variant.name, identity))
        identity = identity if (await ask(same, by))[0] == digest else ""
    why = f"pulled from {image}, as asked"
    return Chosen(recipe.variant.name, identity or digest, why, pulled.sync)


async def _digest(container: Container) -> str:
    """The digest of an image as it came; of one that was changed since, that of its files."""
    try:
        return publish.digest_in(await container.image_ref())
    except DaggerError:
        return await container.rootfs().digest()


async def _pull(recipe: BaseRecipe, image: Reference, by: Login) -> Container:
    empty = dag.container(platform=Platform(recipe.variant.platform))
    try:
        ready = await push.signed_in(empty, image.repository.registry, by)
        return await ready.from_(str(image)).sync()
    except DaggerError as e:
        raise LocalaiCiError(
            f"the base {image} cannot be pulled: {failure.last_line(e)}",
            where=f"variant {recipe.variant.name}",
            remedy="Name where bases are with --bases REPOSITORY, one of your own with --base, or"
            " build it in place: --builder fromsource",
        ) from None
