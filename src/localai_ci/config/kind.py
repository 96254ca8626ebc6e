"""The two families of images. Apart from the models: commands name it without loading those."""

from enum import StrEnum


class ImageKind(StrEnum):
    """The two families of images, each with a repository and tag rules of its own."""

    backends = "backends"
    """The backends, one image a suffix."""

    images = "images"
    """The LocalAI server image."""
