"""The LocalAI server image: images.yaml, leg by leg."""

from dataclasses import dataclass
from pathlib import Path

from localai_ci.config.data import data_dir
from localai_ci.config.images import Images
from localai_ci.config.profiles import Profiles
from localai_ci.config.reader import load
from localai_ci.names import entry_id


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

    @property
    def id(self) -> str:
        """``gpu-vulkan/arm64``; the image without a suffix is ``core/amd64``."""
        return entry_id(self.suffix, self.arch)


def server_legs(folder: Path | None = None) -> tuple[ServerLeg, ...]:
    """All legs, in the order of the file.

    Raises:
        InputError: a fault in images.yaml, or a suffix that stands there twice.
    """
    folder = folder or data_dir()
    runners = load(folder / "profiles.yaml", Profiles)[0].runners
    file, document = load(folder / "images.yaml", Images)
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
