"""What a user asks of a backend."""

from dataclasses import dataclass, field

from dagger import Directory, Secret

from localai_ci import push
from localai_ci.backend.choice import Wish
from localai_ci.base import Sources


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        source: A LocalAI tree.
        entry: An entry id.
        wish: Of the base.
        variant: Compile on this base instead of the entry's.
        sources: Mirrors.
        credentials: For the mirrors, a netrc file.
        ccache: Repository of the compiler caches; empty for the engine's own.
        ccache_save: Whether the cache is kept there.
        targets: Compile these instead of the table's.
        third_party: The third-party sources, instead of fetching them.
        refresh: DEPS_REFRESH of a Dockerfile; this week if empty.
        images: Repository of finished images: what is there already is not built.
        login: How registries are reached.
    """

    source: Directory
    entry: str
    wish: Wish = field(default_factory=Wish)
    variant: str = ""
    sources: Sources = field(default_factory=Sources)
    credentials: Secret | None = None
    ccache: str = ""
    ccache_save: bool = False
    targets: tuple[str, ...] = ()
    third_party: Directory | None = None
    refresh: str = ""
    images: str = ""
    login: push.Login = push.ANONYMOUS
