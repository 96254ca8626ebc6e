"""What stands in images.yaml: the LocalAI server image."""

from typing import Annotated, Literal

from localai_ci.config.model import Field, Strict
from localai_ci.config.profiles import Cuda, Suffix, Ubuntu


class ImageLeg(Strict):
    """Legs of the LocalAI server image that share a suffix."""

    suffix: Suffix
    arches: Annotated[list[Literal["amd64", "arm64"]], Field(min_length=1)]
    base_image: str
    build_type: str = ""
    cuda: Cuda = ""
    ubuntu: Ubuntu = "2404"
    codename: str = "noble"
    skip_drivers: bool = False
    jobs: Annotated[int, Field(ge=1, description="make's parallel jobs.")] = 4


class Images(Strict):
    """images.yaml."""

    images: list[ImageLeg]
