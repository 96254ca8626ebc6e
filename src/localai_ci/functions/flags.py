"""Flags that several functions take, each declared once."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from localai_ci.args import (
    AptMirror,
    AptPortsMirror,
    AptSnapshot,
    BaseGiven,
    BaseImage,
    Bases,
    BaseVariant,
    CcacheRepository,
    CcacheSave,
    CompileTargets,
    DepsRefresh,
    DockerConfig,
    EntryId,
    Epoch,
    Images,
    Insecure,
    Mirror,
    MirrorCredentials,
    SourceDir,
    ThirdParty,
    VariantName,
)
from localai_ci.backends.builder import Builder

if TYPE_CHECKING:
    from localai_ci.backends.request import BackendRequest
    from localai_ci.bases.mirrors import Mirrors
    from localai_ci.bases.step import BaseRecipe

Self = TypeVar("Self")
Flags = TypeVar("Flags")
Own = ParamSpec("Own")
Result = TypeVar("Result")


def spread(
    function: Callable[Concatenate[Self, Flags, Own], Awaitable[Result]],
) -> Callable[..., Awaitable[Result]]:
    """Let a function take the fields of its first argument, a dataclass, as flags of its own."""
    given = inspect.signature(function)
    this, flags, *own = given.parameters.values()
    fields = inspect.signature(flags.annotation).parameters

    @functools.wraps(function)
    async def spreading(self: Self, **named: Any) -> Result:
        taken = {name: named.pop(name) for name in fields if name in named}
        return await function(self, flags.annotation(**taken), **named)  # type: ignore[call-arg]

    parameters = [*fields.values(), *(p.replace(kind=p.KEYWORD_ONLY) for p in own)]
    # What Dagger reads: it registers each parameter with its type, its words and its default.
    declared: Any = spreading
    declared.__signature__ = given.replace(parameters=[this, *parameters])
    declared.__annotations__ = {p.name: p.annotation for p in parameters} | {
        "return": given.return_annotation
    }
    return spreading


@dataclass(frozen=True, kw_only=True)
class UpstreamFlags:
    """Where everything that is installed comes from."""

    base_image: BaseImage = None
    mirror: Mirror = ""
    mirror_credentials: MirrorCredentials = None
    apt_mirror: AptMirror = ""
    apt_ports_mirror: AptPortsMirror = ""
    apt_snapshot: AptSnapshot = ""
    epoch: Epoch = ""

    @property
    def mirrors(self) -> "Mirrors":
        """The upstreams that these flags name."""
        from localai_ci.bases.mirrors import Mirrors

        return Mirrors(
            self.mirror, self.apt_mirror, self.apt_ports_mirror, self.apt_snapshot, self.epoch
        )


@dataclass(frozen=True, kw_only=True)
class BaseFlags(UpstreamFlags):
    """Which builder base."""

    variant: VariantName

    @property
    def recipe(self) -> "BaseRecipe":
        """The base that these flags name."""
        from localai_ci.bases.recipe import recipe

        return recipe(self.variant, self.mirrors)


@dataclass(frozen=True, kw_only=True)
class BackendFlags(UpstreamFlags):
    """Which backend, on which base, with which cache."""

    source: SourceDir
    entry: EntryId
    builder: Builder = Builder.auto
    base: BaseGiven = None
    bases: Bases = ""
    variant: BaseVariant = ""
    images: Images = ""
    ccache: CcacheRepository = ""
    targets: CompileTargets = None
    third_party: ThirdParty = None
    refresh: DepsRefresh = ""
    docker_config: DockerConfig = None
    insecure: Insecure = False

    @property
    def keeps_cache(self) -> bool:
        """Whether the compiler cache is written to its repository."""
        return False

    async def request(self) -> "BackendRequest":
        """What these flags ask for.

        Raises:
            InputError: a mirror or the Docker config cannot be what it is meant to be.
        """
        from localai_ci.backends.base_choice import BasePreference
        from localai_ci.backends.request import BackendRequest
        from localai_ci.functions.reading import login

        return BackendRequest(
            self.source,
            self.entry,
            BasePreference(self.builder, self.base, self.bases, self.base_image),
            self.variant,
            self.mirrors,
            self.mirror_credentials,
            self.ccache,
            ccache_save=self.keeps_cache,
            targets=tuple(self.targets or ()),
            third_party=self.third_party,
            refresh=self.refresh,
            images=self.images,
            login=await login(self.docker_config, insecure=self.insecure),
        )


@dataclass(frozen=True, kw_only=True)
class KeptFlags(BackendFlags):
    """A build whose compiler cache may be kept."""

    ccache_save: CcacheSave = False

    @property
    def keeps_cache(self) -> bool:
        """If the user says so."""
        return self.ccache_save
