"""How LocalAI's root Dockerfile is called: decided as data, and compared as data. Pure."""

import json
from dataclasses import dataclass

from localai_ci.bases.mirrors import Mirrors
from localai_ci.config.images import DOCKERFILE
from localai_ci.errors import InputError
from localai_ci.matrix.server_image import ServerLeg
from localai_ci.oci.digest import sha256


def arguments(leg: ServerLeg, mirrors: Mirrors, base_image: str) -> dict[str, str]:
    """The ten build arguments that LocalAI's image_build.yml gives.

    A leg without CUDA gets both CUDA arguments empty, as LocalAI's do: the image then says
    ``NVIDIA_REQUIRE_CUDA=cuda>=.0``, as the published ones. Left out, the Dockerfile's own 12 would
    count: an image without CUDA would demand a driver of CUDA 12 from NVIDIA's runtime.
    """
    major, _, minor = leg.cuda.partition(".")
    return {
        "BUILD_TYPE": leg.build_type,
        "CUDA_MAJOR_VERSION": major,
        "CUDA_MINOR_VERSION": minor,
        "BASE_IMAGE": base_image or leg.base_image,
        "MAKEFLAGS": f"--jobs={leg.jobs} --output-sync=target",
        "SKIP_DRIVERS": str(leg.skip_drivers).lower(),
        "UBUNTU_VERSION": leg.ubuntu,
        "UBUNTU_CODENAME": leg.codename,
        "APT_MIRROR": mirrors.apt_mirror,
        "APT_PORTS_MIRROR": mirrors.apt_ports_mirror,
    }


@dataclass(frozen=True)
class ServerInputs:
    """Everything that enters one leg: where it is fetched from does not.

    Attributes:
        leg: Which.
        context: Digest of the build context, `.git` included: its commit and tag are in the
            program.
        base: Digest of the image that it starts from.
    """

    leg: ServerLeg
    context: str
    base: str

    @property
    def digest(self) -> str:
        """SHA-256 in hex over all of it."""
        given = arguments(self.leg, Mirrors(), "named by its digest")
        told = [1, DOCKERFILE, self.leg.arch, given, self.context, self.base]
        return sha256(json.dumps(told, sort_keys=True).encode())


def agreed(entry: str, asked: str, head: str) -> str:
    """The commit that a leg is built from.

    Raises:
        InputError: the user names another one than the tree is of.
    """
    if asked and asked != head:
        raise InputError(
            f"the tree is of {head}, and --revision says {asked}",
            where=entry,
            remedy="The image says its commit by the tree's .git: check out what is to be built.",
        )
    return head
