"""What the page's script knows: entries, reasons, files and runs, as JSON."""

from localai_ci import names
from localai_ci.config.registries import registries
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.localai import row
from localai_ci.plan.jobs import SHARD
from localai_ci.plan.reasons import ReasonKind
from localai_ci.plan.report import Report
from localai_ci.plan.timeline import runs
from localai_ci.text import printable

FILES_LISTED = 400
"""Changed files of the page at most: it stays small enough to be opened."""

LETTERS = {
    ReasonKind.own_folder: "S",
    ReasonKind.dockerfile: "D",
    ReasonKind.shared_input: "I",
    ReasonKind.matrix_new: "N",
    ReasonKind.matrix_field: "R",
    ReasonKind.proto: "P",
    ReasonKind.base_changed: "B",
    ReasonKind.forced: "A",
    ReasonKind.other_leg: "L",
    ReasonKind.unknown: "?",
}
"""What stands in a cell beside its colour, for print and for eyes that see colours otherwise."""


def page_data(report: Report, minutes: dict[str, float]) -> dict[str, object]:
    """What the script shows on a click; sentences stand once, entries point at them."""
    plan = report.plan
    reasons: dict[str, int] = {}
    entries = {}
    for entry in plan.matrix.entries:
        planned = plan.by_id.get(entry.id)
        why = [printable(str(r)) for r in planned.reasons] if planned else []
        entries[entry.id] = {
            "row": {name: printable(value) for name, value in row(entry).items()},
            "names": _names(entry),
            "minutes": round(minutes[entry.id]),
            "why": [reasons.setdefault(text, len(reasons)) for text in why],
            "built": plan.built.get(entry.id, ""),
        }
    server = report.images.reason
    for leg in report.images.legs:  # no cell of the grid, but a job of the run
        entries[leg.id] = {
            "row": {},
            "names": {},
            "minutes": round(report.estimates.server_image),
            "why": [reasons.setdefault(printable(str(server)), len(reasons))],
            "built": "",
            "kind": server.kind.value if server else "",
        }
    of_file = {
        printable(one.path): [e.id for e in one.entries] for one in report.alone[:FILES_LISTED]
    }
    return {
        "entries": entries,
        "reasons": list(reasons),
        "files": _numbered(of_file, list(entries)),
        "runs": runs(report),
        "shard": SHARD,
        "letters": LETTERS,
    }


def _numbered(files: dict[str, list[str]], ids: list[str]) -> dict[str, object]:
    """The entries of each file as numbers; equal lists stand once."""
    position = {id_: number for number, id_ in enumerate(ids)}
    lists: dict[tuple[int, ...], int] = {}
    of = {
        path: lists.setdefault(tuple(position[id_] for id_ in found), len(lists))
        for path, found in files.items()
    }
    return {"of": of, "lists": [list(numbers) for numbers in lists]}


def _names(entry: Entry) -> dict[str, str]:
    """Every name that the entry has outside."""
    quay = registries().registries["quay"]
    image = {"image": f"{quay.backends}:master{entry.suffix}"}
    if entry.os == "darwin":
        return image
    return image | {
        "cache": f"{quay.cache}:{names.cache_tag(entry.suffix, entry.platform_tag)}",
        "receipt": names.receipt_file(entry.id),
    }
