"""The compiler cache that survives its machine: an image in a registry.

It is a guest of the build: where it does not come or is not kept, the build is slower, and never
broken.

Every cache belongs to a trust domain: a pull request reads its own and a release's, a release
only a release's.
"""

import json
from dataclasses import dataclass

import anyio
from dagger import CacheSharingMode, Container, DaggerError, Directory, dag

from localai_ci import json_text
from localai_ci.backends.recipe import CCACHE_FOLDER
from localai_ci.backends.trust import RELEASE
from localai_ci.bases import push
from localai_ci.bases.failure import last_line
from localai_ci.config import bounds
from localai_ci.config.compile import Ccache
from localai_ci.names import ccache_tag
from localai_ci.oci.login import Login
from localai_ci.oci.reference import Repository
from localai_ci.text import say

DESCRIPTION = "ccache.json"
PATIENCE = 300
"""Seconds that a cache may take to come or go; the largest holds 2 GB."""


@dataclass(frozen=True)
class Key:
    """What a cache is for.

    Attributes:
        backend: Whose objects it holds.
        variant: The builder base.
        build_type: Of the entry; CUDA's version is the variant's.
        base: What the base was made of, or its digest; empty where neither is known.
        inputs: All inputs of the build, to tell an unchanged rebuild.
        trust: The domain of who runs the build, see `backends.trust`: what it writes goes there.
    """

    backend: str
    variant: str
    build_type: str
    base: str
    inputs: str
    trust: str

    @property
    def volume(self) -> str:
        """The name of the engine's own cache for it."""
        return f"localai-ci-{self.tag(on_base=False)}"

    def tag(self, *, on_base: bool) -> str:
        """Where this cache is kept: on this base, or the newest on any."""
        return self._tag(self.backend, self._base if on_base else "", self.trust)

    def candidates(self, relatives: tuple[str, ...]) -> tuple[str, ...]:
        """The tags to try, nearest first: exact, on another base, a relative's."""
        readable = dict.fromkeys((self.trust, RELEASE))
        places = [(self.backend, self._base), *((name, "") for name in (self.backend, *relatives))]
        found = (self._tag(name, base, trust) for name, base in places for trust in readable)
        return tuple(dict.fromkeys(found))

    @property
    def _base(self) -> str:
        return self.base.removeprefix("sha256:")[:12]

    def _tag(self, backend: str, base: str, trust: str) -> str:
        return ccache_tag(backend, self.variant, self.build_type, base, untrusted=trust != RELEASE)


@dataclass(frozen=True)
class Restored:
    """A cache as it came, or an empty one."""

    folder: Directory
    image: str = ""
    unchanged: bool = False


async def restore(
    repository: Repository, key: Key, relatives: tuple[str, ...], by: Login
) -> Restored:
    """The nearest cache that the repository has, else an empty one."""
    empty = await push.signed_in(dag.container(), repository.registry, by)
    for tag in key.candidates(relatives):
        image = str(repository.at(tag))
        try:
            with anyio.fail_after(PATIENCE):
                tree = await empty.from_(image).rootfs().sync()
                inputs = inputs_in(await tree.file(DESCRIPTION).contents())
                folder = await tree.directory(CCACHE_FOLDER).sync()
        except TimeoutError:
            _warn(f"{image} did not come within {PATIENCE} s")
            break  # the next would not come either
        except (DaggerError, ValueError) as e:
            if not _is_absent(str(e)):
                _warn(f"{image} cannot be used: {last_line(e)}")
            continue
        return Restored(folder, image, inputs == key.inputs)
    return Restored(dag.directory())


def inputs_in(description: str) -> str:
    """Of which inputs a cache says that it is; of none where it says nothing readable. Pure.

    Raises:
        ValueError: this is not the description of a cache.
    """
    described = json_text.read(description, bounds.REPORT_BYTES)
    if not isinstance(described, dict):
        raise ValueError(f"{DESCRIPTION} is not a description")  # noqa: TRY004 - of a text
    return str(described.get("inputs", ""))


def with_volume(container: Container, key: Key) -> Container:
    """The engine's own cache, for machines that keep their engine: it needs no registry."""
    return container.with_mounted_cache(
        CCACHE_FOLDER, dag.cache_volume(key.volume), sharing=CacheSharingMode.LOCKED
    )


async def save(
    built: Container, repository: Repository, key: Key, limits: Ccache, by: Login
) -> None:
    """Keep the cache of a finished build, under its exact tag and as the newest; or warn."""
    evict = f"CCACHE_DIR={CCACHE_FOLDER} ccache --evict-older-than {limits.evict_older_than}"
    described = {"backend": key.backend, "base": key.base, "inputs": key.inputs}
    try:
        folder = built.with_exec(["sh", "-euc", evict]).directory(CCACHE_FOLDER)
        image = (
            dag.container(platform=await built.platform())
            .with_directory(CCACHE_FOLDER, folder)
            .with_new_file(f"/{DESCRIPTION}", json.dumps(described))
        )
        with anyio.fail_after(PATIENCE):
            for tag in dict.fromkeys((key.tag(on_base=True), key.tag(on_base=False))):
                await push.push(image, repository.at(tag), by)
        say(f"ccache: saved as {repository.at(key.tag(on_base=True))}")
    except TimeoutError:
        _warn(f"not saved in {repository} within {PATIENCE} s")
    except DaggerError as e:
        _warn(f"not saved in {repository}: {last_line(e)}")


def _is_absent(error: str) -> bool:
    return "not found" in error or "manifest unknown" in error


def _warn(what: str) -> None:
    say(f"WARNING: ccache: {what}; this build only takes longer")
