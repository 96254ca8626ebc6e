"""Publish a base: an immutable tag by what went into it, then the moving one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dagger import DaggerError, Platform, Secret, dag

from localai_ci import json_text
from localai_ci.bases import failure
from localai_ci.bases import recipe as recipes
from localai_ci.bases.build import build
from localai_ci.bases.push import push
from localai_ci.bases.step import BaseRecipe
from localai_ci.config.registries import registries
from localai_ci.errors import LocalaiCiError
from localai_ci.names import base_input_tag, base_tag
from localai_ci.oci import copy, manifests
from localai_ci.oci.login import Login
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport

Digests = dict[Repository, str | None]


@dataclass(frozen=True)
class PublishedBase:
    """One registry's result.

    Attributes:
        immutable: The tag that carries the input hash.
        moving: The tag that consumers follow.
        digest: What both point to, read back.
        how: ``built``; ``copied`` from a registry that had it; ``found``: it was there. Of a dry
            run ``would be built``, ``would be copied``, ``would be moved`` (the moving tag alone),
            ``unchanged``.
    """

    immutable: str
    moving: str
    digest: str
    how: str


def repositories(given: Sequence[str] | None) -> tuple[Repository, ...]:
    """The repositories to publish to: those given, else the one of registries.yaml.

    Raises:
        InputError: one is not a repository name.
    """
    return tuple(Repository.parse(name) for name in given or (registries().bases,))


async def input_hash(recipe: BaseRecipe, base_image: str | None = None) -> str:
    """The hash of a base's inputs, its images resolved to digests.

    Raises:
        LocalaiCiError: an image was not found.
    """
    digests = [await digest_of(recipe, name) for name in recipes.images(recipe, base_image)]
    return recipes.input_hash(recipe, *digests)


async def digest_of(recipe: BaseRecipe, image: str) -> str:
    """The digest that a registry has under a name now: what `oci.manifests.find` says too.

    Raises:
        LocalaiCiError: it was not found.
    """
    platform = Platform(recipe.variant.platform)
    try:
        return digest_in(await dag.container(platform=platform).from_(image).image_ref())
    except DaggerError as e:
        here = str(await dag.default_platform())
        raise failure.of_image(recipe.variant, image, here, str(e)) from None


def digest_in(reference: str) -> str:
    """The digest of ``NAME@DIGEST``: under which name it is had changes no content."""
    return reference.rpartition("@")[2]


async def publish(
    recipe: BaseRecipe,
    targets: Sequence[Repository],
    by: Login,
    base_image: str | None = None,
    credentials: Secret | None = None,
    *,
    dry_run: bool = False,
) -> str:
    """Publish to all repositories: found there, copied from one that has it, or built once.

    A dry run builds nothing and writes nothing: it tells what would be done.

    Returns:
        JSON, a list of `PublishedBase`, one a repository.

    Raises:
        LocalaiCiError: what was read back is not the same everywhere; no moving tag was written.
    """
    name = recipe.variant.name
    tag = base_input_tag(name, await input_hash(recipe, base_image))
    if dry_run:
        async with by.transport(targets, read_only=True) as reader:
            return _as_json(await intended(reader, targets, tag, base_tag(name)))
    async with by.transport(targets) as transport:
        digests: Digests = {r: await manifests.find(transport, r.at(tag)) for r in targets}
        how = {r: "found" if digest else "copied" for r, digest in digests.items()}
        if not any(digests.values()):
            first = targets[0]
            built = await build(recipe, base_image, credentials)
            await push(built.container, first.at(tag), by)
            pushed = await copy.appears(transport, first.at(tag))
            digests[first], how[first] = pushed.digest if pushed else None, "built"
        await _copy(transport, digests, tag)
        _the_same(name, digests)
        moving = base_tag(name)
        results = [
            PublishedBase(
                immutable=str(r.at(tag)),
                moving=str(r.at(moving)),
                digest=await copy.retag(transport, r, tag, moving),
                how=how[r],
            )
            for r in targets
        ]
    return _as_json(results)


async def intended(
    transport: Transport, targets: Sequence[Repository], tag: str, moving: str
) -> list[PublishedBase]:
    """What publishing would do in each repository; only reads.

    Args:
        transport: The way out.
        targets: The repositories.
        tag: The immutable tag.
        moving: The tag that consumers follow.
    """
    digests = {r: await manifests.find(transport, r.at(tag)) for r in targets}
    anywhere = next(filter(None, digests.values()), "")
    results = []
    for r, digest in digests.items():
        if not digest:
            how = "would be copied" if anywhere else "would be built"
        elif await manifests.find(transport, r.at(moving)) == digest:
            how = "unchanged"
        else:
            how = "would be moved"
        results.append(PublishedBase(str(r.at(tag)), str(r.at(moving)), digest or anywhere, how))
    return results


def _as_json(results: Sequence[PublishedBase]) -> str:
    return json_text.write([asdict(result) for result in results], indent=2)


async def _copy(transport: Transport, digests: Digests, tag: str) -> None:
    """Bring the image to where it is not, from the first repository that has it."""
    source = next((r for r, digest in digests.items() if digest), None)
    if source is None:
        return
    for repository, digest in digests.items():
        if digest is None:
            copied = await copy.copy(transport, source.at(tag), repository.at(tag))
            digests[repository] = copied


def _the_same(name: str, digests: Digests) -> None:
    if None in digests.values() or len(set(digests.values())) != 1:
        shown = "; ".join(f"{r} has {digest or 'nothing'}" for r, digest in digests.items())
        raise LocalaiCiError(
            f"the base is not the same in every registry: {shown}",
            where=f"variant {name}",
            remedy="Delete the immutable tag where it is wrong, and publish again.",
        )
