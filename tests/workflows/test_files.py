"""What can be read from the workflow files is read: act shows none of it."""

import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localai_ci.config.profiles import Profiles
from localai_ci.config.reader import load
from localai_ci.plan.form import PlanFormat
from workflows.files import (
    ACTIONS,
    NOBODY,
    OURS,
    REPO,
    THEIRS,
    US,
    Yaml,
    actions,
    called,
    jobs,
    read,
    steps,
    workflows,
)

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
HOSTED = {"ubuntu-24.04", "ubuntu-24.04-arm"}
LEVELS = {"none": 0, "read": 1, "write": 2}


def test_there_is_something_to_read() -> None:
    assert len(workflows()) > 12
    assert len(actions()) >= 5
    assert sum(1 for _ in steps()) > 50


def test_every_workflow_begins_with_no_permission_and_every_job_names_its_own() -> None:
    for name, workflow in workflows().items():
        assert workflow["permissions"] == {}, name
    for name, job_id, job in jobs():
        assert "permissions" in job, f"{name}, {job_id}"
        writes = {scope for scope, level in job["permissions"].items() if level == "write"}
        assert writes <= {"id-token", "actions", "attestations", "contents"}, f"{name}, {job_id}"


def test_only_the_job_that_signs_or_attests_gets_a_token_to_sign_with() -> None:
    found = {(n, j) for n, j, job in jobs() if job["permissions"].get("id-token") == "write"}
    assert found == {
        ("localai/backend_merge.yml", "merge"),
        ("localai/containers.yml", "merge"),
        ("release.yml", "wheel"),
    }


def needed(name: str) -> dict[str, str]:
    """The permissions that all jobs of a workflow together want, those that it calls included."""
    found: dict[str, str] = {}
    for job in workflows()[name]["jobs"].values():
        for scope, level in job["permissions"].items():
            if LEVELS[level] > LEVELS[found.get(scope, "none")]:
                found[scope] = level
    return found


def test_a_caller_allows_all_that_the_called_workflow_wants_and_no_more() -> None:
    """One that wants more than it may ends the run before its first job, and nobody sees why."""
    seen = 0
    for name, job_id, job in jobs():
        other = called(job)
        if not other or other == "localai/backend_build_darwin.yml":  # LocalAI's own, not ours
            continue
        seen += 1
        assert job["permissions"] == needed(other), f"{name}, {job_id} calls {other}"
    assert seen >= 10


def test_every_job_that_runs_here_ends_by_itself() -> None:
    for name, job_id, job in jobs():
        if "uses" in job:  # a call takes no limit: the called jobs have theirs
            continue
        assert 0 < job["timeout-minutes"] < 360, f"{name}, {job_id}"


def test_no_matrix_cancels_its_other_jobs() -> None:
    for name, job_id, job in jobs():
        if "strategy" in job:
            assert job["strategy"]["fail-fast"] is False, f"{name}, {job_id}"


def test_what_starts_a_run_says_whom_it_waits_for_and_only_pull_requests_are_cancelled() -> None:
    groups: dict[str, str] = {}
    for name, workflow in workflows().items():
        if set(workflow["on"]) == {"workflow_call"}:
            # With a group here too, a caller with the same one would wait for itself.
            assert "concurrency" not in workflow, name
            continue
        group = workflow["concurrency"]["group"]
        literal = EXPRESSION.sub("", group).strip("-")
        assert literal, f"{name}: two workflows of one name would share a group"
        assert "github.ref" in group or "github.event.workflow_run.id" in group, name
        assert literal not in groups or groups[literal].partition("/")[0] != name.partition("/")[0]
        groups[literal] = name
        cancels = workflow["concurrency"]["cancel-in-progress"]
        on_pull_requests_alone = set(workflow["on"]) == {"pull_request"}
        assert (
            cancels is False
            or on_pull_requests_alone
            or cancels == ("${{ github.event_name == 'pull_request' }}")
        ), name


def test_every_action_is_pinned_by_a_commit_and_says_its_version() -> None:
    seen: dict[str, set[str]] = {}
    for path in [*OURS.glob("*.yml"), *THEIRS.glob("*.yml"), *ACTIONS.glob("*/action.yml")]:
        for line in path.read_text().splitlines():
            found = re.match(r"\s*(?:- )?uses: (\S+)(?: # (v\d+\.\d+\.\d+))?$", line)
            if not found:
                assert "uses:" not in line, f"{path.name}: {line}"
                continue
            if found[1].startswith(("./", "$/")):
                continue
            action, _, commit = found[1].partition("@")
            assert re.fullmatch("[0-9a-f]{40}", commit), f"{path.name}: {line}"
            assert found[2], f"{path.name}: {line} does not say which version that is"
            assert (commit == NOBODY) == action.startswith(US), f"{path.name}: {line}"
            seen.setdefault(action.split("/.github/")[0], set()).add(commit)
    assert {action: len(commits) for action, commits in seen.items() if len(commits) > 1} == {}
    assert len(seen) == 5  # checkout, both of artifacts, attest, and the examples' own


