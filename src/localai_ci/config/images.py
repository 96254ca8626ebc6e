"""What stands in images.yaml: the LocalAI server image, and which change builds it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from localai_ci.config.data import data_dir
from localai_ci.config.profiles import Cuda, Suffix, Ubuntu
from localai_ci.config.reader import Document, Strict, load

DOCKERFILE = "Dockerfile"
"""At the top of a tree; one without it has no server image."""


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
    pull_requests: bool = Field(default=False, description="Built for pull requests too.")


class Unseen(Strict):
    """Paths that no server image can see: a change of these alone builds none."""

    reason: Annotated[str, Field(min_length=10)]
    paths: Annotated[list[str], Field(min_length=1)]
    pull_requests: bool = Field(default=False, description="Only for pull requests.")


class Images(Strict):
    """images.yaml."""

    never: dict[str, str] = Field(
        default={}, description="Events that build none, each with its reason."
    )
    unseen: list[Unseen] = Field(default=[], description="What a change may touch without it.")
    images: list[ImageLeg]


def load_images(path: Path | None = None, data: bytes | None = None) -> tuple[Images, Document]:
    """Read images.yaml, by default the installed one.

    Args:
        path: The file; only its name where ``data`` is given.
        data: The content, of a file that is not on disk.

    Raises:
        InputError: a fault in it, with file and line.
    """
    return load(path or data_dir() / "images.yaml", Images, data)
