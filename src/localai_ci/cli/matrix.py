"""`localai-ci matrix`: show, check, diff, import."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localai_ci import json_text
from localai_ci.cli import output
from localai_ci.cli.output import Format, FormatOption
from localai_ci.errors import InputError

if TYPE_CHECKING:
    from localai_ci.matrix.entry import Entry

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


@app.command()
def show(
    matrix: MatrixPath = None,
    select: Select = None,
    format_: Annotated[ShowFormat, typer.Option("--format")] = ShowFormat.table,
) -> None:
    """Print the entries; `--format localai` is LocalAI's own YAML."""
    from localai_ci.matrix import localai
    from localai_ci.matrix.loading import load_matrix

    loaded = load_matrix(matrix)
    entries = loaded.select(select) if select else loaded.entries
    if format_ is ShowFormat.localai:
        output.yaml(localai.document(entries))
    elif format_ is ShowFormat.json:
        from localai_ci.plan.report import entry_json

        output.line(json_text.write([entry_json(e) for e in entries], indent=1))
    else:
        columns = ["entry", "build", "type", "CUDA", "base image", "builder base", "runner"]
        output.table(columns, map(_cells, entries), f"{len(entries)} entries, {loaded.source}")


def _cells(e: "Entry") -> list[str]:
    return [e.id, e.build, e.build_type, e.cuda, e.base_image, e.builder, e.runner]


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A matrix folder or file.")],
    new: Annotated[Path, typer.Argument(help="A matrix folder or file.")],
    format_: FormatOption = Format.table,
) -> None:
    """Print what differs between two matrices, field by field; order does not count."""
    from localai_ci.matrix.diff import diff as compare
    from localai_ci.matrix.loading import load_matrix

    found = compare(load_matrix(old).entries, load_matrix(new).entries)
    if format_ is Format.json:
        changed = {i: [vars(c) for c in fields] for i, fields in found.changed.items()}
        output.line(
            json_text.write(
                {"added": list(found.added), "removed": list(found.removed), "changed": changed},
                indent=1,
            )
        )
        return
    rows = [[i, "added", ""] for i in found.added]
    rows += [[i, "removed", ""] for i in found.removed]
    rows += [[i, "changed", "\n".join(map(str, c))] for i, c in found.changed.items()]
    output.table(["entry", "", "fields"], rows, f"{len(rows)} entries differ")


@app.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(help="A LocalAI tree, its backend-matrix.yml, or its older backend.yml."),
    ],
    matrix: Annotated[
        Path | None,
        typer.Option("--matrix", help="Our folder to edit; matrix/ here, or what is installed."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the edit, instead of printing it.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write both edited files there instead.")
    ] = None,
    check_only: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if there is something to edit.")
    ] = False,
    reason: Annotated[str, typer.Option(help="What new exceptions give as their reason.")] = "",
) -> None:
    """Bring profiles.yaml and backends.yaml to say what LocalAI's rows say, in place.

    Comments, order and reasons stay; an edit that would not make exactly these rows is not written.
    """
    from difflib import unified_diff

    from localai_ci.config.data import data_dir, is_wheel
    from localai_ci.matrix import in_place
    from localai_ci.matrix.importing import read_import

    here = Path("matrix")
    folder = matrix or (here if (here / "backends.yaml").is_file() else data_dir())
    if write and not matrix and folder == data_dir() and is_wheel():
        raise InputError(
            "the installed files are not edited",
            where=str(folder),
            remedy="Give your own folder: --matrix FOLDER.",
        )
    found = read_import(source, folder, reason)
    for note in found.notes:
        output.note(f"note: {note}")
    if out:
        in_place.write(out, found.new)
    elif write:
        in_place.write(folder, found.changed)
    for name, new in found.changed.items():
        old = found.old[name]
        if not (out or write):
            lines = unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="", n=1)
            output.line("\n".join(lines))
    if not found.changed:
        output.note(f"{folder} says exactly what {source} says.")
    elif out or write:
        output.note(f"written: {', '.join(str((out or folder) / n) for n in found.changed)}")
    if check_only and found.changed:
        raise typer.Exit(output.ExitCode.FINDINGS)


@app.command()
def check(
    matrix: MatrixPath = None,
    source: Annotated[
        Path | None, typer.Option(help="A LocalAI tree to compare with; its own matrix is used.")
    ] = None,
    format_: FormatOption = Format.table,
) -> None:
    """Say what is wrong: with the names, the bases, and (--source) with a LocalAI tree."""
    from localai_ci.matrix.finding import Severity
    from localai_ci.plan.checking import as_text, check_all

    loaded, found = check_all(matrix, source)
    if format_ is Format.json:
        output.line(json_text.write([vars(f) for f in found], indent=1))
    else:
        output.line(as_text(loaded, found))
    if any(f.severity is Severity.error for f in found):
        raise typer.Exit(1)
