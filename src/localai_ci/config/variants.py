"""The builder bases: the models of ``matrix/variants.yaml``."""

import difflib
from pathlib import Path
from typing import Literal, Self

from localai_ci import json_text
from localai_ci.config.model import Field, Strict, model_validator
from localai_ci.config.reader import load_table
from localai_ci.errors import InputError
from localai_ci.text import table

Arch = Literal["amd64", "arm64"]
BuildType = Literal["", "cublas", "l4t", "hipblas", "vulkan", "sycl", "clblas"]

CUDA_BUILD_TYPES = frozenset({"cublas", "l4t"})
_ONLY_ON: dict[str, Arch] = {"hipblas": "amd64", "sycl": "amd64", "l4t": "arm64"}


class Release(Strict):
    """A distribution release, and the versions of the tools that its own archive has.

    A version is a prefix: ``3.25`` stands for any 3.25.x.
    """

    image: str
    codename: str
    cmake: str
    protoc: str | None = None
    grpc: str | None = None


class Variant(Strict):
    """One builder base. The arguments are LocalAI's (base-images.yml), under readable names."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)
    about: str
    release: str
    base_image: str
    arch: Arch
    runner: str
    build_type: BuildType = ""
    cuda: str | None = Field(default=None, pattern=r"^[0-9]+\.[0-9]+$")
    skip_drivers: bool = False
    tools: Literal["upstream", "distribution"] = "upstream"
    cmake: Literal["package", "source"] = "package"

    @property
    def platform(self) -> str:
        """As OCI spells it: ``linux/amd64``."""
        return f"linux/{self.arch}"

    @property
    def ubuntu(self) -> str | None:
        """``2404`` on Ubuntu 24.04; None elsewhere."""
        return self.release.removeprefix("ubuntu") if self.release.startswith("ubuntu") else None

    @property
    def cuda_version(self) -> tuple[str, str] | None:
        """Major and minor, as NVIDIA's package names have them: ``("12", "8")``."""
        if self.cuda is None:
            return None
        major, minor = self.cuda.split(".")
        return major, minor

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for fault in filter(None, (self._name(), self._runner(), self._accelerator())):
            raise ValueError(f"variant {self.name!r}: {fault}")
        return self

    def _name(self) -> str | None:
        if self.name == self.arch or self.name.endswith(f"-{self.arch}"):
            return None
        return f"the name must end in its architecture, {self.arch}"

    def _runner(self) -> str | None:
        if (self.arch == "arm64") == self.runner.endswith("-arm"):
            return None
        return f"{self.arch} does not run on the runner {self.runner!r}; arm64 runners end in -arm"

    def _accelerator(self) -> str | None:
        if self.cuda and self.build_type not in CUDA_BUILD_TYPES:
            return f"CUDA {self.cuda} without a CUDA build type; say cublas or l4t, or drop cuda"
        if self.build_type in CUDA_BUILD_TYPES and not self.cuda:
            return f'build type {self.build_type} needs its CUDA version, as cuda: "12.8"'
        if self.skip_drivers and not self.build_type:
            return "skip_drivers without a build type: there are no drivers to skip"
        if self.tools == "distribution" and self.build_type:
            return f"tools: distribution has no {self.build_type} toolchain; say upstream"
        only = _ONLY_ON.get(self.build_type, self.arch)
        if only != self.arch:
            return f"build type {self.build_type} exists on {only} only, not on {self.arch}"
        return None


class Variants(Strict):
    """The whole file."""

    releases: dict[str, Release]
    variants: tuple[Variant, ...] = Field(min_length=1)

    def get(self, name: str) -> Variant:
        """The variant of that name.

        Raises:
            InputError: there is none; the message names the nearest and all valid ones.
        """
        known = [variant.name for variant in self.variants]
        if name in known:
            return self.variants[known.index(name)]
        near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"there is no variant {name!r}.{guess}", remedy=f"Valid: {', '.join(known)}."
        )

    def release(self, variant: Variant) -> Release:
        """What the variant's distribution release brings."""
        return self.releases[variant.release]


def load_variants(path: Path | None = None) -> Variants:
    """Read ``variants.yaml``.

    Raises:
        InputError: each fault with file and line.
    """
    file, document = load_table("variants.yaml", Variants, path)
    seen: dict[str, int] = {}
    for index, variant in enumerate(file.variants):
        loc = ("variants", index, "name")
        if variant.name in seen:
            raise document.error(
                loc,
                f"the variant {variant.name!r} stands on line {seen[variant.name]} already",
                "Names are image tags: give each its own.",
            )
        seen[variant.name] = document.line(loc)
        if variant.release not in file.releases:
            raise document.error(
                ("variants", index, "release"),
                f"unknown release {variant.release!r}",
                f"Add it under releases, or use one of: {', '.join(file.releases)}.",
            )
        release = file.releases[variant.release]
        if variant.tools == "distribution" and not (release.protoc and release.grpc):
            raise document.error(
                ("variants", index, "tools"),
                f"tools: distribution, but release {variant.release} names no protoc and grpc",
                f"Add the versions that its archive has under releases.{variant.release}.",
            )
    return file


def as_json(file: Variants) -> str:
    """The variants as a JSON list, every field of the model."""
    return json_text.write([variant.model_dump() for variant in file.variants], indent=2)


def as_table(file: Variants) -> str:
    """The variants as a table for people."""
    rows = [
        (v.name, v.about, v.platform, v.base_image, v.build_type or "-", v.cuda or "-", v.tools)
        for v in file.variants
    ]
    head = ("variant", "for", "platform", "base image", "build type", "CUDA", "tools from")
    return table(head, rows)
