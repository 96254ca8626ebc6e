"""`login`, `summary`, `registries pull-requests`, `plan --ci` and `--write`."""

import base64
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from unit.cli.test_plan import run

from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import Registries, registries
from localai_ci.config.throw_away import throw_away
from localai_ci.errors import InputError
from localai_ci.release.result import ImageRow, MergeResult, Status, TagRow, TagState
from localai_ci.release.summary import LIMIT, summary

# -- login ----------------------------------------------------------------------------------


def login(patch: pytest.MonkeyPatch, path: Path, code: int = 0, **environ: str) -> str:
    for name in ("QUAY", "DOCKERHUB"):
        for part in ("USERNAME", "PASSWORD"):
            patch.delenv(f"LOCALAI_CI_{name}_{part}", raising=False)
    for name, value in environ.items():
        patch.setenv(f"LOCALAI_CI_{name}", value)
    return run("login", "--output", str(path), code=code)


def test_passwords_go_from_the_environment_into_a_file_of_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docker/config.json"
    said = login(monkeypatch, path, QUAY_USERNAME="me", QUAY_PASSWORD="canary")
    assert "canary" not in said
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {
        "auths": {"quay.io": {"auth": base64.b64encode(b"me:canary").decode()}}
    }


def test_a_registry_without_a_password_is_reached_anonymously(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(monkeypatch, tmp_path / "config.json")
    assert json.loads((tmp_path / "config.json").read_text()) == {"auths": {}}


@pytest.mark.parametrize("part", ["USERNAME", "PASSWORD"])
def test_half_a_login_is_an_error_that_names_the_other_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    said = login(monkeypatch, tmp_path / "config.json", 2, **{f"QUAY_{part}": "canary"})
    assert f"LOCALAI_CI_QUAY_{part} is set" in said
    assert "canary" not in said
    assert not (tmp_path / "config.json").exists()


# -- throw-away images ----------------------------------------------------------------------


def test_a_pull_requests_images_go_to_no_repository_that_anything_is_published_in() -> None:
    file = registries()
    made = throw_away(file)
    assert list(made.registries) == ["quay"]  # Docker Hub has no such repository
    found = made.registries["quay"]
    published = {r.backends for r in file.registries.values()} | {
        r.images for r in file.registries.values()
    }
    assert not {found.backends, found.images} & published
    assert not {found.backends, found.images} & {r.cache for r in file.registries.values()}
    assert found.anchors == "own"
    # What is printed is read again as the same.
    assert Registries.model_validate(json.loads(run("registries", "pull-requests"))) == made


def test_a_repository_for_pull_requests_that_is_a_published_one_is_refused() -> None:
    quay = registries().registries["quay"]
    for place in (quay.backends, quay.images, quay.cache):
        mixed = quay.model_copy(update={"pull_requests": place})
        with pytest.raises(InputError, match="something is published there too"):
            throw_away(registries().model_copy(update={"registries": {"quay": mixed}}))
    none = quay.model_copy(update={"pull_requests": ""})
    with pytest.raises(InputError, match="no registry says where"):
        throw_away(registries().model_copy(update={"registries": {"quay": none}}))


# -- summary --------------------------------------------------------------------------------

DIGEST = "sha256:" + "a" * 64


def image(suffix: str, status: Status = Status.merged, **more: object) -> ImageRow:
    tag = TagRow(registry="quay", image=f"quay.io/a/b:v1{suffix}", previous=None,
                 digest=DIGEST, state=TagState.moved)  # fmt: skip
    return ImageRow.model_validate(
        {"kind": ImageKind.backends, "suffix": suffix, "status": status, "digest": DIGEST,
         "legs": ["x"], "tags": [tag], "signed": ["quay"]} | more
    )  # fmt: skip


def test_what_went_wrong_stands_first_and_every_image_once() -> None:
    bad = image("-bad", Status.refused, error="no receipt for bad/amd64", signed=[])
    text = summary(MergeResult(images=[image("-good"), bad]), "^https://x/$")
    assert text.index("`-bad`") < text.index("`-good`")
    assert "1 merged, 1 refused" in text
    assert "no receipt for bad/amd64" in text


def test_users_are_told_the_command_that_verifies() -> None:
    identity = r"^https://github\.com/o'x/.*$"
    text = summary(MergeResult(ok=True, images=[image("-one")]), identity, "https://gitlab.com")
    (command,) = [line for line in text.splitlines() if line.startswith("cosign verify")]
    said = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command.removeprefix('cosign ')}"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert said[2] == identity
    assert said[4] == "https://gitlab.com"
    assert said[5] == f"quay.io/a/b@{DIGEST}"


