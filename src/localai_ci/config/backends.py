"""What stands in backends.yaml: builds, backends and their exceptions."""

from typing import Annotated, Literal

from pydantic import Field

from localai_ci.config import bounds
from localai_ci.config.profiles import Arch, Cuda, Language, Suffix, Ubuntu
from localai_ci.config.reader import Strict


class Build(Strict):
    """A way to build: one Dockerfile."""

    language: Language
    folder: str = Field(description="Where a backend's sources are; {backend} is its name.")
    also: list[str] = Field([], description="Folders of other backends whose sources it copies.")
    base: bool = Field(default=False, description="Compiles on a builder base from variants.yaml.")

    def folders(self, backend: str) -> tuple[str, ...]:
        """The backend's own folder, then the others it takes sources from."""
        return (self.folder.replace("{backend}", backend), *self.also)


Targets = Annotated[list[str], Field(min_length=1, description="Targets, or target@architecture.")]


class OverrideValues(Strict):
    """The fields that an exception sets; absent ones stay as the profile has them."""

    suffix: Suffix | None = None
    build_type: str | None = None
    cuda: Cuda | None = None
    base_image: str | None = None
    ubuntu: Ubuntu | None = None
    skip_drivers: bool | None = None
    runner: str | None = None
    builder: str | None = None
    platform_tag: Literal["", "amd64", "arm64"] | None = None
    tag_latest: Literal["auto", "true", "false"] | None = None
    amdgpu_targets: str | None = None
    context: str | None = None

    def fields(self) -> dict[str, str | bool]:
        """Only what is set."""
        return self.model_dump(exclude_none=True)


class Override(Strict):
    """An exception from what profile and backend say."""

    reason: Annotated[str, Field(min_length=10)]
    backends: Annotated[list[str], Field(min_length=1)]
    profiles: Annotated[list[str], Field(min_length=1, description="Profiles, not targets.")]
    arches: list[Arch] = Field([], description="Only these legs; all if absent.")
    set: OverrideValues
    inert: bool = Field(default=False, description="It changes the row and not the image.")


class Defaults(Strict):
    """What all rows share."""

    context: str
    tag_latest: Literal["auto", "true", "false"]


class Backends(Strict):
    """backends.yaml."""

    defaults: Defaults
    builds: dict[str, Build]
    backends: dict[str, dict[str, Targets]] = Field(description="By build: backend and targets.")
    exceptions: list[Override] = Field([], max_length=bounds.RULES)
