"""Matrix, rules and tables of one tree: the one place that says which of them count.

Whoever plans, hashes or builds a tree asks here, once a run, so that all of them go by the same
files: those in the tree's ``matrix/`` where it has them, else the installed ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from localai_ci.config.backends import Backends
from localai_ci.config.compile import CompileFile, load_compile
from localai_ci.config.profiles import Profiles
from localai_ci.config.reader import load_table
from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.expand import expand
from localai_ci.matrix.loading import MATRIX_PATHS, load_matrix, matrix_in_tree
from localai_ci.matrix.rules import Inputs, load_inputs, no_rules

if TYPE_CHECKING:
    from localai_ci.config.estimates import Estimates
    from localai_ci.config.images import Images
    from localai_ci.config.packages import PackagesFile
    from localai_ci.matrix.server_image import ServerLeg

FOLDER = "matrix"
OWN = f"{FOLDER}/backends.yaml"
RULES = f"{FOLDER}/inputs.yaml"
COMPILE = f"{FOLDER}/compile.yaml"
IMAGES = f"{FOLDER}/images.yaml"
_OTHERS = (f"{FOLDER}/packages.yaml", f"{FOLDER}/estimates.yaml", IMAGES)

PATHS = tuple(dict.fromkeys((*MATRIX_PATHS, RULES, COMPILE, *_OTHERS)))
"""Where a tree may carry them: for who has to read before asking."""

Read = Callable[[str], bytes | None]
"""The content of a path of a tree, None if it is not there."""


def nothing(_path: str) -> None:
    """Reads a tree without any of these files: what is installed counts."""


@dataclass(frozen=True)
class Tables:
    """The files of a tree; each is read when it is first asked for, and then kept.

    Attributes:
        read: Reads the tree.
        given: A matrix that counts instead of the tree's own.
        root: How messages call the folder of the files.
    """

    read: Read = nothing
    given: Path | None = None
    root: str = FOLDER

    @property
    def is_tree(self) -> bool:
        """Whether whole trees are read, not only a folder of such files."""
        return self.given is None and self.read is not nothing

    @cached_property
    def own(self) -> bool:
        """Whether the tree has a matrix in our format: then no rule of another one fits it."""
        folder = self.given is None or self.given.is_dir()
        return folder and self.read(OWN) is not None

    @cached_property
    def carried(self) -> Matrix | None:
        """The matrix that the tree carries, if there is one.

        Raises:
            InputError: a fault in it, as everywhere here.
        """
        return matrix_in_tree(self.read, self.root)

    @cached_property
    def matrix(self) -> Matrix:
        """The entries."""
        if self.given is not None:
            return load_matrix(self.given)
        return self.carried or load_matrix()

    @cached_property
    def rules(self) -> Inputs:
        """Which path rebuilds what. A matrix of one's own without rules has none of LocalAI's."""
        path, data = self._file(RULES)
        if data is None and self.own:
            return no_rules(MATRIX_PATHS)
        return load_inputs(path, data)

    @cached_property
    def compile(self) -> CompileFile:
        """How backends on a builder base are compiled."""
        return load_compile(*self._file(COMPILE))

    @cached_property
    def packages(self) -> "PackagesFile":
        """What a finished image must be."""
        from localai_ci.config.packages import load_packages

        return load_packages(*self._file(_OTHERS[0]))

    @cached_property
    def estimates(self) -> "Estimates":
        """How long things take."""
        from localai_ci.config.estimates import load_estimates

        return load_estimates(*self._file(_OTHERS[1]))

    @cached_property
    def images(self) -> "tuple[Images, tuple[ServerLeg, ...]]":
        """The server image and its legs; a matrix of one's own without the file has none."""
        from localai_ci.config.images import load_images
        from localai_ci.matrix.server_image import NO_IMAGES, server_legs

        path, data = self._file(IMAGES)
        if data is None and (self.own or self.given):
            return NO_IMAGES, ()
        file, document = load_images(path, data)
        return file, server_legs(file, document, self.profiles.runners)

    @cached_property
    def profiles(self) -> Profiles:
        """Accelerators and runners."""
        return load_table("profiles.yaml", Profiles, *self._file(f"{FOLDER}/profiles.yaml"))[0]

    @cached_property
    def declared(self) -> dict[str, str]:
        """The runner of each entry that this tree's own files make."""
        backends, document = load_table("backends.yaml", Backends, *self._file(OWN))
        return {e.id: e.runner for e in expand(self.profiles, backends, document)}

    def _file(self, path: str) -> tuple[Path | None, bytes | None]:
        """Name and content of a file of the tree; of neither where the installed one counts."""
        data = self.read(path)
        return (None, None) if data is None else (Path(self.root) / Path(path).name, data)


def tables(matrix: Path | None = None, read: Read = nothing) -> Tables:
    """The tables to go by.

    Args:
        matrix: What the user named: a folder, whose files all count, or a file in LocalAI's
            format, which has no rules of its own.
        read: Reads the tree, if there is one.
    """
    if matrix is None or not matrix.is_dir():
        return Tables(read, matrix)
    folder = matrix

    def in_folder(path: str) -> bytes | None:
        file = folder / Path(path).name
        ours = path.startswith(f"{FOLDER}/") and file.is_file()
        return file.read_bytes() if ours else None

    return Tables(in_folder, folder, str(folder))
