"""What a user asks of a backend, and the one way from a function's flags to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dagger import Container, Directory, Secret

from localai_ci import push
from localai_ci.backend.choice import Wish
from localai_ci.base import Sources
from localai_ci.builder import Builder


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


async def request(
    *,
    source: Directory,
    entry: str,
    builder: Builder,
    base: Container | None,
    bases: str,
    variant: str,
    base_image: str | None,
    images: str,
    ccache: str,
    targets: Sequence[str] | None,
    third_party: Directory | None,
    refresh: str,
    docker_config: Secret | None,
    insecure: bool,
    mirror: str,
    mirror_credentials: Secret | None,
    apt_mirror: str,
    apt_ports_mirror: str,
    apt_snapshot: str,
    epoch: str,
    ccache_save: bool = False,
) -> Request:
    """What the flags of a Dagger function ask for: each under its own name, see args.py.

    Raises:
        InputError: a mirror or the Docker config cannot be what it is meant to be.
    """
    return Request(
        source,
        entry,
        Wish(builder, base, bases, base_image),
        variant,
        Sources(mirror, apt_mirror, apt_ports_mirror, apt_snapshot, epoch),
        mirror_credentials,
        ccache,
        ccache_save=ccache_save,
        targets=tuple(targets or ()),
        third_party=third_party,
        refresh=refresh,
        images=images,
        login=await push.login(docker_config, insecure=insecure),
    )
