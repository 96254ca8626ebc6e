"""What stands in profiles.yaml, backends.yaml and images.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from localai_ci.matrix.yamlfile import Strict

Arch = Literal["amd64", "arm64", "darwin-arm64"]
Language = Literal["cpp", "go", "python", "rust"]
Cuda = Annotated[str, Field(pattern=r"^(|\d+\.\d+)$", description="Major and minor, in quotes.")]
Suffix = Annotated[str, Field(pattern=r"^(|-[A-Za-z0-9_][A-Za-z0-9_.-]*)$")]
Ubuntu = Annotated[str, Field(pattern=r"^\d{4}$", description="Release without the dot: 2404.")]


class Profile(Strict):
    """An accelerator: what every backend on it has in common."""

    suffix: Suffix = Field(description="The image suffix is this, a dash, and the backend.")
    arches: Annotated[list[Arch], Field(min_length=1)]
    target: str = Field("", description="The name that backends use; the profile's own if absent.")
    languages: list[Language] = Field([], description="Only these backends; all if absent.")
    build_type: str = ""
    cuda: Cuda = ""
    base_image: str = Field("", description="Empty only where nothing is built in a container.")
    builder: str = Field("", description="The builder base is this, a dash, and the architecture.")
    ubuntu: Ubuntu = "2404"
    skip_drivers: bool = False

    @model_validator(mode="after")
    def _container_has_a_base(self) -> "Profile":
        if not self.base_image and any(not a.startswith("darwin") for a in self.arches):
            raise ValueError("base_image is missing; only a Darwin profile goes without")
        return self


class Profiles(Strict):
    """profiles.yaml."""

    runners: dict[Arch, str] = Field(description="The runner of each architecture.")
    self_hosted: list[str] = Field([], description="Runners that forks must not reach.")
    profiles: dict[str, Profile]


class Build(Strict):
    """A way to build: one Dockerfile."""

    language: Language
    folder: str = Field(description="Where a backend's sources are; {backend} is its name.")
    also: list[str] = Field([], description="Folders of other backends whose sources it copies.")
    base: bool = Field(default=False, description="Compiles on a builder base from variants.yaml.")

    def folders(self, backend: str) -> tuple[str, ...]:
        """The backend's own folder, then the others it takes sources from."""
        return (self.folder.format(backend=backend), *self.also)


Targets = Annotated[list[str], Field(min_length=1, description="Targets, or target@architecture.")]


class Change(Strict):
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

    def fields(self) -> dict[str, str | bool]:
        """Only what is set."""
        return self.model_dump(exclude_none=True)


class Deviation(Strict):
    """An exception from what profile and backend say."""

    reason: Annotated[str, Field(min_length=10)]
    backends: Annotated[list[str], Field(min_length=1)]
    profiles: Annotated[list[str], Field(min_length=1, description="Profiles, not targets.")]
    arches: list[Arch] = Field([], description="Only these legs; all if absent.")
    set: Change
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
    exceptions: list[Deviation] = Field([])


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
