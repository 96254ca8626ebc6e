"""What stands in profiles.yaml: accelerators, and what every backend on one has in common."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from localai_ci.config.reader import Strict

Arch = Literal["amd64", "arm64", "darwin-arm64"]
Language = Literal["cpp", "go", "python", "rust"]
Cuda = Annotated[
    str, Field(pattern=r"^(|[0-9]+\.[0-9]+)$", description="Major and minor, in quotes.")
]
Suffix = Annotated[str, Field(pattern=r"^(|-[A-Za-z0-9_][A-Za-z0-9_.-]*)$")]
Ubuntu = Annotated[str, Field(pattern=r"^[0-9]{4}$", description="Release without the dot: 2404.")]


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


class DarwinWorkflow(Strict):
    """What LocalAI's backend_build_darwin.yml is called with, beside what a row says."""

    go_version: str = "1.25.x"
    use_pip: list[str] = Field(default=[], description="Backends that pip installs, not uv.")


AS_LOCALAI = DarwinWorkflow()
"""Where nothing else is said."""


class Profiles(Strict):
    """profiles.yaml."""

    runners: dict[Arch, str] = Field(description="The runner of each architecture.")
    self_hosted: list[str] = Field([], description="Runners that forks must not reach.")
    darwin: DarwinWorkflow = AS_LOCALAI
    profiles: dict[str, Profile]
