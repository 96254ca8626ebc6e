"""Fills go-modules.yaml: asks Go itself what packages link. For upkeep; no plan needs Go."""

import json
import os
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localai_ci.config.go_modules import GoModules, LinkedTogether
from localai_ci.errors import LocalaiCiError
from localai_ci.text import printable

SYSTEMS = (("linux", "amd64"), ("linux", "arm64"), ("darwin", "arm64"))
"""What images are built for: a package counts that any of them links."""

BACKENDS = "./backend/go/..."


@dataclass(frozen=True)
class GoPackage:
    """A package as Go knows it; the module is empty for Go's own, and ``main`` for the tree's."""

    imports: frozenset[str]
    module: str
    version: str


def go_packages(tree: Path, generated: Mapping[str, Iterable[str]]) -> dict[str, GoPackage]:
    """Every package that the Go backends of a tree link, on any system.

    Args:
        tree: A checkout; nothing is written there.
        generated: Folders of packages that a build makes, and what their code imports.

    Raises:
        LocalaiCiError: there is no Go, or it cannot load the packages.
    """
    found: dict[str, GoPackage] = {}
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder, "overlay.json")
        overlay.write_text(json.dumps({"Replace": dict(_made(tree, generated, Path(folder)))}))
        command = ["go", "list", "-mod=mod", "-modfile", str(_own_mod(tree, Path(folder))),
                   "-overlay", str(overlay), "-deps",
                   "-json=ImportPath,Imports,Module,Standard", BACKENDS]  # fmt: skip
        for system, arch in SYSTEMS:
            asked = {"GOOS": system, "GOARCH": arch, "CGO_ENABLED": "1", "GOWORK": "off"}
            for data in _objects(_run(command, tree, asked)):
                path, module = str(data["ImportPath"]), data.get("Module") or {}
                before = found.get(path)
                imports = frozenset(data.get("Imports") or ()) | (
                    before.imports if before else set()
                )
                if not data.get("Standard"):
                    name = "main" if module.get("Main") else str(module.get("Path", ""))
                    found[path] = GoPackage(imports, name, str(module.get("Version", "")))
    return found


def _own_mod(tree: Path, folder: Path) -> Path:
    """A copy of go.mod, with its go.sum, that Go may complete."""
    for name in ("go.mod", "go.sum"):
        if (tree / name).is_file():
            (folder / name).write_bytes((tree / name).read_bytes())
    return folder / "go.mod"


def _made(
    tree: Path, generated: Mapping[str, Iterable[str]], folder: Path
) -> Iterator[tuple[str, str]]:
    for number, (place, imports) in enumerate(generated.items()):
        source = folder / f"made{number}.go"
        lines = "".join(f"import _ {json.dumps(name)}\n" for name in imports)
        source.write_text(f"package {place.rpartition('/')[2]}\n\n{lines}")
        yield str(tree.resolve() / place / "made.go"), str(source)


def _run(command: list[str], tree: Path, asked: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - arguments of ours
            command, cwd=tree, env=os.environ | asked, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise LocalaiCiError(
            "go is not installed", remedy="Install Go; only this needs it."
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no word"]
        raise LocalaiCiError(
            f"go list failed: {printable(said[-1])[:200]}",
            where=str(tree),
            remedy="Run `go list -deps ./backend/go/...` there.",
        )
    return done.stdout


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        found, at = decoder.raw_decode(text, at)
        yield found
        while at < len(text) and text[at].isspace():
            at += 1


def rows(packages: Mapping[str, GoPackage]) -> list[LinkedTogether]:
    """The packages that the tree itself imports, with the modules that each links. Pure."""
    direct = {
        name
        for package in packages.values()
        if package.module == "main"
        for name in package.imports
        if name in packages and packages[name].module != "main"
    }
    together: defaultdict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    for name in sorted(direct):
        together[_closure(name, packages)].append(name)
    return [LinkedTogether(packages=n, modules=dict(m)) for m, n in together.items()]


def _closure(name: str, packages: Mapping[str, GoPackage]) -> tuple[tuple[str, str], ...]:
    seen = {name}
    queue = [name]
    while queue:
        for other in packages[queue.pop()].imports:
            if other in packages and other not in seen:
                seen.add(other)
                queue.append(other)
    return tuple(sorted({(packages[n].module, packages[n].version) for n in seen}))


def merged(table: GoModules, new: Iterable[LinkedTogether]) -> GoModules:
    """The table with more rows: what is known of other versions stays. Pure."""
    together: dict[tuple[tuple[str, str], ...], set[str]] = {}
    for row in (*table.links, *new):
        together.setdefault(tuple(sorted(row.modules.items())), set()).update(row.packages)
    links = [
        LinkedTogether(packages=sorted(names), modules=dict(modules))
        for modules, names in sorted(together.items())
    ]
    return GoModules(generated=table.generated, links=links)


def as_text(table: GoModules, before: str) -> str:
    """The file: the comments at the top of what it said before, then the table."""
    head = before[: before.index("\ngenerated:") + 1] if "\ngenerated:" in before else ""
    lines = ["generated:"]
    lines += [f"  {folder}:\n{_list(names, 4)}" for folder, names in table.generated.items()]
    lines.append("\nlinks:")
    for row in table.links:
        modules = "\n".join(f"      {m}: {json.dumps(v)}" for m, v in row.modules.items())
        lines.append(f"  - packages:\n{_list(row.packages, 6)}\n    modules:\n{modules}")
    return head + "\n".join(lines) + "\n"


def _list(names: Iterable[str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}- {name}" for name in names)
