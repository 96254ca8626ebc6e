"""`matrix import`: LocalAI's rows, as an edit of our files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localai_ci.config import bounds
from localai_ci.config.backends import Backends
from localai_ci.config.profiles import Profiles
from localai_ci.config.reader import load
from localai_ci.errors import InputError
from localai_ci.files import read_file
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.exceptions import TODO
from localai_ci.matrix.in_place import FILES, edited
from localai_ci.matrix.infer import Exists, Proposal, propose
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.localai_forms import matrix_file, tree_of
from localai_ci.text import listed


@dataclass(frozen=True)
class MatrixImport:
    """An edit that was worked out and not yet written.

    Attributes:
        old: Our files, by name.
        new: What they would say.
        notes: What a person should look at.
    """

    old: dict[str, str]
    new: dict[str, str]
    notes: tuple[str, ...]

    @property
    def changed(self) -> dict[str, str]:
        """Only the files that say something else."""
        return {name: text for name, text in self.new.items() if text != self.old[name]}


def read_import(source: Path, folder: Path, reason: str = "") -> MatrixImport:
    """Work out the edit of a folder's files that makes them say what a source says.

    Args:
        source: A LocalAI tree, or its file in any of its forms.
        folder: Ours, with profiles.yaml and backends.yaml.
        reason: What new exceptions say; absent, that somebody has to say it.

    Raises:
        InputError: a file that cannot be read, or rows that cannot be expressed.
    """
    file = matrix_file(source) if source.is_dir() and not _ours(source) else source
    root = source if file is not source else tree_of(file)

    def exists(path: str) -> bool:
        return root is not None and (root / path).is_dir()

    texts = {name: _text(folder / name) for name in FILES}
    return work_out(load_matrix(file).entries, texts, exists, reason)


def work_out(
    entries: Sequence[Entry], texts: dict[str, str], exists: Exists, reason: str = ""
) -> MatrixImport:
    """The edit that makes files say these entries. Pure.

    Raises:
        InputError: as `read_import`.
    """
    _refuse_twice(entries)
    profiles, _ = load(Path(FILES[0]), Profiles, texts[FILES[0]].encode())
    backends, _ = load(Path(FILES[1]), Backends, texts[FILES[1]].encode())
    to = propose(entries, profiles, backends, exists, reason or TODO)
    new = edited(texts, profiles, backends, to)
    return MatrixImport(dict(texts), new, tuple(_notes(profiles, backends, to)))


def _ours(folder: Path) -> bool:
    return (folder / "backends.yaml").is_file()


def _text(path: Path) -> str:
    try:
        return read_file(path, bounds.YAML_BYTES, "Give a folder with both files.").decode()
    except UnicodeDecodeError as e:
        raise InputError(
            f"it cannot be read: {e}", where=str(path), remedy="Give a folder with both files."
        ) from None


def _refuse_twice(entries: Sequence[Entry]) -> None:
    seen: set[str] = set()
    twice = [e.id for e in entries if e.id in seen or seen.add(e.id)]  # type: ignore[func-returns-value]
    if twice:
        raise InputError(
            f"rows with one id: {listed(twice)}",
            remedy="Nothing was written. Rows of one suffix and platform overwrite each other's"
            " image: correct them first.",
        )


def _notes(profiles: Profiles, backends: Backends, to: Proposal) -> list[str]:
    """What was decided that a person may see otherwise."""
    notes = [
        f"the profile {name} is new (suffix {p.suffix or '(none)'}): look at its name and target"
        for name, p in to.profiles.profiles.items()
        if name not in profiles.profiles
    ]
    notes += [
        f"the Dockerfile {name} is new: {build.language}, {build.folder}"
        for name, build in to.backends.builds.items()
        if name not in backends.builds
    ]
    used = {x.set.runner for x in to.backends.exceptions if x.set.runner}
    known = {*to.profiles.runners.values(), *to.profiles.self_hosted}
    before = {x.set.runner for x in backends.exceptions}
    notes += [
        f"the runner {runner} is new: if it is your own machine, add it to self_hosted"
        for runner in sorted(used - known - before)
    ]
    new = [
        x for x, origin in zip(to.backends.exceptions, to.origins, strict=True) if origin is None
    ]
    todo = [x for x in new if x.reason == TODO]
    if todo:
        names = listed([b for x in todo for b in x.backends])
        notes.append(f"{len(todo)} new exceptions ask for their reason ({names}); or give --reason")
    return notes
