"""`backend` on the real engine, with a miniature of LocalAI's tree."""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from dagger_engine import REPO, Engine, executed
from fake_upstreams.internet import Internet

from localai_ci.backends.input_hash import NOTHING, Own, inputs_of
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.recipe import CurrentBases
from localai_ci.matrix.tables import Tables
from localai_ci.plan.event import Event
from localai_ci.plan.sources import PlanRequest, snapshot

FIXTURES = REPO / "tests/fixtures"
UPSTREAM = Mirrors()
LLAMA = ("--entry=cpu-llama-cpp/amd64", "--variant=debian-amd64")
THIRD_PARTY = f"--third-party={FIXTURES / 'llama.cpp'}"
QUICK = (*LLAMA, THIRD_PARTY, "--targets=fallback")
STORE = ("--entry=cpu-local-store/amd64", "--variant=debian-amd64", "--base-image=debian:bookworm")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The miniature, to be changed at will."""
    shutil.copytree(FIXTURES / "localai", tmp_path / "localai")
    return tmp_path / "localai"


@pytest.fixture(scope="session")
def bases(engine: Engine, registry: str) -> str:
    """A repository with the debian base in it, published as the module does."""
    repository = f"{registry}/bases"
    flags = (f"--repository={repository}", "--insecure")
    engine.ok("base", "publish", "--variant=debian-amd64", *flags)
    return repository


def login_of_mirror(engine: Engine, folder: Path) -> Path:
    """A .netrc with the login that ``~auth~`` asks for (`tests/fake_upstreams/server.py`)."""
    path = folder / "netrc"
    path.write_text(f"machine {engine.address} login fake password canary-of-a-mirror\n")
    return path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def files_of(engine: Engine, folder: Path, *arguments: str) -> dict[str, bytes]:
    engine.ok("backend", "image", *arguments, "rootfs", "export", f"--path={folder}")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_backend_answers_with_a_cpu_library_chosen_at_its_start(engine: Engine) -> None:
    """All of the table's targets; the program ends unless the loader's folder has a library."""
    source = f"--source={FIXTURES / 'localai'}"
    out = engine.ok("backend", "smoke", source, *LLAMA, THIRD_PARTY, "--as-json")
    answer = json.loads(out)
    assert answer["answer"] == "OK"
    assert answer["seconds"] < 60


def test_a_pulled_base_and_one_built_in_place_make_the_same_files(
    engine: Engine, bases: str, tree: Path, tmp_path: Path
) -> None:
    arguments = (f"--source={tree}", *QUICK, f"--bases={bases}")
    built = files_of(engine, tmp_path / "built", *arguments, "--builder=fromsource")
    pulled = files_of(engine, tmp_path / "pulled", *arguments, "--builder=prebuilt")
    assert {"run.sh", "llama-cpp-fallback", "lib/ld.so", "lib/libgrpc++.so.1.51"} <= set(built)
    assert built == pulled


def test_a_base_that_is_published_with_the_same_inputs_is_pulled_and_the_report_says_so(
    engine: Engine, registry: str, bases: str, tree: Path
) -> None:
    arguments = ("backend", "report", f"--source={tree}", *QUICK, "--insecure", "--as-json")
    found = json.loads(engine.ok(*arguments, f"--bases={bases}"))
    assert found["base"].startswith(f"pulled from {bases}:base-grpc-debian-amd64-")
    assert found["base"].endswith("made of the very same inputs")
    done = engine.call(*arguments, f"--bases={registry}/none")
    missed = json.loads(done.stdout)
    assert missed["base"].startswith(f"built in place: {registry}/none:base-grpc-debian-amd64-")
    assert missed["base"].endswith("is not there")
    assert f"base debian-amd64: {missed['base']}" in done.stderr
    given = json.loads(engine.ok(*arguments, f"--base={bases}:base-grpc-debian-amd64"))
    assert given["base"] == "the one given with --base"
    assert given["bytes_by_part"]["lib/"] > 1_000_000


@pytest.mark.slow
def test_what_is_built_already_is_not_compiled(
    engine: Engine, registry: str, bases: str, tree: Path
) -> None:
    images = f"{registry}/images"
    flags = (f"--source={tree}", *QUICK, f"--bases={bases}", f"--images={images}", "--insecure")
    inputs = json.loads(engine.ok("backend", "report", *flags, "--as-json"))["inputs"]
    image = f"{images}:in-{inputs[:12]}-cpu-llama-cpp-amd64"
    engine.ok("backend", "image", *flags, "publish", f"--address={image}")
    done = engine.call("backend", "report", *flags, "--as-json")
    assert json.loads(done.stdout)["found"] == image
    assert executed(done) == []
    edit(tree / "backend/cpp/llama-cpp/run.sh", "set -e", "set -e # changed")
    changed = json.loads(engine.ok("backend", "report", *flags, "--as-json"))
    assert changed["found"] == ""
    assert changed["inputs"] != inputs


def planned(engine: Engine, tree: Path, own: Own = NOTHING, sources: Mirrors = UPSTREAM) -> str:
    """The input hash that a plan computes for llama-cpp on the debian base, of a commit."""
    git = ("git", "-C", str(tree), "-c", "user.name=x", "-c", "user.email=x@example.org")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "one")):
        subprocess.run([*git, *command], check=True)
    found = engine.dagger("core", "container", "from", "--address=debian:bookworm", "image-ref")
    digest = found.stdout.strip().rpartition("@")[2]
    identity = CurrentBases(sources).identity("debian-amd64", (digest,))
    known = Tables()
    snapped = snapshot(PlanRequest(Event.push, tree), known)
    entry = known.matrix.by_id()["cpu-llama-cpp/amd64"]
    debian = replace(own, variant="debian-amd64")
    return inputs_of(entry, snapped, identity, own=debian).digest


def test_an_image_that_a_plan_finds_is_found_before_its_base_is_built(
    engine: Engine, registry: str, tree: Path
) -> None:
    inputs = planned(engine, tree, sources=Mirrors(epoch="of-no-base"))
    image = f"{registry}/planned:in-{inputs[:12]}-cpu-llama-cpp-amd64"
    any_image = ("core", "container", "from", "--address=debian:bookworm", "publish")
    assert engine.dagger(*any_image, f"--address={image}").returncode == 0
    done = engine.call(
        "backend", "report", f"--source={tree}", *LLAMA, f"--images={registry}/planned",
        f"--bases={registry}/none", "--epoch=of-no-base", "--insecure", "--as-json",
    )  # fmt: skip
    assert json.loads(done.stdout)["found"] == image
    assert executed(done) == []
    assert f"finished image: {image} is there" in done.stderr
    assert "base debian-amd64:" not in done.stderr


def test_a_base_that_is_nowhere_is_told_with_what_to_do(
    engine: Engine, registry: str, tree: Path
) -> None:
    done = engine.call(
        "backend",
        "image",
        f"--source={tree}",
        *QUICK,
        "--builder=prebuilt",
        f"--bases={registry}/no",
    )
    assert done.returncode != 0
    assert f"the base {registry}/no:base-grpc-debian-amd64 cannot be pulled" in done.stderr
    assert "--builder fromsource" in done.stderr


def when_it_ran(engine: Engine, tree: Path) -> str:
    """Builds, and reads off the image when each step ran.

    Progress does not always tell a cached step, and on an engine that has seen the same edit
    before, none is executed.
    """
    build = ("backend", "image", f"--source={tree}", *QUICK, "rootfs", "file")
    ran = engine.ok(*build, "--path=ran", "contents")
    assert re.fullmatch(r"\d{19}\n\d{19}", ran)
    return ran


@pytest.fixture
def dated_tree(tree: Path) -> Path:
    """The miniature, whose compile and package steps write down when they ran."""
    own = tree / "backend/cpp/llama-cpp"
    edit(own / "prepare.sh", "set -e", "set -e\ndate +%s%N >../compiled")
    script = own / "package.sh"
    ran = '{ cat "$here/../compiled"; date +%s%N; } >"$here/package/ran"'
    script.write_text(f"{script.read_text()}{ran}\n")
    return tree


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["docs/page.md", "backend/go/local-store/run.sh", "backend/cpp/llama-cpp/package/old"]
)
def test_an_edit_elsewhere_leaves_the_build_cached(
    engine: Engine, dated_tree: Path, path: str
) -> None:
    before = when_it_ran(engine, dated_tree)
    (dated_tree / path).parent.mkdir(exist_ok=True)
    (dated_tree / path).write_text("something else\n")
    assert when_it_ran(engine, dated_tree) == before


@pytest.mark.slow
def test_an_edit_of_a_source_installs_nothing_again(engine: Engine, tree: Path) -> None:
    build = ("backend", "image", f"--source={tree}", *QUICK, "sync")
    engine.ok(*build)
    edit(tree / "backend/cpp/llama-cpp/prepare.sh", "set -e", f"set -e # {time.time_ns()}")
    ran = executed(engine.call(*build))
    assert [command for command in ran if "make fallback" in command or "make llama" in command]
    assert not [command for command in ran if "cp -a /opt/grpc" in command]


@pytest.mark.slow
def test_an_edit_of_the_interface_compiles_again(engine: Engine, dated_tree: Path) -> None:
    compiled, packaged = when_it_ran(engine, dated_tree).split()
    proto = dated_tree / "backend/backend.proto"
    edit(proto, "message HealthMessage {}", "message HealthMessage { }")
    compiled_again, packaged_again = when_it_ran(engine, dated_tree).split()
    assert compiled_again != compiled
    assert packaged_again != packaged


@pytest.mark.slow
def test_third_party_sources_and_their_submodules_come_through_the_mirror_once_a_commit(
    engine: Engine, tree: Path, tmp_path: Path, bases: str
) -> None:
    """The mirror asks for a login, and nothing is to be had where the submodule says it is.

    The commits are new each time: the engine would have those of the last time.
    """
    www, log = tmp_path / "www", tmp_path / "requests.log"
    sources = tmp_path / "llama.cpp"
    shutil.copytree(FIXTURES / "llama.cpp", sources)
    (sources / "src/README").write_text(str(time.time_ns()))
    shutil.move(sources / "src", tmp_path / "ggml")
    inner = repository(tmp_path / "ggml", www / "github.com/example/ggml")
    submodule = ("src", "https://github.com/example/ggml", inner)
    commit = repository(sources, www / "github.com/example/llama.cpp", submodule)
    edit(tree / "backend/cpp/llama-cpp/Makefile", "0" * 40, commit)
    netrc = login_of_mirror(engine, tmp_path)
    url = f"http://{engine.address}:5004"
    build = (
        "backend", "report", f"--source={tree}", *LLAMA, "--targets=fallback",
        f"--mirror={url}/~auth~github.com", f"--mirror-credentials=file://{netrc}",
        f"--bases={bases}", "--insecure", "--as-json",
    )  # fmt: skip
    with engine.fake_upstreams(www, 5004, log):
        engine.ok(*build)
        asked = log.read_text()
        assert "/github.com/example/ggml/git-upload-pack 200" in asked
        edit(tree / "backend/cpp/llama-cpp/prepare.sh", "set -e", "set -e # once more")
        built = json.loads(engine.ok(*build))
        assert log.read_text() == asked
    assert built["base"].startswith(f"pulled from {bases}:base-grpc-debian-amd64-")
    assert built["inputs"] == planned(engine, tree, Own(("fallback",)))


def test_a_host_that_the_tree_chose_is_asked_without_the_mirrors_credentials(
    engine: Engine, tree: Path, tmp_path: Path, bases: str
) -> None:
    www, log = tmp_path / "www", tmp_path / "requests.log"
    commit = repository(FIXTURES / "llama.cpp", www / "git.example.org/llama.cpp")
    makefile = tree / "backend/cpp/llama-cpp/Makefile"
    edit(makefile, "0" * 40, commit)
    edit(makefile, "https://github.com/example", "https://git.example.org")
    netrc = login_of_mirror(engine, tmp_path)
    url = f"http://{engine.address}:5004"
    with engine.fake_upstreams(www, 5004, log):
        done = engine.call(
            "backend", "image", f"--source={tree}", *LLAMA, "--targets=fallback",
            f"--mirror={url}/~auth~git.example.org", f"--mirror-credentials=file://{netrc}",
            f"--bases={bases}", "--insecure", "sync",
        )  # fmt: skip
    assert done.returncode != 0
    assert "credential_hosts" in done.stderr
    asked = [line for line in log.read_text().splitlines() if "git.example.org/llama.cpp" in line]
    assert asked
    assert all(" 401 " in line for line in asked)


@pytest.mark.parametrize(
    "address", ["https://x;touch${IFS}/ran;#", "ext::sh", "--upload-pack=id", "file:///etc"]
)
def test_what_a_makefile_names_is_refused_before_anything_is_fetched(
    engine: Engine, tree: Path, bases: str, address: str
) -> None:
    edit(tree / "backend/cpp/llama-cpp/Makefile", "https://github.com/example/llama.cpp", address)
    flags = (f"--source={tree}", *LLAMA, "--targets=fallback", f"--bases={bases}", "--insecure")
    done = engine.call("backend", "image", *flags, "sync")
    assert done.returncode != 0
    assert "backend/cpp/llama-cpp/Makefile:2: " in done.stderr
    assert "is not an address that sources are fetched from" in done.stderr


def repository(folder: Path, where: Path, submodule: tuple[str, str, str] | None = None) -> str:
    """A git repository with one commit of a folder, the same at any time; the commit.

    Args:
        folder: Its files.
        where: The repository.
        submodule: Path, address and commit of one.
    """
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(folder, where)
    git = ["git", "-C", str(where), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    day = "2026-01-01T00:00:00Z"
    dated = os.environ | {"GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day}
    commands = [["init", "-q"], ["add", "."]]
    if submodule:
        path, address, commit = submodule
        (where / ".gitmodules").write_text(f'[submodule "x"]\npath = {path}\nurl = {address}\n')
        commands += [["update-index", "--add", "--cacheinfo", f"160000,{commit},{path}"]]
    for command in (*commands, ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True, env=dated)
    found = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def test_third_party_sources_of_ones_own_count_without_gits_folder(
    engine: Engine, tree: Path, tmp_path: Path
) -> None:
    report = ("backend", "report", f"--source={tree}", *LLAMA, "--targets=fallback", "--as-json")
    plain = json.loads(engine.ok(*report, THIRD_PARTY))
    repository(FIXTURES / "llama.cpp", tmp_path / "cloned")
    cloned = json.loads(engine.ok(*report, f"--third-party={tmp_path / 'cloned'}"))
    assert cloned["inputs"] == plain["inputs"]


def test_a_pin_that_cannot_be_fetched_is_told_with_its_url(engine: Engine, tree: Path) -> None:
    done = engine.call(
        "backend", "image", f"--source={tree}", *LLAMA, "--mirror=http://127.0.0.9:1", "sync"
    )
    assert done.returncode != 0
    assert "http://127.0.0.9:1/github.com/example/llama.cpp: could not fetch commit" in done.stderr
    assert "--third-party" in done.stderr


def test_a_package_that_is_not_fit_is_refused_with_all_that_is_wrong(
    engine: Engine, tree: Path
) -> None:
    """Libraries are in test_package: the debian base brings along what is missing."""
    script = tree / "backend/cpp/llama-cpp/package.sh"
    script.write_text(script.read_text() + 'touch "$here/package/main.o"\n')
    (tree / "backend/cpp/llama-cpp/run.sh").chmod(0o644)
    done = engine.call("backend", "image", f"--source={tree}", *QUICK, "platform")
    assert done.returncode != 0
    assert "the package is not fit to be an image" in done.stderr
    assert "run.sh cannot be executed" in done.stderr
    assert "main.o is left of the build" in done.stderr


@pytest.mark.slow
def test_a_build_that_became_another_one_is_refused(engine: Engine, tree: Path) -> None:
    """A Makefile that forgets a flag compiles for the machine at hand, and nobody notices."""
    edit(tree / "backend/cpp/llama-cpp/Makefile", "NATIVE_FLAG:=-DGGML_NATIVE=OFF", "UNUSED:=")
    done = engine.call("backend", "image", f"--source={tree}", *QUICK, "platform")
    assert done.returncode != 0
    assert "GGML_NATIVE:BOOL=ON', and compile.yaml GGML_NATIVE=OFF" in done.stderr


def test_a_dockerfile_gets_its_arguments_and_the_context_that_dockerignore_leaves(
    engine: Engine, tree: Path
) -> None:
    build = ("backend", "image", f"--source={tree}", *STORE, "--refresh=2026-W47", "rootfs", "file")
    out = engine.ok(*build, "--path=arguments", "contents")
    given = dict(line.split("=", 1) for line in out.splitlines())
    assert given["BACKEND"] == "local-store"
    assert given["DEPS_REFRESH"] == "2026-W47"
    assert given["UBUNTU_VERSION"] == "2404"
    assert given["SKIP_DRIVERS"] == "false"
    context = engine.ok(*build, "--path=context", "contents").splitlines()
    assert "./backend/go/local-store/build.sh" in context
    assert "./Makefile" in context
    assert not [path for path in context if "sources" in path or "llama-cpp" in path]


def test_the_tools_of_its_check_come_through_a_mirror_that_asks_for_a_login(
    engine: Engine, internet: Internet, prepared_image: str, tree: Path, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    login = "login fake password canary-of-a-mirror"
    netrc.write_text(f"machine http://{engine.address}:5009 {login}\n")
    build = (
        "backend", "image", f"--source={tree}", "--entry=cpu-local-store/amd64", "--variant=amd64",
        f"--base-image={prepared_image}", f"--mirror={internet.faulty('auth', '')}",
    )  # fmt: skip
    done = engine.call(*build, "platform")
    assert "variant amd64: step apt failed" in done.stderr
    assert not [command for command in executed(done) if "build.sh" in command]
    engine.ok(*build, f"--mirror-credentials=file://{netrc}", "platform")


def test_a_flag_that_would_change_nothing_is_refused_before_anything_is_built(
    engine: Engine, tree: Path
) -> None:
    done = engine.call(
        "backend", "image", f"--source={tree}", *STORE, "--targets=fallback", "platform"
    )
    assert done.returncode != 0
    assert "--targets would change nothing" in done.stderr
    assert executed(done) == []


def test_a_tree_from_git_is_the_same_input_as_its_folder(
    engine: Engine, tree: Path, tmp_path: Path
) -> None:
    www, log = tmp_path / "www", tmp_path / "requests.log"
    commit = repository(tree, www / "localai.git")
    url = f"http://{engine.address}:5004"
    report = ("backend", "report", *STORE, "--as-json")
    with engine.fake_upstreams(www, 5004, log):
        cloned = json.loads(engine.ok(*report, f"--source={url}/localai.git#{commit}"))
    assert cloned["inputs"] == json.loads(engine.ok(*report, f"--source={tree}"))["inputs"]


def test_a_backend_that_ends_at_once_says_with_what(engine: Engine, tree: Path) -> None:
    done = engine.call("backend", "smoke", f"--source={tree}", *STORE)
    assert done.returncode != 0
    assert "the backend did not come up: it ended with exit code 7" in done.stderr
    assert "local-store was asked to listen: --addr 0.0.0.0:50051" in done.stderr


def test_an_image_for_macos_is_not_built_here_and_says_where(engine: Engine, tree: Path) -> None:
    entry = "--entry=metal-darwin-arm64-llama-cpp/darwin-arm64"
    done = engine.call("backend", "image", f"--source={tree}", entry)
    assert done.returncode != 0
    assert "a Linux engine cannot build for macOS" in done.stderr
    assert "macos-latest" in done.stderr


def test_an_unknown_entry_is_told_with_the_nearest(engine: Engine, tree: Path) -> None:
    done = engine.call("backend", "image", f"--source={tree}", "--entry=cpu-lama-cpp/amd64")
    assert done.returncode != 0
    assert "Did you mean cpu-llama-cpp/amd64" in done.stderr
