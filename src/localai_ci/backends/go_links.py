"""Which modules a Go backend links, told from its tree alone: no Go, no network. Pure.

The tree says what its packages import, and go-modules.yaml what modules those link at the versions
of go.mod. Where the table does not know these versions it cannot be told, and all of go.mod counts.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from posixpath import dirname, normpath

from localai_ci.backends.go_files import GoMod, imports_of, parse_go_mod, parse_go_sum
from localai_ci.config.go_modules import GoModules
from localai_ci.errors import InputError

GO_MOD, GO_SUM = "go.mod", "go.sum"
OTHERS = ("go.work", "go.work.sum", "vendor/modules.txt")
"""What overrules go.mod where it is there."""

Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class LinkedModules:
    """What a backend links, and what else of go.mod decides its binary.

    Attributes:
        modules: By path: where it comes from, the version, the hash of its content.
        settings: Go's version and the like.
        doubt: Why the modules are not known; then they are empty.
    """

    modules: Mapping[str, tuple[str, str, str]]
    settings: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def text(self) -> str:
        """Equal where the binaries are, as far as it is about modules; only without a doubt."""
        return json.dumps([self.settings, sorted(self.modules.items())])

    def differences(self, before: "LinkedModules") -> tuple[str, ...]:
        """What it links otherwise than before, one clause each."""
        changed = sorted(set(self.settings) ^ set(before.settings))
        found = [f"`{line}`" for line in changed]
        for path in sorted({*self.modules, *before.modules}):
            old, new = before.modules.get(path), self.modules.get(path)
            if old != new:
                found.append(f"{path} {_told(old, new)}")
        return tuple(found)


def _doubt(what: str) -> InputError:
    return InputError(
        what, remedy="Its backends are rebuilt; `localai-ci go-modules update` may help."
    )


def _told(old: tuple[str, str, str] | None, new: tuple[str, str, str] | None) -> str:
    if not old or not new:
        return "is new" if new else "is gone"
    if old[:2] == new[:2]:
        return f"{new[1]} has another hash in {GO_SUM}"
    return f"{old[1] or old[0]} → {new[1] or new[0]}"


@dataclass(frozen=True)
class GoTree:
    """The Go sources of one tree, and what its go.mod says; each file is read once.

    Attributes:
        paths: Every file.
        read: Reads one.
        table: What packages of other modules link.
    """

    paths: Iterable[str]
    read: Read
    table: GoModules

    def links(self, folders: Iterable[str]) -> LinkedModules:
        """The modules that a backend with these source folders links."""
        key = tuple(folders)
        if key not in self._known:
            try:
                self._known[key] = self._links(key)
            except InputError as e:
                self._known[key] = LinkedModules({}, doubt=e.what)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[str, ...], LinkedModules]:
        return {}

    @cached_property
    def _mod(self) -> GoMod:
        for path in OTHERS:
            if path in self._files:
                raise _doubt(f"{path} overrules {GO_MOD}")
        return parse_go_mod(self._text(GO_MOD))

    @cached_property
    def _sums(self) -> dict[tuple[str, str], str]:
        return parse_go_sum(self._text(GO_SUM)) if GO_SUM in self._files else {}

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(self.paths)

    @cached_property
    def _packages(self) -> dict[str, list[str]]:
        """The Go sources by folder, without tests and what Go passes over."""
        found: dict[str, list[str]] = {}
        for path in sorted(self._files):
            parts = path.split("/")
            passed = any(p[:1] in "._" or p == "testdata" for p in parts if p)
            if path.endswith(".go") and not path.endswith("_test.go") and not passed:
                found.setdefault(dirname(path), []).append(path)
        return found

    @cached_property
    def _imports(self) -> dict[str, frozenset[str]]:
        return {}

    def _imported(self, folder: str) -> frozenset[str]:
        """What the package in a folder imports."""
        if folder not in self._imports:
            texts = (self._text(path) for path in self._packages[folder])
            self._imports[folder] = frozenset(name for text in texts for name in imports_of(text))
        return self._imports[folder]

    def _text(self, path: str) -> str:
        data = self.read(path)
        if data is None:
            raise _doubt(f"the tree has no {path}")
        return data.decode("utf-8", "replace")

    def _own_module(self, folder: str) -> bool:
        """Whether a folder below the top is in a module of its own."""
        while folder:
            if f"{folder}/{GO_MOD}" in self._files:
                return True
            folder = dirname(folder)
        return False

    def _links(self, folders: tuple[str, ...]) -> LinkedModules:
        start = [
            folder
            for folder in self._packages
            if any(folder == f or folder.startswith(f"{f}/") for f in folders)
        ]
        queue = [folder for folder in start if not self._own_module(folder)]
        if start and not queue:  # another go.mod, in its own folder, decides
            return LinkedModules({})
        if not queue:
            raise _doubt("the tree has no Go source of it")
        outside: set[str] = set()
        seen = set(queue)
        while queue:
            for name in self._imported(queue.pop()):
                own = self._own(name)
                if own is None:
                    outside.add(name)
                elif own in self._packages and own not in seen:
                    seen.add(own)
                    queue.append(own)
                elif own not in self._packages:
                    outside.update(self._generated(own))
        return self._selected(outside)

    def _own(self, name: str) -> str | None:
        """The folder of a package of this tree."""
        if name == self._mod.module:
            return ""
        return (
            name[len(self._mod.module) + 1 :] if name.startswith(f"{self._mod.module}/") else None
        )

    def _generated(self, folder: str) -> list[str]:
        found = self.table.generated.get(folder)
        if found is None:
            raise _doubt(f"a package in {folder} is imported, and the tree has no source of it")
        return found

    def _selected(self, packages: Iterable[str]) -> LinkedModules:
        modules: dict[str, tuple[str, str, str]] = {}
        for package in sorted(packages):
            if "." not in package.partition("/")[0]:  # Go's own
                continue
            provider = self._mod.provider(package)
            if not provider:
                raise _doubt(f"nothing that {GO_MOD} requires has the package {package}")
            for module in {provider, *self._linked(package, provider)}:
                source, version = self._mod.selected(module)
                modules[module] = (source, version, self._sums.get((source, version), ""))
        return LinkedModules(modules, self._mod.settings)

    def _linked(self, package: str, provider: str) -> list[str]:
        """What a package of another module links, at exactly the versions of go.mod."""
        source, version = self._mod.selected(provider)
        if source.startswith(("./", "../", "/")):
            raise _doubt(f"{provider} is replaced by the folder {normpath(source)}")
        for modules in self.table.closures.get(package, ()):
            if all(self._mod.selected(m) == (m, v) for m, v in modules.items()):
                return list(modules)
        raise _doubt(f"go-modules.yaml does not say what {package} links with {provider} {version}")
