"""registries.yaml for images of pull requests: the same registries, other repositories."""

from localai_ci.config.registries import Registries
from localai_ci.errors import InputError


def throw_away(file: Registries) -> Registries:
    """Where a pull request's images go: to ``pull_requests`` of each registry that has one.

    Legs wait there under their anchors' names, which start with the day, so that
    ``localai-ci gc --older-than DAYS`` with this file makes them expire. Nothing of the published
    repositories is left in it. The builder bases are read where they are.

    Raises:
        InputError: no registry has a repository for them, or it is a published one.
    """
    found = {}
    for name, registry in file.registries.items():
        place = registry.pull_requests
        if not place:
            continue
        if place in {registry.backends, registry.images, registry.cache, file.bases}:
            raise InputError(
                f"{place} is for pull requests, and something is published there too",
                where=f"registries.yaml, {name}",
                remedy="Give pull requests a repository of their own.",
            )
        found[name] = registry.model_copy(
            update={"backends": place, "images": place, "cache": "", "anchors": "own"}
        )
    if not found:
        raise InputError(
            "no registry says where images of pull requests go",
            where="registries.yaml",
            remedy="Give one a repository under `pull_requests`.",
        )
    return file.model_copy(update={"registries": found})
