"""How a Dockerfile of LocalAI's tree is called: decided as data, and compared as data. Pure."""

from localai_ci.backends.dockerfile_use import used
from localai_ci.bases.mirrors import Mirrors
from localai_ci.matrix.entry import Entry


def arguments(entry: Entry, mirrors: Mirrors, base_image: str, refresh: str) -> dict[str, str]:
    """The thirteen build arguments that LocalAI's workflow gives to every Dockerfile."""
    major, _, minor = entry.cuda.partition(".")
    return {
        "BUILD_TYPE": entry.build_type,
        "SKIP_DRIVERS": str(entry.skip_drivers).lower(),
        "CUDA_MAJOR_VERSION": major,
        "CUDA_MINOR_VERSION": minor,
        "BASE_IMAGE": base_image or entry.base_image,
        "BACKEND": entry.backend,
        "UBUNTU_VERSION": entry.ubuntu,
        "AMDGPU_TARGETS": entry.amdgpu_targets,
        "APT_MIRROR": mirrors.apt_mirror,
        "APT_PORTS_MIRROR": mirrors.apt_ports_mirror,
        "DEPS_REFRESH": refresh,
        # Of the Dockerfiles with two paths; here these are compiled by steps of our own.
        "BUILDER_BASE_IMAGE": "",
        "BUILDER_TARGET": "builder-fromsource",
    }


def use(entry: Entry, text: str) -> str:
    """What of a Dockerfile makes the entry's image; equal where that is.

    Raises:
        InputError: it cannot be told.
    """
    # Its base counts by digest, apart: the same one may be pulled from a mirror by another name.
    given = arguments(entry, Mirrors(), "base/of.the.row", "")
    del given["DEPS_REFRESH"]  # each week another one; its default is what no week overrides
    if entry.builder:
        given["BUILDER_TARGET"] = "builder-prebuilt"  # as LocalAI's workflow calls it
    return used(text, given)


def platform(entry: Entry) -> str:
    """As the engine spells it."""
    return f"linux/{entry.arch}"