def test_no_script_has_an_expression_in_it_and_a_long_one_is_a_file() -> None:
    for place, step in steps():
        script = step.get("run", "")
        assert "${{" not in script, f"{place}: {script}"
        assert script.count("\n") <= 4, f"{place}: {script}"


def test_every_step_has_a_name_and_no_job_has_one_that_could_stay_raw() -> None:
    for place, step in steps():
        assert step.get("name"), place
    for name, job_id, job in jobs():
        # A matrix that is skipped is shown once, by its raw name: only called workflows have one
        # with an expression, and of a call that is skipped the caller's id is shown.
        if "${{" in job.get("name", ""):
            assert "matrix" in job["strategy"], f"{name}, {job_id}"
            assert "if" not in job, f"{name}, {job_id}"


def test_machines_are_hosted_ones_by_version_or_a_profiles_own() -> None:
    declared = load(REPO / "matrix/profiles.yaml", Profiles)[0]
    assert {"bigger-runner", "arc-runner-set"} == set(declared.self_hosted)
    for name, job_id, job in jobs():
        if "uses" in job:
            continue
        label = job["runs-on"]
        named = set(re.findall(r"'([a-z0-9.-]+)'", label)) if "${{" in label else {label}
        allowed = HOSTED | ({"ubuntu-latest", "-arm", "arm64"} if "${{" in label else set())
        if label == "${{ matrix.runner }}":
            named = set(job["strategy"]["matrix"]["runner"])
        assert named <= allowed, f"{name}, {job_id}: {label}"
    labels = {n: job["jobs"]["build"]["runs-on"] for n, job in workflows().items()
              if n in {"build.yml", "pull-requests.yml"}}  # fmt: skip
    assert labels["build.yml"].endswith("|| matrix.runner }}")  # the profile's own machine
    assert not labels["pull-requests.yml"].endswith("matrix.runner }}")  # never, of a pull request


def test_pull_requests_see_no_secret_and_no_workflow_passes_all_of_them_on() -> None:
    for name, workflow in workflows().items():
        text = repr(workflow)
        assert "inherit" not in text, name
        if name in {"pull-requests.yml", "localai/containers-pr.yml", "plan.yml", "ci.yml"}:
            assert "secrets." not in text, name
        assert "pull_request_target" not in workflow["on"], name


def test_a_checkout_leaves_no_token_behind() -> None:
    checkouts = [s for _, s in steps() if s.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) >= 10
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_callers_are_below_sixty_lines() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in THEIRS.glob("*.yml")}
    assert len(lengths) == 8
    assert all(length < 60 for length in lengths.values()), lengths


def test_artifacts_survive_a_second_attempt() -> None:
    uploads = [s for _, s in steps() if s.get("uses", "").startswith("actions/upload-artifact@")]
    assert len(uploads) >= 5
    for step in uploads:
        assert step["with"]["overwrite"] is True, step["name"]
        assert step["with"]["retention-days"] > 1, step["name"]


def test_what_is_given_to_a_workflow_or_an_action_is_what_it_takes() -> None:
    known = workflows()
    takes = {f"{US}/.github/actions/{name}": action for name, action in actions().items()}
    takes |= {f"./localai-ci/.github/actions/{name}": action for name, action in actions().items()}
    for name, job_id, job in jobs():
        if (other := called(job)) in known:
            check_given(f"{name}, {job_id}", job, known[other]["on"]["workflow_call"])
    for place, step in steps():
        action = takes.get(step.get("uses", "").partition("@")[0])
        if action:
            check_given(place, step, action)


def check_given(place: str, caller: Yaml, callee: Yaml) -> None:
    for given, taken in (("with", "inputs"), ("secrets", "secrets")):
        if given == "secrets" and "runs" in callee:
            continue
        offered = callee.get(taken) or {}
        required = {key for key, value in offered.items() if (value or {}).get("required")}
        said = set(caller.get(given) or {})
        assert said <= set(offered), f"{place}: {said - set(offered)}"
        assert required <= said, f"{place}: {required - said} is missing"


def test_every_output_that_is_read_is_one_that_is_made() -> None:
    for name, workflow in workflows().items():
        made = {
            job_id: set(job.get("outputs", {}))
            | set((workflows().get(called(job), {}).get("on", {}).get("workflow_call") or {})
                  .get("outputs", {}))
            for job_id, job in workflow["jobs"].items()
        }  # fmt: skip
        for job_id, output in re.findall(r"needs\.([\w-]+)\.outputs\.([\w-]+)", repr(workflow)):
            assert output in made[job_id], f"{name}: {job_id} makes no {output}"


