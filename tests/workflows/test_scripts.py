"""The scripts of .ci, each run: what they install, remove, decide."""

import hashlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native.home import VERSION
from registries import debian
from registries.images import publish

from localai_ci.oci.credentials import Keyring
from localai_ci.oci.reference import Repository
from localai_ci.oci.transport import Transport
from localai_ci.release.sign import COSIGN
from workflows.acting import program
from workflows.files import REPO

CI = REPO / ".ci"


def loaded(name: str) -> ModuleType:
    """A script of .ci as a module."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", CI / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


gate, release = loaded("gate"), loaded("release")


def run(script: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A script with a small environment."""
    return subprocess.run(
        [str(script), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": environ.get("RUNNER_TEMP", "/tmp")} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


# -- the gate -------------------------------------------------------------------------------

GREEN = {"has_linux": "true", "has_images": "true", "has_darwin": "true", "has_merges": "true"}


def needs(plan: str = "success", flags: Mapping[str, str] | None = None, **results: str) -> Any:
    outputs = GREEN if flags is None else flags
    return {"plan": {"result": plan, "outputs": dict(outputs)}} | {
        job: {"result": result, "outputs": {}} for job, result in results.items()
    }


def test_all_well_is_green() -> None:
    assert gate.verdict(needs(linux="success", images="success", merge="success")) == []


def test_a_plan_that_failed_is_red_although_everything_else_was_skipped() -> None:
    """Reports: the builds are skipped, a gate counts that as well, and nothing was ever built."""
    for result in ("failure", "cancelled", "skipped"):
        found = gate.verdict(needs(result, {}, linux="skipped", merge="skipped"))
        assert found == [f"plan is {result}: nobody knows what there was to build"]


def test_nothing_due_is_green() -> None:
    nothing = dict.fromkeys(GREEN, "false")
    assert gate.verdict(needs(flags=nothing, linux="skipped", merge="skipped")) == []


@pytest.mark.parametrize("said", ["true", "", "maybe"])
def test_a_skip_that_the_plan_does_not_allow_is_red(said: str) -> None:
    flags = GREEN | {"has_linux": said}
    assert len(gate.verdict(needs(flags=flags, linux="skipped", merge="success"))) == 1
    assert gate.verdict(needs(flags={}, linux="skipped"))


@pytest.mark.parametrize("result", ["failure", "cancelled"])
def test_what_failed_or_was_cancelled_is_red_whatever_the_plan_says(result: str) -> None:
    for flags in (GREEN, dict.fromkeys(GREEN, "false")):
        assert gate.verdict(needs(flags=flags, merge=result)) == [f"merge is {result}"]


def test_a_job_that_no_flag_speaks_of_may_not_be_skipped() -> None:
    assert gate.verdict(needs(scan="skipped"))
    assert gate.verdict({"linux": {"result": "success"}})


@given(
    st.dictionaries(
        st.sampled_from(["linux", "images", "darwin", "merge", "other"]),
        st.sampled_from(["success", "failure", "cancelled", "skipped", None]),
    ),
    st.dictionaries(st.sampled_from([*GREEN]), st.sampled_from(["true", "false", ""])),
)
def test_green_means_that_every_job_ended_well_or_had_nothing_to_do(
    results: dict[str, str], flags: dict[str, str]
) -> None:
    if gate.verdict(needs(flags=flags, **results)):
        return
    for job, result in results.items():
        assert result == "success" or (
            result == "skipped" and flags.get(gate.FLAGS.get(job, "")) == "false"
        )


@pytest.mark.parametrize("text", ["", "[]", "{", '{"plan": 1}', '{"plan": []}'])
def test_what_is_no_needs_context_is_red(text: str) -> None:
    done = run(Path(sys.executable), str(CI / "gate.py"), NEEDS=text)
    assert done.returncode == 1
    assert done.stdout.endswith("red\n")
    assert done.stderr == ""


def test_the_verdict_stands_in_the_summary_too(tmp_path: Path) -> None:
    told = json.dumps(needs(linux="failure", merge="success"))
    done = run(
        Path(sys.executable), str(CI / "gate.py"), NEEDS=told,
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary"),
    )  # fmt: skip
    assert done.returncode == 1
    assert (tmp_path / "summary").read_text() == "### Gate: red\n\n- linux is failure\n"


# -- tools ----------------------------------------------------------------------------------


@dataclass
class Host:
    """Where releases are downloaded from, with its moods."""

    files: dict[str, bytes] = field(default_factory=dict)
    refusals: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def host() -> Iterator[Host]:
    state = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            status = state.refusals.pop(0) if state.refusals else 200
            body = state.files.get(self.path, b"") if status == 200 else b"slower"
            self.send_response(status if status != 200 or body else 404)
            if status == 429:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def archive(script: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        entry = tarfile.TarInfo("dagger")
        entry.size, entry.mode = len(script), 0o755
        tar.addfile(entry, io.BytesIO(script))
    return made.getvalue()


SCRIPT = b"#!/bin/sh\necho dagger v9.9.9\n"
PATH_OF = "/dl.example/dagger.tar.gz"


def setup(folder: Path, content: bytes, sha: str = "") -> Path:
    """A copy of the scripts with one tool in its list."""
    copy = folder / "module/.ci"
    copy.mkdir(parents=True)
    for name in ("tools.sh", "lib.sh"):
        (copy / name).write_bytes((CI / name).read_bytes())
        (copy / name).chmod(0o755)
    digest = sha or hashlib.sha256(content).hexdigest()
    lines = [f"dagger 9.9.9 {a} {digest} https:/{PATH_OF}" for a in ("amd64", "arm64")]
    (copy / "tools.txt").write_text("\n".join(lines) + "\n")
    return copy / "tools.sh"


def install(script: Path, folder: Path, at: Host) -> subprocess.CompletedProcess[str]:
    program(folder / "bin/docker", "exit 1")
    return run(
        script, "dagger", LOCALAI_CI_MIRROR=at.address, RUNNER_TOOL_CACHE=str(folder / "cache"),
        RUNNER_TEMP=str(folder), RETRY_SECONDS="0", GITHUB_PATH=str(folder / "path"),
        GITHUB_ENV=str(folder / "env"), PATH=f"{folder / 'bin'}:{os.environ['PATH']}",
    )  # fmt: skip


def test_a_tool_is_installed_by_its_checksum_and_fetched_once(tmp_path: Path) -> None:
    content = archive(SCRIPT)
    script = setup(tmp_path, content)
    with host() as at:
        at.files[PATH_OF] = content
        for _ in range(2):
            done = install(script, tmp_path, at)
            assert done.returncode == 0, done.stderr
        assert at.asked == [PATH_OF]
    where = (tmp_path / "path").read_text().splitlines()[0]
    said = subprocess.run([f"{where}/dagger"], capture_output=True, text=True, check=True).stdout
    assert said == "dagger v9.9.9\n"


def test_a_host_that_is_asked_by_a_hundred_jobs_at_once_may_refuse_thrice(tmp_path: Path) -> None:
    content = archive(SCRIPT)
    script = setup(tmp_path, content)
    with host() as at:
        at.files[PATH_OF] = content
        at.refusals = [429, 429, 503]
        done = install(script, tmp_path, at)
        assert done.returncode == 0, done.stderr
        assert len(at.asked) == 4


def test_another_content_is_refused_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    script = setup(tmp_path, b"", sha="0" * 64)
    with host() as at:
        at.files[PATH_OF] = archive(b"#!/bin/sh\ntouch owned\n")
        done = install(script, tmp_path, at)
    assert done.returncode != 0
    assert "is not what tools.txt says" in done.stderr
    assert not list((tmp_path / "cache").rglob("dagger"))
    assert not (tmp_path / "path").exists()


def test_a_version_that_is_not_there_is_an_error_with_its_address(tmp_path: Path) -> None:
    script = setup(tmp_path, b"x")
    with host() as at:
        done = install(script, tmp_path, at)
    assert done.returncode != 0
    assert f"{at.address}{PATH_OF} did not come" in done.stderr


def test_the_list_of_tools_is_of_the_versions_that_the_module_is_of() -> None:
    found: dict[str, set[str]] = {}
    for line in (CI / "tools.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, version, system, sha, url = line.split()
        assert re.fullmatch("[0-9a-f]{64}", sha)
        assert system in {"amd64", "arm64", "any"}
        if name == "engine":
            assert url == "registry.dagger.io/engine"
        else:
            assert version in url
            assert system in url
        found.setdefault(name, set()).add(version)
    assert found == {"dagger": {VERSION[1:]}, "engine": {VERSION[1:]}, "cosign": {COSIGN[1:]}}


# -- disk -----------------------------------------------------------------------------------


def disk(folder: Path, need: str, *free: int, hosted: bool = True) -> tuple[str, list[str]]:
    """Run the script where the disk has so many GB free, one number for each look.

    What stands in the place of df and docker only answers: whose disk it is cannot be chosen here.
    """
    looks = folder / "looks"
    looks.write_text("\n".join(map(str, free)) + "\n")
    program(folder / "bin/docker", f"echo {folder}")
    program(
        folder / "bin/df",
        f"echo avail; head -n 1 {looks}\n[ $(wc -l < {looks}) = 1 ] || sed -i 1d {looks}",
    )
    program(folder / "bin/sudo", '"$@"')
    unneeded = [folder / "android", folder / "dotnet", folder / "codeql"]
    for path in unneeded:
        path.mkdir(exist_ok=True)
    done = run(
        CI / "disk.sh", NEED=need, UNNEEDED=" ".join(map(str, unneeded)),
        RUNNER_ENVIRONMENT="github-hosted" if hosted else "self-hosted",
        PATH=f"{folder / 'bin'}:{os.environ['PATH']}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, [path.name for path in unneeded if path.exists()]


def test_nothing_is_removed_where_there_is_room_enough(tmp_path: Path) -> None:
    said, left = disk(tmp_path, "40", 86)
    assert said.startswith("86 GB free where builds go")
    assert left == ["android", "dotnet", "codeql"]


def test_only_so_much_is_removed_as_is_needed(tmp_path: Path) -> None:
    _, left = disk(tmp_path, "40", 18, 30, 30, 45)
    assert left == ["codeql"]


def test_a_machine_that_is_not_githubs_keeps_everything(tmp_path: Path) -> None:
    said, left = disk(tmp_path, "40", 18, hosted=False)
    assert "::warning::18 GB free" in said
    assert left == ["android", "dotnet", "codeql"]


def test_what_is_still_not_enough_is_a_warning_with_both_numbers(tmp_path: Path) -> None:
    said, left = disk(tmp_path, "90", 18)
    assert left == []
    assert re.search(r"::warning::18 GB free in \S+ after all was removed, and 90 needed", said)


@pytest.mark.parametrize("need", ["4x", "-1", "1.5", "$(touch x)"])
def test_a_need_that_is_no_number_is_refused(need: str) -> None:
    done = run(CI / "disk.sh", NEED=need)
    assert done.returncode == 1
    assert "expected whole gigabytes" in done.stderr


# -- signing --------------------------------------------------------------------------------


def test_a_job_without_a_token_fails_at_once_and_says_which_permission_is_missing(
    tmp_path: Path,
) -> None:
    """Cosign would show a web address and wait five minutes for somebody to log in."""
    program(tmp_path / "bin/localai-ci", "sleep 300")
    done = subprocess.run(
        [str(CI / "merge.sh")],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "GITHUB_ACTIONS": "true",
             "IDENTITY": "^x$", "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 1
    assert "id-token: write" in done.stderr


# -- releases -------------------------------------------------------------------------------

PROJECT = '[project]\nversion = "1.2.3"\n'
CHANGES = """# Changes

## Unreleased

- later

## 1.2.3 (2026-11-25)

- this

## 1.2.2 (2026-11-01)

- before
"""


def test_a_release_says_its_version_everywhere() -> None:
    assert release.faults("v1.2.3", PROJECT, CHANGES) == []
    assert release.notes("v1.2.3", CHANGES) == "- this\n"


@pytest.mark.parametrize(
    ("tag", "changes", "said"),
    [
        ("v1.2.4", CHANGES, "pyproject.toml says 1.2.3"),
        ("v1.2.4", CHANGES, "CHANGELOG.md begins with 1.2.3"),
        ("1.2.3", CHANGES, "expected vX.Y.Z"),
        ("v1.2.3-rc1", CHANGES, "expected vX.Y.Z"),
        ("v1.2.3", "# Changes\n", "begins with nothing"),
        ("v1.2.3", "# Changes\n\n## 1.2.3\n\n- this\n", "no date"),
        ("v1.2.3", "# Changes\n\n## 1.2.3 (2026-11-25)\n\n", "says nothing"),
    ],
)
def test_what_says_otherwise_stops_a_release(tag: str, changes: str, said: str) -> None:
    assert any(said in one for one in release.faults(tag, PROJECT, changes))


def test_the_changelog_as_it_is_could_be_released_after_its_heading_changed() -> None:
    version = re.search('^version = "(.+)"$', (REPO / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    text = (REPO / "CHANGELOG.md").read_text()
    assert text.count("## Unreleased") == 1
    ready = text.replace("## Unreleased", f"## {version[1]} (2026-12-01)")
    assert release.faults(f"v{version[1]}", (REPO / "pyproject.toml").read_text(), ready) == []


# -- comparing ------------------------------------------------------------------------------


def test_two_images_are_compared_by_what_is_in_them(tmp_path: Path) -> None:
    async def push(address: str) -> None:
        async with Transport(Keyring({}), plain_http=frozenset({address})) as transport:
            place = Repository(address, "ai/backends")
            for tag, text in (("a", "one"), ("b", "one"), ("c", "two")):
                await publish(transport, place, tag, text)
            await publish(transport, place, "d", "one", labels={"x": "y"})

    with debian.registry(tmp_path / "registry") as registry:
        anyio.run(push, registry.address)

        def compare(one: str, other: str) -> subprocess.CompletedProcess[str]:
            images = [f"{registry.address}/ai/backends:{tag}" for tag in (one, other)]
            script = REPO / "examples/localai/compare.sh"
            return run(script, *images, "--src-tls-verify=false", TMPDIR=str(tmp_path))

        same = compare("a", "b")
        assert same.returncode == 0, same.stderr
        assert "no difference in 1 lines" in same.stdout
        content = compare("a", "c")
        assert content.returncode == 1
        assert content.stdout.count("\n-file file ") == content.stdout.count("\n+file file ") == 1
        configuration = compare("a", "d")
        assert configuration.returncode == 1
        assert '+config Labels {"x": "y"}' in configuration.stdout
