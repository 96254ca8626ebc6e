"""Every file of a real LocalAI tree: what LocalAI's own filter rebuilds for it, and what we do."""

import json
import os
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from unit.plan.deciding import INPUTS

from localai_ci.matrix import localai
from localai_ci.matrix.loading import load_matrix
from localai_ci.matrix.tree import Tree
from localai_ci.names import entry_id
from localai_ci.plan.change import Change
from localai_ci.plan.decide import decide
from localai_ci.plan.event import Event

# Asks LocalAI's filter about one path at a time; on standard input the matrix and the paths.
ASK = """
import { readFileSync } from "node:fs";
const { filterMatrix } = await import(process.argv[1]);
const { matrix, paths } = JSON.parse(readFileSync(0, "utf8"));
const answers = {};
for (const path of paths) {
  const { filtered, filteredDarwin } = filterMatrix({
    includes: matrix.include, includesDarwin: matrix.includeDarwin, changedFiles: [path],
  });
  answers[path] = [
    ...filtered.map(e => [e["tag-suffix"], e.platforms.replace("linux/", "")]),
    ...filteredDarwin.map(e => [e["tag-suffix"], "darwin-arm64"]),
  ];
}
console.log(JSON.stringify(answers));
"""

# Where the two may differ: our file or rule, and why.
DIFFER = {
    "apt-mirror": "nothing there",
    "base-packages": "nothing there",
    "compile-bonsai": "nothing there",
    "compile-ik-llama-cpp": "nothing there",
    "compile-llama-cpp": "nothing there",
    "compile-turboquant": "nothing there",
    "darwin-audio-cpp-script": "everything there, for want of a rule of its own",
    "docker-context": "nothing there",
    "docker-scripts": "nothing there",
    "go-modules": "nothing there",
    "planner": "nothing there",
    "rules": "nothing there",
    "submodules": "nothing there",
    "vllm-metal-version": "nothing there",
}


@pytest.fixture(scope="module")
def root() -> Path:
    path = os.environ.get("LOCALAI_TREE")
    if not path:
        pytest.skip("set LOCALAI_TREE to a clone of LocalAI")
    if not shutil.which("node"):
        pytest.skip("needs node, to run LocalAI's filter")
    return Path(path).resolve()


def test_the_two_filters_agree_on_every_file_but_where_a_hole_is_closed(root: Path) -> None:
    matrix = load_matrix(root / localai.MATRIX_FILE)
    paths = sorted(p for p in Tree(root).paths if p.isascii())
    question = json.dumps({"matrix": localai.document(matrix.entries), "paths": paths})
    script = (root / "scripts/lib/backend-filter.mjs").as_uri()
    command = ["node", "--input-type=module", "-e", ASK, script]
    done = subprocess.run(command, input=question.encode(), capture_output=True, check=True)
    theirs = {p: {entry_id(*e) for e in found} for p, found in json.loads(done.stdout).items()}
    differing = defaultdict(list)
    for path in paths:
        plan = decide(matrix, INPUTS, Change(Event.push, (path,)))
        if {p.entry.id for p in plan.entries} != theirs[path]:
            rule = INPUTS.rule(path)
            differing[rule.name if rule else "no rule"].append(path)
    assert set(differing) <= set(DIFFER), differing
    assert len(paths) > 1000
