"""Which files of a tree enter which image: the one answer for hashes and for slices. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from localai_ci.backends.dockerignore import NEVER, Ignoring
from localai_ci.config.inputs import Rule
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.rules import Inputs, takes


@dataclass(frozen=True)
class Entering:
    """Asked for every entry of a matrix, so each path is judged once.

    Attributes:
        paths: All files of the tree.
        rules: Those that `enter` name shared files.
        ignored: The text of .dockerignore: what a container build never sees.
        leave: More patterns to leave out.
    """

    paths: Iterable[str]
    rules: Inputs
    ignored: str
    leave: tuple[str, ...] = ()

    def of(self, entry: Entry, *, on_base: bool, single: Iterable[str] = ()) -> list[str]:
        """The files that enter an entry's image, sorted.

        Args:
            entry: The entry.
            on_base: Whether a builder base stands for the scripts that make one.
            single: More files to take.

        Raises:
            InputError: a line of .dockerignore that cannot be read.
        """
        found = {path for path in single if path in self._there}
        for folder in entry.folders:
            found.update(self._below(folder))
        for rule, paths in self._shared:
            if rule is None:
                if self.rules.absent:
                    found.update(paths)
            elif rule.enters and not (rule.base and on_base) and takes(rule.select, entry):
                found.update(paths)
        kept = {path for path in found if not self._left_out(path, entry.os)}
        if entry.dockerfile in self._there:  # a build reads it, whatever .dockerignore says
            kept.add(entry.dockerfile)
        return sorted(kept)

    @cached_property
    def of_bases(self) -> list[str]:
        """The files of rules that make builder bases."""
        return [path for rule, paths in self._shared if rule and rule.base for path in paths]

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.paths)

    @cached_property
    def _there(self) -> frozenset[str]:
        return frozenset(self._sorted)

    def _below(self, folder: str) -> Iterator[str]:
        if folder in self._there:  # a submodule, or a link
            yield folder
        start = bisect_left(self._sorted, f"{folder}/")
        yield from self._sorted[start : bisect_left(self._sorted, f"{folder}0")]  # 0 follows /

    @cached_property
    def _shared(self) -> list[tuple[Rule | None, list[str]]]:
        """The files by the rule that knows them."""
        rules: dict[str, Rule | None] = {}
        paths: defaultdict[str, list[str]] = defaultdict(list)
        for path in self._sorted:
            rule = self.rules.rule(path)
            name = rule.name if rule else ""
            rules[name] = rule
            paths[name].append(path)
        return [(rule, paths[name]) for name, rule in rules.items()]

    def _left_out(self, path: str, system: str) -> bool:
        known = self._known.setdefault(system, {})
        if path not in known:
            known[path] = self._ignoring(system).leaves_out(path)
        return known[path]

    @cached_property
    def _known(self) -> dict[str, dict[str, bool]]:
        return {}

    def _ignoring(self, system: str) -> Ignoring:
        # Darwin builds are none of containers.
        return self._linux if system == "linux" else self._others

    @cached_property
    def _linux(self) -> Ignoring:
        return Ignoring.of(self.ignored, (*NEVER, *self.leave))

    @cached_property
    def _others(self) -> Ignoring:
        return Ignoring.of("", (*NEVER, *self.leave))
