"""The check of a finished package: everything it needs is inside, and nothing else. Pure."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from localai_ci.config.globs import compiled
from localai_ci.config.packages import Layout, PackagesFile
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.matrix.entry import Entry
from localai_ci.text import and_more, printable, quoted

# Lists what is in the folder it is run in, then what every program and library says of itself.
# Lines are what the list is read by, so that no name of a package may have a line break.
PROBE = r"""
if [ -n "$(find . -name $'*\n*' -print -quit)" ]; then
  echo "localai-ci: the package has a file with a line break in its name" >&2
  exit 65
fi
find . -mindepth 1 \( -type f -o -type l \) -printf '%y\t%s\t%m\t%P\n'
echo
find . -type f \( -perm /111 -o -name '*.so' -o -name '*.so.*' \) -print0 |
  xargs -0r readelf -hdW /bin/true 2>/dev/null |
  grep -E '^File: |Machine:|\((NEEDED|RPATH|RUNPATH)\)' || true
"""

_MACHINES = {"amd64": "X86-64", "arm64": "AArch64"}
_CPU_LIBRARIES = "libggml-cpu-*.so*"
_LISTED, _WIDE = 10, 500


@dataclass(frozen=True)
class Elf:
    """A program or library: its machine, the libraries it asks for, and where it looks first."""

    machine: str
    needed: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """A package: bytes by path, paths that may be executed, and its ELF files."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()
    elves: Mapping[str, Elf] = field(default_factory=dict)

    @property
    def bytes_by_part(self) -> dict[str, int]:
        """What stands at the top, and what each folder adds; largest first."""
        parts: defaultdict[str, int] = defaultdict(int)
        for path, size in self.sizes.items():
            top, slash, _ = path.partition("/")
            parts[top + slash] += size
        return dict(sorted(parts.items(), key=lambda part: -part[1]))


@dataclass(frozen=True)
class Expected:
    """What a package must hold beside its run.sh."""

    binaries: tuple[str, ...]
    cpu_libraries: bool = False


_LISTED_FILE = re.compile(r"([fl])\t([0-9]{1,15})\t([0-7]{1,5})\t(.+)", re.DOTALL)
_FACT = re.compile(r"Machine: +(?P<machine>\S.*)|.*?\((?P<kind>NEEDED|RPATH|RUNPATH)\)(?P<rest>.*)")


def read(text: str) -> Contents:
    """Contents from what `PROBE` printed: file names and words of programs that anybody made.

    Raises:
        LocalaiCiError: it is not what `PROBE` prints.
    """
    listing, _, dump = text.partition("\n\n")
    sizes: dict[str, int] = {}
    executable = set()
    for line in filter(None, listing.split("\n")):
        row = _LISTED_FILE.fullmatch(line)
        if not row:
            raise LocalaiCiError(
                f"the list of the package's files cannot be read: {quoted(line)}",
                where="the package check",
                remedy="Look for odd names in what package.sh has put together.",
            )
        kind, size, mode, path = row.groups()
        sizes[path] = int(size) if kind == "f" else 0
        if int(mode, 8) & 0o111:
            executable.add(path)
    return Contents(sizes, frozenset(executable), dict(_elves(dump)))


def _elves(dump: str) -> Iterator[tuple[str, Elf]]:
    """Each file that readelf knew, line by line."""
    path, machine, needed, paths = "", "", list[str](), list[str]()
    for line in (*dump.split("\n"), "File: "):
        if line.startswith("File: "):
            if path.startswith("./") and machine:
                yield path.removeprefix("./"), Elf(machine, tuple(needed), tuple(paths))
            path, machine, needed, paths = line.removeprefix("File: "), "", [], []
        elif found := _FACT.match(line.strip()):
            value = (found["rest"] or "").partition("[")[2].rpartition("]")[0]
            if found["machine"]:
                machine = machine or found["machine"]
            elif found["kind"] == "NEEDED":
                needed.append(value)
            else:
                paths += filter(None, value.split(":"))


def check(entry: Entry, contents: Contents, expected: Expected, file: PackagesFile) -> None:
    """Refuse a package that would fail on a user's machine.

    Raises:
        LocalaiCiError: names everything that is wrong with it.
    """
    layout = layout_of(entry, file)
    faults = [
        *_missing(contents, ("run.sh", *expected.binaries, *layout.binaries)),
        *_strangers(entry, contents),
        *_unresolved(entry, contents, file),
        *_cpu_libraries(entry, contents, expected, layout.loader),
        *_leftovers(contents, file.leftovers.get(entry.language, [])),
    ]
    if faults:
        more = and_more(faults, _LISTED)
        shown = [*faults[:_LISTED], *([f"… {more}"] if more else [])]
        listed = "".join(f"\n    {printable(fault)[:_WIDE]}" for fault in shown)
        raise LocalaiCiError(
            f"the package is not fit to be an image:{listed}",
            where=entry.id,
            remedy="Fix the backend's package.sh; or, where the image is right, packages.yaml.",
        )


