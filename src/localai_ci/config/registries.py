"""What stands in registries.yaml: where images, caches and builder bases live, and their tags."""

from enum import StrEnum
from functools import cache
from typing import Literal, Self

from localai_ci.config.data import data_dir
from localai_ci.config.kind import ImageKind
from localai_ci.config.model import Field, Strict, model_validator
from localai_ci.config.reader import load


class TagRule(StrEnum):
    """A rule of docker/metadata-action that names an image."""

    semver = "semver"
    """A pushed tag that is a semantic version, as it is; decides `latest`."""
    branch = "branch"
    """The branch, with every character that a tag cannot have as a dash."""
    branch_epoch_sha = "branch-epoch-sha"
    """On the default branch: one that sorts by time, for Flux."""
    sha = "sha"
    """``sha-`` and the first seven digits of the commit."""


class Registry(Strict):
    """One registry's repositories, each as ``host/path`` without a tag."""

    backends: str = Field(description="The published backend images.")
    images: str = Field(description="The published LocalAI server images.")
    cache: str = Field("", description="Build caches, builder bases and anchors.")
    pull_requests: str = Field(
        "", description="Throw-away images of pull requests; emptied by their age."
    )
    anchors: Literal["own", "cache"] = Field(
        "own",
        description="Where a pushed leg waits for its merge under a tag of the run:"
        " in the image's own repository, or in the cache.",
    )
    plain_http: bool = Field(default=False, description="Reach it without TLS (a test registry).")
    auth_hosts: tuple[str, ...] = Field(
        (), description="Hosts outside its own site that may be its token service."
    )

    @model_validator(mode="after")
    def _has_its_cache(self) -> Self:
        if self.anchors == "cache" and not self.cache:
            raise ValueError("anchors stand in the cache, but no cache repository is named")
        return self


class Registries(Strict):
    """registries.yaml."""

    registries: dict[str, Registry]
    bases: str = Field(description="The repository of the builder bases.")
    default_branch: str = Field("master", description="The branch that `branch-epoch-sha` is for.")
    tags: dict[ImageKind, tuple[TagRule, ...]] = Field(
        default_factory=dict,
        description="How images are named; the first that applies decides about `latest`.",
    )


@cache
def registries() -> Registries:
    """The installed registries.yaml."""
    return load(data_dir() / "registries.yaml", Registries)[0]
