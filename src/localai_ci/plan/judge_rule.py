"""What a changed file rebuilds by the rule that knows it, after looking into the file."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from localai_ci.config.inputs import Rule
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry, Matrix
from localai_ci.matrix.rules import Inputs, takes
from localai_ci.plan.change import Change
from localai_ci.plan.comparing import Comparison, Question, Reached
from localai_ci.plan.findings import Findings
from localai_ci.plan.proto import breaking_changes
from localai_ci.plan.reasons import Reason, ReasonKind
from localai_ci.text import listed

if TYPE_CHECKING:
    from localai_ci.config.compile import CompileFile


def comparison(name: str) -> Comparison | None:
    """The comparison of that name that needs both trees; loaded when a file asks for it."""
    if name == "go-modules":
        from localai_ci.plan.compare_modules import compare_modules

        return compare_modules
    if name == "ignore":
        from localai_ci.plan.compare_ignored import compare_ignored

        return compare_ignored
    if name == "decisions":
        from localai_ci.plan.decisions import compare_decisions

        return compare_decisions
    return None


def judge_dockerfile(
    path: str, users: tuple[Entry, ...], inputs: Inputs, change: Change, found: Findings
) -> str:
    """Note the entries that an edit of their Dockerfile rebuilds; why none, or nothing."""
    from localai_ci.plan.compare_dockerfile import compare_dockerfile

    before, after = change.trees or (None, None)
    answer = compare_dockerfile(Question(path, users, inputs, before, after))
    if answer.doubt:
        found.add(users, Reason(ReasonKind.dockerfile, "", files=(path,)))
    for what, entries in answer.reached.items():
        found.add(entries, Reason(ReasonKind.dockerfile, what, files=(path,)))
    return answer.why_not


def judge_rule(
    path: str, rule: Rule, matrix: Matrix, inputs: Inputs, change: Change, found: Findings
) -> str:
    """Note the entries that a file rebuilds by its rule; why none, or nothing."""
    takers = tuple(e for e in matrix.entries if takes(rule.select, e))
    if not takers:
        return f"the rule {rule.name} selects no entry of this matrix"
    if rule.compare == "rules" and change.rules:
        return _judge_rules(path, change.rules.rules, inputs, matrix, found)
    if rule.compare == "proto" and change.proto:
        broken = listed(tuple(map(str, breaking_changes(*change.proto))))
        if broken:
            found.add(takers, Reason(ReasonKind.proto, broken, rule.name), path)
        return "" if broken else "the edit only adds, and existing images use nothing of it"
    before, after = change.trees or (None, None)
    answer = _compared(
        rule, Question(path, takers, inputs, before, after, change.paths or ()), change
    )
    kind = ReasonKind.base_changed if rule.base else ReasonKind.shared_input
    for what, entries in answer.reached.items():
        reason = Reason(kind, f"{rule.reason} {what}".rstrip(), rule.name)
        if rule.compare:  # another file of the rule may reach other entries
            found.add(entries, replace(reason, files=(path,)))
        else:
            found.add(entries, reason, path)
    return answer.why_not


def _compared(rule: Rule, question: Question, change: Change) -> Reached:
    """What the edit reaches; without a comparison, or in doubt, all that the rule selects."""
    takers = list(question.entries)
    if rule.compare == "compile" and change.compile:
        before, after = change.compile
        changed = [e for e in takers if _compiled_otherwise(e, before, after)]
        told = {"It says something else of this one now": changed} if changed else {}
        return Reached(told, "" if changed else "no entry is compiled otherwise")
    if compare := comparison(rule.compare):
        answer = compare(question)
        if not answer.doubt:
            told = {f"Here: {what}": entries for what, entries in answer.reached.items()}
            return Reached(told, answer.why_not)
        return Reached({answer.doubt: takers})
    return Reached({"What it said before could not be read" if rule.compare else "": takers})


def _compiled_otherwise(entry: Entry, before: "CompileFile", after: "CompileFile") -> bool:
    from localai_ci.backends.recipe import build_inputs

    try:
        return build_inputs(before, entry) != build_inputs(after, entry)
    except InputError:  # one of the two does not know it
        return True


def _judge_rules(
    path: str, before: Iterable[Rule], inputs: Inputs, matrix: Matrix, found: Findings
) -> str:
    """What a new or changed rule selects may have missed a change before it was there."""
    old = list(before)
    new = [rule for rule in inputs.file.rules if rule not in old]
    for rule in new:
        takers = [e for e in matrix.entries if takes(rule.select, e)]
        detail = "it is new or says something else now, and what it selects may be stale"
        found.add(takers, Reason(ReasonKind.shared_input, detail, rule.name), path)
    return "" if new else "no rule is new or says something else"
