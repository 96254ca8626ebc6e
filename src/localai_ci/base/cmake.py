"""CMake."""

from localai_ci.base.apt import install
from localai_ci.base.step import Step


def from_distribution() -> Step:
    """CMake as the release packages it, with what it recommends."""
    return Step("cmake", install(("cmake",), recommends=True))