def layout_of(entry: Entry, file: PackagesFile) -> Layout:
    """How the entry's image is laid out.

    Raises:
        InputError: the table does not say.
    """
    layout = file.builds.get(entry.build)
    if layout is None:
        raise InputError(
            f"packages.yaml does not say how an image of the build {entry.build} is laid out",
            where=entry.id,
            remedy=f"Add it under builds; known are {', '.join(file.builds)}.",
        )
    return layout


def _missing(contents: Contents, names: Iterable[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if name not in contents.sizes:
            yield f"{name} is missing"
        elif name not in contents.executable:
            yield f"{name} cannot be executed"


def _strangers(entry: Entry, contents: Contents) -> Iterator[str]:
    machine = _MACHINES[entry.arch]
    for path, elf in contents.elves.items():
        if machine not in elf.machine:
            yield f"{path} is for {elf.machine}, the image for {entry.arch}"


def _unresolved(entry: Entry, contents: Contents, file: PackagesFile) -> Iterator[str]:
    """Libraries that neither the package nor the user's driver has."""
    layout = layout_of(entry, file)
    exempt = compiled(
        pattern
        for rule in file.exempt
        if not rule.languages or entry.language in rule.languages
        for pattern in rule.libraries
    )
    places: defaultdict[str, set[str]] = defaultdict(set)
    for path in contents.sizes:
        places[posixpath.basename(path)].add(posixpath.dirname(path) or ".")
    users: defaultdict[str, list[str]] = defaultdict(list)
    for path, elf in contents.elves.items():
        searched = {*_own_paths(path, elf), *_search_path(path, layout.libraries)}
        for name in elf.needed:
            found = places.get(name, set())
            loaded = name.startswith("ld-linux") and layout.loader in contents.sizes
            if not (
                loaded or found & searched or (found and layout.anywhere) or exempt.match(name)
            ):
                users[name].append(path)
    for name, paths in users.items():
        elsewhere = f", but there is {min(places[name])}/{name}" if name in places else ""
        yield f"{name} is not where {_some(paths)} would look for it{elsewhere}"


def _own_paths(path: str, elf: Elf) -> Iterator[str]:
    """The folders of the package in which a file looks by itself."""
    origin = posixpath.dirname(path)
    for folder in elf.paths:
        expanded = folder.replace("${ORIGIN}", "$ORIGIN")
        if expanded.startswith("$ORIGIN"):
            yield posixpath.normpath(posixpath.join(origin, "." + expanded[len("$ORIGIN") :]))


def _search_path(path: str, libraries: Iterable[str]) -> Iterator[str]:
    """LD_LIBRARY_PATH as a file sees it: of folders for one CPU each, only its own is taken."""
    own = posixpath.dirname(path)
    for folder in libraries:
        if "*" not in folder:
            yield posixpath.normpath(folder)
        elif compiled([folder]).match(own):
            yield own


def _cpu_libraries(
    entry: Entry, contents: Contents, expected: Expected, loader: str
) -> Iterator[str]:
    """Ggml looks for them in the folder of the program that runs: the loader's.

    In the current folder as well: localvqe's run.sh, in Go, changes to where they lie.
    """
    if entry.language != "cpp" and not expected.cpu_libraries:
        return
    folder = posixpath.dirname(loader)
    named = compiled([_CPU_LIBRARIES], folder=True)
    found = [path for path in contents.sizes if named.match(path)]
    if expected.cpu_libraries and not found:
        yield f"{_CPU_LIBRARIES} are missing: no CPU variant can be chosen"
    lost = [path for path in found if posixpath.dirname(path) != folder]
    if lost:
        yield f"{_some(lost)} is not beside {loader}, and only there does ggml look"
    if found and loader not in contents.sizes:
        yield f"{loader} is missing: ggml looks for its CPU libraries beside it"


def _leftovers(contents: Contents, patterns: Collection[str]) -> Iterator[str]:
    for pattern in patterns:
        matching = compiled([pattern], folder=True)
        left = [path for path in contents.sizes if matching.match(path)]
        if left:
            yield f"{_some(left)} is left of the build ({pattern})"


def _some(paths: list[str]) -> str:
    more = and_more(paths, 1)
    return f"{min(paths)} ({more})" if more else min(paths)