def test_the_gate_needs_every_other_job_and_runs_in_any_case() -> None:
    gates = {n: w["jobs"] for n, w in workflows().items() if "gate" in w["jobs"]}
    assert set(gates) == {"localai/containers.yml", "localai/containers-pr.yml"}
    for name, found in gates.items():
        assert set(found["gate"]["needs"]) == set(found) - {"gate"}, name
        assert found["gate"]["if"] == "always()", name
        assert found["gate"]["name"] == "gate", name


def test_the_job_that_signs_is_defined_where_users_are_told_to_look() -> None:
    """A certificate names the file of the job: no reusable workflow of ours may stand between."""
    job = workflows()["localai/backend_merge.yml"]["jobs"]["merge"]
    assert "uses" not in job
    (step,) = job["steps"]
    assert step["uses"].startswith(f"{US}/.github/actions/merge@")
    identity = re.compile(step["with"]["identity"])
    where = "https://github.com/mudler/LocalAI/.github/workflows/"
    assert identity.search(f"{where}backend_merge.yml@refs/heads/master")
    assert identity.search(f"{where}backend_merge.yml@refs/tags/v4.2.2")
    for other in (
        f"{where}backend_mergeXyml@refs/heads/master",
        f"{where}other.yml@refs/heads/master",
        f"{where}backend_merge.yml@refs/heads/branch",
        f"{where}backend_merge.yml@refs/pull/7/merge",
        "https://github.com/mudler/LocalAI-evil/.github/workflows/backend_merge.yml@refs/heads/master",
        f"https://evil.example/{where}backend_merge.yml@refs/heads/master",
        "https://github.com/OWNER/localai-ci/.github/workflows/backend_merge.yml@refs/heads/master",
    ):
        assert not identity.search(other), other


def test_a_label_publishes_only_for_branches_of_the_repository_itself() -> None:
    plan = workflows()["localai/containers-pr-publish.yml"]["jobs"]["plan"]
    assert "head.repo.full_name == github.repository" in plan["if"]
    assert "'publish-images'" in plan["if"]
    build = workflows()["localai/containers-pr-publish.yml"]["jobs"]["linux"]
    assert build["with"]["trust"].startswith("pull-request")


def test_the_forms_that_scripts_ask_for_exist() -> None:
    text = "".join(path.read_text() for path in (REPO / ".ci").glob("*.sh"))
    forms = set(re.findall(r"--format (\w+)|--write (\w+)=", text))
    named = {name for pair in forms for name in pair if name} - {"table"}
    assert {"github", "json", "html", "markdown"} <= named <= {form.value for form in PlanFormat}


@pytest.mark.parametrize("program", ["actionlint"])
def test_localais_side_is_sound_with_its_own_darwin_workflow_beside(
    program: str, tmp_path: Path
) -> None:
    """As after the switch: the build that stays has the seven inputs and no secrets any more."""
    shutil.copytree(THEIRS, tmp_path / ".github/workflows")
    taken = ["backend", "build-type", "use-pip", "lang", "go-version", "tag-suffix", "runs-on"]
    inputs = {key: {"type": "boolean" if key == "use-pip" else "string"} for key in taken}
    stays = {
        "on": {"workflow_call": {"inputs": inputs}},
        "jobs": {"b": {"runs-on": "macos-latest", "steps": [{"run": "true"}]}},
    }
    import json

    (tmp_path / ".github/workflows/backend_build_darwin.yml").write_text(json.dumps(stays))
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        [str(bin_folder / program)],
        cwd=tmp_path,
        env={"PATH": f"{bin_folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_names_of_artifacts_are_no_globs_of_each_other() -> None:
    """`receipts-*` must find receipts and nothing else that a run uploads."""
    names = {
        step["with"]["name"]
        for _, step in steps()
        if step.get("uses", "").startswith("actions/upload-artifact@")
    }
    fixed = {name for name in names if "${{" not in name}
    assert fixed == {"plan", "merge-result", "wheel"}
    assert not any(name.startswith("receipts") for name in fixed)
    for one, other in itertools.permutations(fixed, 2):
        assert not one.startswith(other)


def test_every_file_is_read_by_the_linters() -> None:
    makefile = (REPO / "Makefile").read_text()
    for word in ("shellcheck", "actionlint", "zizmor --offline --quiet --persona pedantic"):
        assert word in makefile
    config = read(REPO / ".github/zizmor.yml")
    text = (REPO / ".github/zizmor.yml").read_text()
    for rule, said in config["rules"].items():
        assert set(said) == {"ignore"}, rule
        block = text.split(f"  {rule}:")[1].split("\n  ")[1:]
        assert any(line.strip().startswith("#") for line in block), f"{rule} has no reason"
