"""A LocalAI tree as the engine has it: its matrix, and the part that enters one image."""

from dataclasses import replace
from pathlib import Path

import anyio.to_thread
from dagger import Directory, dag

from localai_ci.backends import slices
from localai_ci.backends.input_hash import IGNORE, Snapshot
from localai_ci.backends.listing import listing
from localai_ci.config.compile import load_compile
from localai_ci.matrix.entry import Entry, Matrix, unknown_entry
from localai_ci.matrix.loading import MATRIX_PATHS, load_matrix, matrix_in_tree
from localai_ci.matrix.rules import RULES, rules_in_tree

_SLICE = "slice"


async def matrix_of(source: Directory) -> Matrix:
    """The tree's own matrix if it has one, else the installed one.

    Raises:
        InputError: a fault in it.
    """
    files = {path: await read(source, path) for path in MATRIX_PATHS}
    return matrix_in_tree(files.get) or load_matrix()


async def find(source: Directory, name: str) -> Entry:
    """An entry by its id, of the tree's own matrix if it has one, else of the installed one.

    Raises:
        InputError: there is none; names what is near.
    """
    matrix = await matrix_of(source)
    entry = matrix.by_id().get(name)
    if entry is None:
        raise unknown_entry(name, matrix, globs=False)
    return replace(entry, amdgpu_targets=entry.amdgpu_targets or load_compile().amdgpu_targets)


async def cut(
    source: Directory, entry: Entry, leave: tuple[str, ...] = ()
) -> tuple[Directory, Snapshot]:
    """The part of the tree that enters an image, as a folder and as what its hash is made of.

    The engine tells a part of a tree by the whole that it was cut from: an edit anywhere would
    build anew. What comes from a function's own folder it tells by content.

    Raises:
        InputError: the tree does not have the backend.
    """
    paths = [path for path in await source.glob("**") if not path.endswith("/")]
    found = {path: await read(source, path) for path in (IGNORE, entry.dockerfile, RULES)}
    texts = {path: data.decode("utf-8", "replace") for path, data in found.items() if data}
    rules = rules_in_tree(found.get)
    files = slices.choose(entry, paths, rules, texts.get(IGNORE, ""), leave)
    await slices.cut(source, files).export(_SLICE, wipe=True)
    listed = await anyio.to_thread.run_sync(listing, Path(_SLICE))
    part = dag.current_module().workdir(_SLICE)
    return part, Snapshot(listed, rules, load_compile(), texts)


async def read(source: Directory, path: str) -> bytes | None:
    """A file's content, None if it is not there."""
    if not await source.exists(path):
        return None
    return (await source.file(path).contents()).encode()
