"""What the bases are made of, for those who only ask registries and start no engine."""

from dataclasses import dataclass
from functools import cache

from localai_ci import base
from localai_ci.base.sources import Sources


@dataclass(frozen=True)
class Bases:
    """The bases as they would be built now.

    Attributes:
        sources: Their snapshot and epoch; mirrors change nothing.
    """

    sources: Sources

    def images(self, variant: str) -> tuple[str, ...]:
        """The images that a base starts from."""
        return base.images(_recipe(variant, self.sources))

    def identity(self, variant: str, digests: tuple[str, ...]) -> str:
        """The input hash of a base, from the digests of its images."""
        return base.input_hash(_recipe(variant, self.sources), *digests)


@cache
def _recipe(variant: str, sources: Sources) -> base.Recipe:
    return base.recipe(variant, sources)
