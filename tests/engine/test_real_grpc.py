"""Real gRPC, compiled by the module from Debian's source package, links and answers."""

from pathlib import Path

import pytest
from dagger_engine import REPO, Engine
from fake_upstreams import grpc
from fake_upstreams.internet import Internet
from fake_upstreams.packages import run

# Beside what the debian base has, what gRPC's build finds as packages here: its own clone would
# bring submodules.
PACKAGES = "libprotoc-dev libc-ares-dev libre2-dev zlib1g-dev"


def debian_source(folder: Path) -> Path:
    """The unpacked upstream sources of Debian's grpc package."""
    lists = Path("/etc/apt/sources.list.d/debian.sources")
    if not lists.exists():
        pytest.skip("the machine's own archive is not Debian's: no sources of grpc")
    sources = folder / "sources.sources"
    sources.write_text(lists.read_text().replace("Types: deb\n", "Types: deb-src\n"))
    (folder / "lists").mkdir()
    options = (
        *("-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/nonexistent"),
        *("-o", f"Dir::State::lists={folder}/lists"),
    )
    run("apt-get", *options, "update")
    run("apt-get", *options, "source", "--download-only", "grpc", cwd=folder)
    (archive,) = folder.glob("grpc_*.orig.tar.*")
    source = folder / "source"
    source.mkdir()
    run("tar", "-xf", archive, "-C", source, "--strip-components", "1")
    return source


@pytest.mark.slow
def test_a_client_and_server_link_the_compiled_library_and_answer(
    engine: Engine, internet: Internet, registry: str, tmp_path: Path
) -> None:
    grpc.from_source(internet.www / "real/github.com", debian_source(tmp_path), "v1.65.0")
    image = f"{registry}/debian:grpc"
    install = f"apt-get update && apt-get install -y {PACKAGES} && rm -r /opt/grpc/bin"
    stock = ("with-exec", f'--args="sh","-euc","{install}"')
    debian = ("build-base", "--variant", "debian-amd64", *stock)
    engine.ok(*debian, "publish", f"--address={image}")

    flags = ("--base-image", image, "--mirror", f"{internet.url}/real")
    tree = tmp_path / "tree"
    compiled = ("base", "grpc", "--variant", "amd64", *flags, "export", "--path", str(tree))
    engine.ok(*compiled, seconds=5000)
    names = {path.name for path in tree.rglob("*")}
    assert {"libgrpc.a", "libgrpc++.a", "grpc_cpp_plugin", "gRPCConfig.cmake"} <= names
    assert not {"grpc_python_plugin", "libgrpc_unsecure.a"} & names

    script = (
        "cmake -S /src -B /build -DCMAKE_PREFIX_PATH=/opt/grpc"
        " -DCMAKE_MODULE_PATH=/opt/grpc/lib/cmake/grpc/modules"
        " && PATH=/opt/grpc/bin:$PATH cmake --build /build && ldd /build/greeter"
        " && /build/greeter --name=you"
    )
    fixture = REPO / "tests/fixtures/greeter"
    done = engine.dagger(
        "core", "container", "from", f"--address={image}",
        "with-directory", "--path=/opt/grpc", f"--source={tree}",
        "with-directory", "--path=/src", f"--source={fixture}",
        "with-exec", f'--args="sh","-euc","{script}"', "stdout",
    )  # fmt: skip
    assert "Hello, you, from gRPC 1.51.1" in done.stdout, done.stderr[-3000:]
    assert "libgrpc" not in done.stdout.replace("gRPC", "")  # ours is linked in, not Debian's
