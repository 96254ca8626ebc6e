"""A caller with its called workflows' jobs in their places.

act ends a whole run where a job of a called workflow fails: what follows under `!cancelled()` or
`always()` does not start. With the same jobs in the caller itself it does as GitHub does. So runs
in which a job fails are of this form, made by program from the files; every workflow that callers
call for one job has exactly one.
"""

import json
import re
from pathlib import Path
from typing import Any

from workflows.files import US, Yaml, read

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def flattened(path: Path, ours: Path) -> str:
    """The text of a workflow like the one at ``path``, with the jobs of those below ``ours``."""
    caller = read(path)
    for name, job in caller["jobs"].items():
        uses = str(job.get("uses", "")).partition("@")[0]
        if uses.startswith(f"{US}/.github/workflows/"):
            caller["jobs"][name] = _inlined(job, read(ours / uses.rpartition("/")[2]))
        elif uses.endswith("/backend_merge.yml"):
            caller["jobs"][name] = _inlined(job, read(path.parent / "backend_merge.yml"))
    return json.dumps(caller)


def _inlined(call: Yaml, workflow: Yaml) -> Yaml:
    (job,) = workflow["jobs"].values()
    taken = workflow["on"]["workflow_call"]
    given = {
        name: (call.get("with") or {}).get(name, said.get("default", ""))
        for name, said in (taken.get("inputs") or {}).items()
    }
    values = {f"inputs.{name}": _inner(value) for name, value in given.items()}
    for name in taken.get("secrets") or {}:
        value = (call.get("secrets") or {}).get(name, "")
        values[f"secrets.{name}"] = _inner(value)
    inside = _replaced(job, values)
    # What the caller says of when it runs and whom it waits for.
    kept = {key: call[key] for key in ("needs", "if") if key in call}
    if "outputs" in job:
        inside["outputs"] = {
            name: job["outputs"][said["value"].partition(".outputs.")[2].partition(" ")[0]]
            for name, said in taken["outputs"].items()
        }
    return {**inside, **kept}


def _inner(value: Any) -> str:
    """A value as it stands inside an expression."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    whole = _EXPRESSION.fullmatch(text.strip())
    return f"({whole[1].strip()})" if whole else "'" + text.replace("'", "''") + "'"


def _replaced(data: Any, values: dict[str, str]) -> Any:
    if isinstance(data, dict):
        return {
            key: _condition(value, values) if key == "if" else _replaced(value, values)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [_replaced(one, values) for one in data]
    if isinstance(data, str):
        return _EXPRESSION.sub(lambda m: "${{" + _named(m[1], values) + "}}", data)
    return data


def _condition(value: Any, values: dict[str, str]) -> Any:
    """An `if` is an expression without its marks."""
    text = str(value)
    return _replaced(text, values) if "${{" in text else _named(text, values)


def _named(expression: str, values: dict[str, str]) -> str:
    pattern = r"\b(?:inputs|secrets)\.[A-Za-z_][A-Za-z0-9_-]*"
    return re.sub(pattern, lambda found: values.get(found[0], found[0]), expression)
