"""A plan as a grid: a line a backend, a column an accelerator and architecture."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from localai_ci.matrix.entry import Entry
from localai_ci.plan.decide import Plan

ACCELERATORS = {
    "": "CPU",
    "vulkan": "Vulkan",
    "hipblas": "ROCm",
    "intel": "Intel",
    "sycl_f16": "SYCL f16",
    "sycl_f32": "SYCL f32",
}
ORDER = ["CPU", "CUDA 12", "CUDA 13", "JetPack", "Vulkan", "ROCm", "Intel", "SYCL f16",
         "SYCL f32", "macOS"]  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """An entry in the grid.

    Attributes:
        id: The entry's.
        kind: The kind of its first reason; empty if it is not built.
        state: What happens to it, for those who do not see the colour.
        minutes: Of its build, estimated.
        mark: ``added`` or ``removed`` where an earlier plan said otherwise, else empty.
    """

    id: str
    kind: str
    state: str
    minutes: int
    mark: str = ""


@dataclass(frozen=True)
class Line:
    """A backend: its cells by column; a column may have none or several."""

    build: str
    backend: str
    cells: tuple[tuple[Cell, ...], ...]


def accelerator(entry: Entry) -> str:
    """The column of an entry: what its user has in the machine."""
    if entry.os == "darwin":
        return "macOS"
    if "l4t-jetpack" in entry.base_image:
        return "JetPack"
    if entry.build_type in {"cublas", "l4t"}:
        return f"CUDA {entry.cuda.partition('.')[0]}"
    return ACCELERATORS.get(entry.build_type, entry.build_type)


def columns(entries: Iterable[Entry]) -> list[tuple[str, list[str]]]:
    """Accelerators and their architectures, in a reader's order."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        found.setdefault(accelerator(entry), set()).add(entry.arch)
    ordered = sorted(found, key=lambda a: (ORDER.index(a) if a in ORDER else len(ORDER), a))
    return [(name, sorted(found[name])) for name in ordered]


def lines(plan: Plan, minutes: Mapping[str, float], marks: Mapping[str, str]) -> list[Line]:
    """The grid, line by line.

    Args:
        plan: What is built.
        minutes: Of each entry's build.
        marks: By entry, what an earlier plan said otherwise.
    """
    places = [(a, arch) for a, arches in columns(plan.matrix.entries) for arch in arches]
    grid: dict[tuple[str, str], dict[tuple[str, str], list[Cell]]] = {}
    for entry in plan.matrix.entries:
        cells = grid.setdefault((entry.build, entry.backend), {})
        cell = _cell(plan, entry, minutes, marks)
        cells.setdefault((accelerator(entry), entry.arch), []).append(cell)
    return [
        Line(build, backend, tuple(tuple(cells.get(place, ())) for place in places))
        for (build, backend), cells in grid.items()
    ]


def _cell(plan: Plan, entry: Entry, minutes: Mapping[str, float], marks: Mapping[str, str]) -> Cell:
    planned = plan.by_id.get(entry.id)
    if planned:
        kind, state = planned.reasons[0].kind.value, "to build"
    else:
        kind, state = "", "exists already" if entry.id in plan.built else "not built"
    mark = marks.get(entry.id, "")
    if mark:
        state += ", which is new" if mark == "added" else ", which is new: it was to build"
    return Cell(entry.id, kind, state, round(minutes[entry.id]), mark)
