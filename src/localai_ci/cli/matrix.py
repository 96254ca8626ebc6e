"""`localai-ci matrix`: show, check, diff, import."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from localai_ci.cli import output
from localai_ci.matrix import localai
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.loading import load_matrix

app = typer.Typer(help="The matrix: every image that is built.", no_args_is_help=True)

MatrixPath = Annotated[
    Path | None,
    typer.Option(
        "--matrix",
        help="A folder with backends.yaml, or a file like LocalAI's backend-matrix.yml;"
        " the installed data if absent.",
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", help="Only entries whose id matches the glob; may be repeated."),
]


class ShowFormat(StrEnum):
    """How `matrix show` prints."""

    table = "table"
    json = "json"
    localai = "localai"


class TextFormat(StrEnum):
    """How the other commands print."""

    table = "table"
    json = "json"


@app.command()
def show(
    matrix: MatrixPath = None,
    select: Select = None,
    format_: Annotated[ShowFormat, typer.Option("--format")] = ShowFormat.table,
) -> None:
    """Print the entries; `--format localai` is LocalAI's own YAML."""
    loaded = load_matrix(matrix)
    entries = loaded.select(select) if select else loaded.entries
    if format_ is ShowFormat.localai:
        output.yaml(localai.document(entries))
    elif format_ is ShowFormat.json:
        output.line(json.dumps([as_json(e) for e in entries], indent=1))
    else:
        columns = ["entry", "build", "type", "CUDA", "base image", "builder base", "runner"]
        output.table(columns, map(_cells, entries), f"{len(entries)} entries, {loaded.source}")


def as_json(entry: Entry) -> dict[str, object]:
    """What a job needs to know of an entry: its own names, and LocalAI's row."""
    return {
        "id": entry.id,
        "backend": entry.backend,
        "arch": entry.arch,
        "os": entry.os,
        "runner": entry.runner,
        "builder": entry.builder,
        "profile": entry.profile,
        "row": localai.row(entry),
    }


def _cells(e: Entry) -> list[str]:
    return [e.id, e.build, e.build_type, e.cuda, e.base_image, e.builder, e.runner]


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A matrix folder or file.")],
    new: Annotated[Path, typer.Argument(help="A matrix folder or file.")],
    format_: Annotated[TextFormat, typer.Option("--format")] = TextFormat.table,
) -> None:
    """Print what differs between two matrices, field by field; order does not count."""
    from localai_ci.matrix.diff import diff as compare

    found = compare(load_matrix(old).entries, load_matrix(new).entries)
    if format_ is TextFormat.json:
        changed = {i: [vars(c) for c in fields] for i, fields in found.changed.items()}
        output.line(
            json.dumps(
                {"added": list(found.added), "removed": list(found.removed), "changed": changed},
                indent=1,
            )
        )
        return
    rows = [[i, "added", ""] for i in found.added]
    rows += [[i, "removed", ""] for i in found.removed]
    rows += [[i, "changed", "\n".join(map(str, c))] for i, c in found.changed.items()]
    output.table(["entry", "", "fields"], rows, f"{len(rows)} entries differ")
