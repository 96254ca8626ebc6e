"""All checks together, on what the user names."""

from collections.abc import Sequence
from pathlib import Path

from localai_ci.config.variants import load_variants
from localai_ci.matrix.check import check
from localai_ci.matrix.check_tree import check_tree
from localai_ci.matrix.entry import Matrix
from localai_ci.matrix.finding import Finding, Severity
from localai_ci.matrix.rules import Inputs, takes
from localai_ci.matrix.tables import RULES, nothing, tables
from localai_ci.matrix.tree import Tree
from localai_ci.plan.coverage import coverage
from localai_ci.text import and_more, plural, printable


def check_all(path: Path | None, source: Path | None) -> tuple[Matrix, list[Finding]]:
    """Check a matrix, and with a tree also the two against each other and the rules' coverage.

    Args:
        path: The matrix; the tree's own if absent, and without a tree the installed one.
        source: A LocalAI tree.

    Raises:
        InputError: the matrix or the tree cannot be read.
    """
    tree = Tree(source) if source else None
    known = tables(path, tree.data if tree else nothing)
    matrix = known.matrix
    found = check(matrix, load_variants().variants, known.profiles, known.declared)
    if tree:
        found += check_tree(matrix, tree)
        found += coverage(matrix, known.rules, tree)
    return matrix, sorted(found, key=lambda f: list(Severity).index(f.severity))


def idle_rules(matrix: Matrix, rules: Inputs) -> list[Finding]:
    """Rules that select no entry: a change of their paths would build nothing, silently."""
    return [
        Finding(
            Severity.error,
            "idle-rule",
            f"{RULES}: {rule.name}",
            f"it selects none of the {len(matrix.entries)} entries",
            "Correct its `select`: os, builds and backends as the entries have them.",
        )
        for rule in rules.file.rules
        if not any(takes(rule.select, entry) for entry in matrix.entries)
    ]


def as_text(matrix: Matrix, found: Sequence[Finding], most: int | None = None) -> str:
    """Two lines a finding, of the first ones where ``most`` is given, and how many there are."""
    lines = [
        f"{f.severity}: {printable(f.where)}: {printable(f.what)}\n  {printable(f.remedy)}"
        for f in found[:most]
    ]
    lines += [more] if most is not None and (more := and_more(found, most)) else []
    counts = ", ".join(plural(sum(f.severity is s for f in found), s) for s in Severity)
    return "\n".join(
        [*lines, f"{len(matrix.entries)} entries of {printable(matrix.source)}: {counts}"]
    )
