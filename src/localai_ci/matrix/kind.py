"""The families of images. By itself, so that a command line can name them at no cost."""

from enum import StrEnum


class Kind(StrEnum):
    """The two families of images, each with a repository and tag rules of its own."""

    backends = "backends"
    images = "images"
