"""The protobuf compiler."""

from localai_ci.base.apt import install
from localai_ci.base.step import Step


def from_distribution() -> Step:
    """The compiler and the C++ library, as the release packages them."""
    return Step("protoc", install(("protobuf-compiler", "libprotobuf-dev")))
