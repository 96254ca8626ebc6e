"""What a user asks of a backend."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dagger import Directory, Secret

from localai_ci.backends.base_choice import BasePreference, SharedBases
from localai_ci.backends.builder import Builder
from localai_ci.backends.trust import PULL_REQUEST
from localai_ci.bases.mirrors import Mirrors
from localai_ci.config.variants import Variant
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.oci.login import ANONYMOUS, Login


@dataclass(frozen=True)
class BackendRequest:
    """What the user asks for.

    Attributes:
        source: A LocalAI tree.
        entry: An entry id.
        preference: Of the base.
        variant: Compile on this base instead of the entry's.
        mirrors: Mirrors.
        credentials: For the mirrors, a netrc file.
        ccache: Repository of the compiler caches; empty for the engine's own.
        ccache_save: Whether the cache is kept there.
        targets: Compile these instead of the table's.
        third_party: The third-party sources, instead of fetching them.
        refresh: DEPS_REFRESH of a Dockerfile; this week if empty.
        images: Repository of finished images: what is there already is not built.
        trust: Whose code is built, see `backends.trust`.
        login: How registries are reached.
        shared: Bases that entries of the same job have had already.
    """

    source: Directory
    entry: str
    preference: BasePreference = field(default_factory=BasePreference)
    variant: str = ""
    mirrors: Mirrors = field(default_factory=Mirrors)
    credentials: Secret | None = None
    ccache: str = ""
    ccache_save: bool = False
    targets: tuple[str, ...] = ()
    third_party: Directory | None = None
    refresh: str = ""
    images: str = ""
    login: Login = ANONYMOUS
    trust: str = PULL_REQUEST
    shared: SharedBases = field(default_factory=SharedBases)

    def variant_for(self, entry: Entry) -> str:
        """The builder base of an entry: the one that is asked for, its own, or a plain one."""
        return self.variant or entry.builder or entry.arch


Given = Mapping[str, Callable[[BackendRequest], object]]
"""Flags, each with whether it was given."""


def check(request: BackendRequest, entry: Entry, variant: Variant) -> None:
    """Refuse what could only be ignored, or would fail much later. Pure.

    Raises:
        InputError: flags that do not go with the entry, or with each other.
    """
    if variant.arch != entry.arch:
        raise InputError(
            f"variant {variant.name} is for {variant.arch}, the entry for {entry.arch}",
            where=entry.id,
            remedy=f"Name a variant for {entry.arch} with --variant, or leave it out.",
        )
    if request.ccache_save and not request.ccache:
        raise InputError(
            "--ccache-save needs --ccache, which says where the cache is kept", where=entry.id
        )
    wrong = () if entry.builder else _named(_CHOOSES, request)
    if wrong:
        raise InputError(
            f"{entry.dockerfile} builds this entry, on no builder base: {', '.join(wrong)}"
            " would change nothing",
            where=entry.id,
            remedy="Leave it out." if len(wrong) == 1 else "Leave them out.",
        )


def without_effect(request: BackendRequest, entry: Entry) -> str:
    """A line about flags that all entries of a run may be given, and this one has no use for."""
    idle = () if entry.builder else _named(_FOR_ALL, request)
    return f"{', '.join(idle)}: no effect, {entry.dockerfile} builds this entry" if idle else ""


# What only a backend on a builder base has a use for: a choice for one entry, or for a whole run.
_CHOOSES: Given = {
    "--builder": lambda request: request.preference.builder is not Builder.auto,
    "--base": lambda request: request.preference.given is not None,
    "--targets": lambda request: request.targets,
    "--third-party": lambda request: request.third_party is not None,
}
_FOR_ALL: Given = {
    "--ccache": lambda request: request.ccache,
    "--ccache-save": lambda request: request.ccache_save,
    "--apt-snapshot": lambda request: request.mirrors.apt_snapshot,
    "--epoch": lambda request: request.mirrors.epoch,
}


def _named(flags: Given, request: BackendRequest) -> tuple[str, ...]:
    return tuple(flag for flag, is_given in flags.items() if is_given(request))
