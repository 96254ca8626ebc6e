"""The one check that a branch requires: green only where the plan, and all it promised, ended well.

It runs before anything is installed, so it has only Python: a gate that is red because a package
index is down would say something of the change that is not so.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

PLAN = "plan"
FLAGS = {
    "linux": "has_linux",
    "darwin": "has_darwin",
    "images": "has_images",
    "merge": "has_merges",
}
"""Which output of the plan says that a job has work. No other job may be left out."""


def verdict(needs: Mapping[str, Any]) -> list[str]:
    """What stands against green, in sentences; none is green.

    Args:
        needs: GitHub's ``needs`` context: for each job ``result`` and ``outputs``.
    """
    if not isinstance(needs, Mapping):
        raise TypeError(needs)
    if PLAN not in needs:
        return [f"the gate does not need the job {PLAN!r}: add it to its needs"]
    result = needs[PLAN].get("result")
    if result != "success":
        return [f"{PLAN} is {result}: nobody knows what there was to build"]
    outputs = needs[PLAN].get("outputs") or {}
    against = []
    for job, told in needs.items():
        if job == PLAN or told.get("result") == "success":
            continue
        against += _against(job, str(told.get("result")), outputs)
    return against


def _against(job: str, result: str, outputs: Mapping[str, str]) -> list[str]:
    if result != "skipped":
        return [f"{job} is {result}"]
    flag = FLAGS.get(job, "")
    if not flag:
        return [f"{job} was skipped, and no output of the plan says that it may be"]
    said = outputs.get(flag, "")
    if said == "false":
        return []
    if said == "true":
        return [f"{job} was skipped, and the plan says that there is something for it ({flag})"]
    return [f"{job} was skipped, and the plan does not say whether it may be ({flag}={said!r})"]


def main() -> int:
    """Read ``NEEDS``, print the verdict, and write it into the step summary."""
    needs: dict[str, Any] = {}
    try:
        read = json.loads(os.environ["NEEDS"])
        against = verdict(read)
        needs = read
    except (KeyError, ValueError, AttributeError, TypeError):
        against = ["NEEDS is not the needs context: give toJSON(needs)"]
    jobs = [f"{job}: {told.get('result')}" for job, told in needs.items()]
    lines = [*jobs, *(f"RED {one}" for one in against), "red" if against else "green"]
    sys.stdout.write("\n".join(lines) + "\n")
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        head = "### Gate: red" if against else "### Gate: green"
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write("\n".join([head, "", *(f"- {one}" for one in against or jobs)]) + "\n")
    return 1 if against else 0


if __name__ == "__main__":
    sys.exit(main())
