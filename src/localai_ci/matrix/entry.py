"""One image to build: a backend, an accelerator and an architecture."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from localai_ci.errors import InputError
from localai_ci.names import entry_id

DARWIN = "darwin-arm64"


@dataclass(frozen=True, slots=True)
class Entry:
    """One leg of one image, with every field that a build needs.

    ``arch`` is ``amd64``, ``arm64`` or ``darwin-arm64``; ``cuda`` is major.minor or empty;
    ``builder`` the variant of the builder base or empty; ``folders`` where the sources are, the
    backend's own first; ``extra`` what LocalAI's file says beyond the known fields.
    """

    backend: str
    suffix: str
    arch: str
    build: str
    language: str
    folders: tuple[str, ...]
    build_type: str = ""
    cuda: str = ""
    base_image: str = ""
    ubuntu: str = ""
    skip_drivers: bool = False
    runner: str = ""
    platform_tag: str = ""
    builder: str = ""
    tag_latest: str = "auto"
    context: str = "./"
    amdgpu_targets: str = ""
    profile: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """``cpu-llama-cpp/amd64``: what users type."""
        return entry_id(self.suffix, self.arch)

    @property
    def os(self) -> str:
        """``linux`` or ``darwin``."""
        return "darwin" if self.arch == DARWIN else "linux"

    @property
    def dockerfile(self) -> str:
        """Path in LocalAI's tree; empty on Darwin, where no container is built."""
        return "" if self.os == "darwin" else f"backend/Dockerfile.{self.build}"


@dataclass(frozen=True)
class Matrix:
    """All entries, and where they were read (a folder of ours, or LocalAI's own file)."""

    entries: tuple[Entry, ...]
    source: str
    lines: Mapping[str, str]

    def where(self, entry: Entry) -> str:
        """``file:line`` of what makes this entry."""
        return self.lines.get(entry.id) or self.lines.get(entry.backend) or self.source

    def by_id(self) -> dict[str, Entry]:
        """The entries by id; where an id stands twice the last one wins (`check` reports it)."""
        return {e.id: e for e in self.entries}

    def select(self, patterns: Iterable[str]) -> tuple[Entry, ...]:
        """The entries whose id matches one of the globs; ``*`` crosses the slash.

        Raises:
            InputError: a pattern matches nothing.
        """
        found: dict[str, Entry] = {}
        for pattern in patterns:
            hits = [e for e in self.entries if fnmatchcase(e.id, pattern)]
            if not hits:
                raise unknown_entry(pattern, self)
            found |= {e.id: e for e in hits}
        return tuple(found.values())


def unknown_entry(pattern: str, matrix: Matrix, *, globs: bool = True) -> InputError:
    """The error for an id or, where they are taken, a glob that matches nothing; what is near."""
    from difflib import get_close_matches

    near = get_close_matches(pattern, [e.id for e in matrix.entries], n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(near)}? " if near else ""
    return InputError(
        f"no entry of {matrix.source} matches {pattern!r}",
        remedy=f"{hint}`localai-ci matrix show` lists them"
        + ("; globs like 'gpu-vulkan-*' work." if globs else "."),
    )


def by_suffix(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The merge groups: the legs of each image, in their order."""
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.suffix].append(entry)
    return dict(groups)
