"""The LocalAI server image: images.yaml, leg by leg."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from localai_ci.config.images import Images
from localai_ci.config.profiles import Arch
from localai_ci.config.reader import Document
from localai_ci.errors import InputError
from localai_ci.names import entry_id

NO_IMAGES = Images(images=[])
"""Of a tree that has a matrix of its own and says nothing of a server image."""


@dataclass(frozen=True, slots=True)
class ServerLeg:
    """One architecture of one server image; ``jobs`` is for make, ``cuda`` may be empty."""

    suffix: str
    arch: str
    runner: str
    platform_tag: str
    base_image: str
    build_type: str
    cuda: str
    ubuntu: str
    codename: str
    skip_drivers: bool
    jobs: int
    pull_requests: bool

    @property
    def id(self) -> str:
        """``gpu-vulkan/arm64``; the image without a suffix is ``core/amd64``."""
        return entry_id(self.suffix, self.arch)

    @property
    def os(self) -> str:
        """``linux``."""
        return "linux"


def server_legs(
    file: Images, document: Document, runners: Mapping[Arch, str]
) -> tuple[ServerLeg, ...]:
    """All legs, in the order of the file.

    Args:
        file: images.yaml.
        document: Its lines.
        runners: The runner of each architecture.

    Raises:
        InputError: a suffix that stands there twice.
    """
    seen: set[str] = set()
    legs = []
    for index, image in enumerate(file.images):
        if image.suffix in seen:
            raise document.error(
                ("images", index, "suffix"),
                f"the suffix {image.suffix!r} stands here twice",
                "List all architectures of an image under `arches`.",
            )
        seen.add(image.suffix)
        shared = image.model_dump(exclude={"arches"})
        legs += [
            ServerLeg(
                arch=arch,
                runner=runners[arch],
                platform_tag=arch if len(image.arches) > 1 else "",
                **shared,
            )
            for arch in image.arches
        ]
    return tuple(legs)


def find(legs: Iterable[ServerLeg], name: str) -> ServerLeg:
    """A leg by its id.

    Raises:
        InputError: there is none; names what is near.
    """
    known = {leg.id: leg for leg in legs}
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5) or list(known)
        raise InputError(
            f"no leg of the server image is called {name!r}",
            where="matrix/images.yaml",
            remedy=f"Did you mean {', '.join(near)}?" if near else "This tree has none.",
        )
    return known[name]
