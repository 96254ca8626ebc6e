"""A LocalAI tree as the engine has it: its tables, and the part that enters one image."""

from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread
from dagger import Directory, dag

from localai_ci.backends import slices
from localai_ci.backends.dockerignore import IGNORE
from localai_ci.backends.input_hash import Snapshot
from localai_ci.backends.slices import listing
from localai_ci.config import bounds
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry, unknown_entry
from localai_ci.matrix.tables import PATHS, Tables
from localai_ci.names import receipt_file


@dataclass(frozen=True)
class SourceTree:
    """A tree, and the tables that count for it."""

    source: Directory
    tables: Tables

    def find(self, name: str) -> Entry:
        """An entry by its id.

        Raises:
            InputError: there is none; names what is near.
        """
        entry = self.tables.matrix.by_id().get(name)
        if entry is None:
            raise unknown_entry(name, self.tables.matrix, globs=False)
        default = self.tables.compile.amdgpu_targets
        return replace(entry, amdgpu_targets=entry.amdgpu_targets or default)

    async def cut(self, entry: Entry, leave: tuple[str, ...] = ()) -> tuple[Directory, Snapshot]:
        """The part of the tree that enters an image, as a folder and as what its hash is made of.

        The engine tells a part of a tree by the whole that it was cut from: an edit anywhere would
        build anew. What comes from a function's own folder it tells by content.

        Raises:
            InputError: the tree does not have the backend.
        """
        paths = [path for path in await self.source.glob("**") if not path.endswith("/")]
        found = {path: await read(self.source, path) for path in (IGNORE, entry.dockerfile)}
        texts = {path: data.decode("utf-8", "replace") for path, data in found.items() if data}
        rules = self.tables.rules
        files = slices.choose(entry, paths, rules, texts.get(IGNORE, ""), leave)
        # One folder an entry: several may be built at once.
        folder = f"slice-{receipt_file(entry.id)}"
        await slices.cut(self.source, files).export(folder, wipe=True)
        listed = await anyio.to_thread.run_sync(listing, Path(folder))
        part = dag.current_module().workdir(folder)
        return part, Snapshot(listed, rules, self.tables.compile, texts)


async def open_tree(source: Directory) -> SourceTree:
    """A tree with its own matrix, rules and tables where it has them."""
    return SourceTree(source, Tables({path: await read(source, path) for path in PATHS}.get))


async def text(source: Directory, path: str) -> str:
    """The text of a file that has to be there, and small.

    Raises:
        InputError: it is not there, or larger than any that is looked into.
    """
    size = await source.file(path).size() if await source.exists(path) else None
    if size is None:
        raise InputError(
            "the source tree has no such file",
            where=path,
            remedy="Give a checkout of LocalAI that has this backend as --source.",
        )
    if size > bounds.FILE_BYTES:
        raise InputError(
            f"it has more than {bounds.FILE_BYTES} bytes",
            where=path,
            remedy="Files that are looked into are small; check what this one is.",
        )
    return await source.file(path).contents()


async def read(source: Directory, path: str) -> bytes | None:
    """A file's content, None if it is not there.

    Raises:
        InputError: it is larger than any that is looked into.
    """
    if not await source.exists(path):
        return None
    return (await text(source, path)).encode()
