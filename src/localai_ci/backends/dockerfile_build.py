"""Backends that are built by a Dockerfile of LocalAI's tree."""

from dagger import BuildArg, Container, Directory, Platform

from localai_ci.backends.dockerfile_call import platform
from localai_ci.matrix.entry import Entry


def build(entry: Entry, tree: Directory, given: dict[str, str]) -> Container:
    """The image; the engine applies the tree's .dockerignore."""
    return tree.docker_build(
        dockerfile=entry.dockerfile,
        platform=Platform(platform(entry)),
        build_args=[BuildArg(name, value) for name, value in given.items()],
    )
