"""Which builder base a backend is compiled on: pulled or built in place."""

from dataclasses import dataclass

from dagger import Container, DaggerError, Platform, Secret, dag

from localai_ci import base, names
from localai_ci.builder import Builder
from localai_ci.effects import say
from localai_ci.errors import LocalaiCiError
from localai_ci.matrix.registries import registries


@dataclass(frozen=True)
class Chosen:
    """A base.

    Attributes:
        container: To compile in.
        identity: What it was made of, 12 hex digits; empty where that is not known.
        why: One line for the user.
    """

    container: Container
    identity: str
    why: str


@dataclass(frozen=True)
class Wish:
    """What the user said of the base.

    Attributes:
        builder: Pulled, built, or whichever is there.
        given: A base of their own; empty variants' rules do not apply to it.
        repository: Where bases are published; of registries.yaml if empty.
        base_image: What a base built in place starts from, instead of the variant's image.
    """

    builder: Builder = Builder.auto
    given: Container | None = None
    repository: str = ""
    base_image: str | None = None


async def choose(recipe: base.Recipe, wish: Wish, credentials: Secret | None) -> Chosen:
    """The base of a variant, and the line that says which and why.

    Raises:
        LocalaiCiError: it cannot be pulled, or building it failed.
    """
    chosen = await _choose(recipe, wish, credentials)
    say(f"base {recipe.variant.name}: {chosen.why}")
    return chosen


async def _choose(recipe: base.Recipe, wish: Wish, credentials: Secret | None) -> Chosen:
    if wish.given is not None:
        return Chosen(wish.given, "", "the one given with --base")
    repository = wish.repository or registries().bases
    identity = _identity(recipe, wish.base_image)
    if wish.builder is Builder.prebuilt:
        image = f"{repository}:{names.base_tag(recipe.variant.name)}"
        return Chosen(await _pull(recipe, image), identity, f"pulled from {image}, as asked")
    why = "built in place, as asked"
    if wish.builder is Builder.auto:
        image = f"{repository}:{names.base_input_tag(recipe.variant.name, identity)}"
        if await _is_published(image):
            return Chosen(
                await _pull(recipe, image), identity, f"pulled from {image}: the very same inputs"
            )
        why = f"built in place: {image} is not there"
    built = await base.build(recipe, wish.base_image, credentials)
    return Chosen(built.container, identity, why)


def _identity(recipe: base.Recipe, base_image: str | None) -> str:
    image = base_image or recipe.variant.base_image
    compiles = recipe.variant.tools == "upstream"
    return base.input_hash(recipe, image, (base_image or recipe.release.image) if compiles else "")


async def _is_published(image: str) -> bool:
    del image
    return False


async def _pull(recipe: base.Recipe, image: str) -> Container:
    platform = Platform(recipe.variant.platform)
    try:
        return await dag.container(platform=platform).from_(image).sync()
    except DaggerError as e:
        raise LocalaiCiError(
            f"the base {image} cannot be pulled: {str(e).strip().splitlines()[-1]}",
            where=f"variant {recipe.variant.name}",
            remedy="Name where bases are with --bases REPOSITORY, one of your own with --base, or"
            " build it in place: --builder fromsource",
        ) from None