def test_without_a_keyless_signature_no_command_is_told() -> None:
    assert "cosign" not in summary(MergeResult(ok=True, images=[image("-one")]))
    unsigned = image("-one", signed=[])
    assert "cosign" not in summary(MergeResult(ok=True, images=[unsigned]), "^x$")


def test_what_a_registry_says_does_not_become_markdown_or_a_command_of_the_runner() -> None:
    row = image("-x", Status.failed, error="<b> | ::error::x\n| a |", notes=["`x` ::set-env::"])
    text = summary(MergeResult(images=[row]))
    assert "<b>" not in text
    assert "::error" not in text
    assert "\n| a |" not in text


def test_a_summary_is_cut_where_github_would_drop_it_and_says_so() -> None:
    rows = [image(f"-{n}", Status.failed, error="x" * 5000) for n in range(400)]
    text = summary(MergeResult(images=rows))
    assert len(text.encode()) <= LIMIT + 100
    assert text.endswith("(cut: the rest is in merge-result.json)\n")


# -- plan -----------------------------------------------------------------------------------


def checkout(folder: Path) -> tuple[str, str]:
    """A tree of two commits, the second of which touches one backend."""

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        command = ["git", "-C", str(folder), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    folder.mkdir()
    git("init", "-q")
    commits = []
    for text in ("one", "two"):
        (folder / "backend/go/whisper").mkdir(parents=True, exist_ok=True)
        (folder / "backend/go/whisper/main.go").write_text(text)
        git("add", ".")
        git("commit", "-qm", text)
        commits.append(git("rev-parse", "HEAD"))
    return commits[0], commits[1]


def test_a_plan_in_a_ci_takes_what_happened_from_it_and_comes_in_several_forms_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = checkout(tmp_path / "tree")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"before": before}))
    told = {
        "EVENT_NAME": "push",
        "REF": "refs/heads/master",
        "SHA": after,
        "EVENT_PATH": str(event),
    }
    for name, value in (told | {"EVENT_PATH": str(event)}).items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    outputs = run("plan", "--ci", "github", "--source", str(tmp_path / "tree"), "--pack",
                  "--blocks", "1", "--format", "github",
                  "--write", f"json={tmp_path / 'plan.json'}",
                  "--write", f"html={tmp_path / 'plan.html'}")  # fmt: skip
    found = dict(line.split("=", 1) for line in outputs.splitlines())
    assert found["run-all"] == found["run_all"] == "false"
    assert found["whisper"] == "true"
    assert found["llama-cpp"] == "false"
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert {entry["backend"] for entry in plan["entries"]} == {"whisper"}
    assert "<html" in (tmp_path / "plan.html").read_text()


def test_the_outputs_are_what_localais_test_extra_reads() -> None:
    """One boolean a backend by its own name, and run-all, of the step that decides."""
    found = dict(
        line.split("=", 1)
        for line in run("plan", "--event", "schedule", "--format", "github").splitlines()
    )
    assert found["run-all"] == "true"
    for backend in ("transformers", "llama-cpp-quantization", "kokoros", "nemo-speech-cpp"):
        assert found[backend] == "true"


def test_two_ways_to_say_what_happened_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GITHUB_"):
            monkeypatch.delenv(name)
    assert "so does another flag" in run("plan", "--ci", "github", "--event", "push", code=2)
    assert "GITHUB_EVENT_NAME is not set" in run("plan", "--ci", "github", code=2)
    assert "is not FORM=FILE" in run("plan", "--write", "pdf=x", code=2)
