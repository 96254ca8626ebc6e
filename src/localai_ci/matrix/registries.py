"""What stands in registries.yaml: where images, caches and builder bases live."""

from functools import cache

from pydantic import Field

from localai_ci.matrix.data import data_dir
from localai_ci.matrix.yamlfile import Strict, load


class Registry(Strict):
    """One registry's repositories, each as ``host/path`` without a tag."""

    backends: str = Field(description="The published backend images.")
    images: str = Field(description="The published LocalAI server images.")
    cache: str = Field("", description="Build caches, builder bases and anchors.")
    pull_requests: str = Field("", description="Throw-away images of pull requests.")


class Registries(Strict):
    """registries.yaml."""

    registries: dict[str, Registry]
    bases: str = Field(description="The repository of the builder bases.")


@cache
def registries() -> Registries:
    """The installed registries.yaml."""
    return load(data_dir() / "registries.yaml", Registries)[0]
