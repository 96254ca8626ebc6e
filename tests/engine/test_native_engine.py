"""Faults of the native engine: after each the next call works and the host is as it was.

All of it happens in a cache folder of its own, beside an engine that may be running; the built
steps are hard links to that one's.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dagger_engine import REPO, Engine
from native import record
from native.home import Home, home

HELLO = ("core", "container", "from", "--address=debian:bookworm", "with-exec")


class Spare(Engine):
    """An engine with a cache folder of its own, and what the host looked like before it."""

    @property
    def where(self) -> Home:
        return Home(Path(self.environ["LOCALAI_CI_CACHE"]))

    @property
    def record(self) -> record.Record:
        found = record.read(self.where)
        assert found is not None
        return found

    def hello(self) -> None:
        """The next call works: a container of Debian's says so."""
        said = self.dagger(*HELLO, f"--args=echo,{time.time()}", "stdout")
        assert re.fullmatch(r"[\d.]+\n*", said.stdout), said.stderr


@pytest.fixture(scope="module")
def spare(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spare]:
    if not engine.address:
        pytest.skip("the native engine is not what daggerw chooses here")
    base = tmp_path_factory.mktemp("spare")
    made = Spare({**engine.environ, "LOCALAI_CI_CACHE": str(base)}, engine.address)
    made.where.folder.mkdir()
    subprocess.run(["cp", "-al", home().steps, made.where.steps], check=True)
    yield made
    made.command("clean")


def host(where: Home) -> dict[str, str]:
    """All of the host that this cache folder's engine could touch; others' may come and go."""
    root = next(where.steps.glob("root-*/out/root"))
    rules = subprocess.run(
        ["chroot", root, "nft", "list", "ruleset"], capture_output=True, text=True, check=True
    )
    seen = {
        "mounts": Path("/proc/self/mounts").read_text(),
        "links": "\n".join(sorted(path.name for path in Path("/sys/class/net").iterdir())),
        "routes": Path("/proc/net/route").read_text(),
        "rules": re.sub(r"counter packets \d+ bytes \d+", "", rules.stdout),
        "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        "resolver": Path("/etc/resolv.conf").read_text(),
        "cgroups": "\n".join(map(str, sorted(Path("/sys/fs/cgroup").rglob(f"*{where.key}*")))),
        "emulators": emulators(),
    }
    other = (
        rf"^table ip localai_ci_(?!{where.key}).*?^}}\n|^(lci|localai-ci)-(?!{where.key})[^\n]*\n"
    )
    flags = re.DOTALL | re.MULTILINE
    return {name: re.sub(other, "", text, flags=flags) for name, text in seen.items()}


def emulators() -> str:
    """What the kernel emulates; the list is there only where binfmt_misc is mounted."""
    folder = "/proc/sys/fs/binfmt_misc"
    script = f"mount -t binfmt_misc binfmt_misc {folder} && ls {folder}"
    listed = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    return listed.stdout


def processes(where: Home) -> list[str]:
    """Command lines of processes that belong to this cache folder's engine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            about = (folder / "environ").read_bytes() + (folder / "cgroup").read_bytes()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{where.folder}/run".encode() in about or f"lci-{where.key}".encode() in about:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def eventually(what: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def busy(spare: Spare) -> subprocess.Popen[str]:
    """A build that is under way: its container runs."""
    build = subprocess.Popen(
        [REPO / "daggerw", "--progress=plain", *HELLO, "--args=sleep,987", "stdout"],
        env=spare.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    eventually(lambda: any("sleep 987" in command for command in processes(spare.where)))
    return build


def test_a_full_stop_leaves_the_host_as_it_was(spare: Spare) -> None:
    before = host(spare.where)
    spare.hello()
    assert processes(spare.where)
    assert host(spare.where) != before
    build = busy(spare)
    stopped = spare.command("stop")
    assert stopped.returncode == 0, stopped.stderr
    assert build.wait(timeout=10) != 0
    eventually(lambda: not processes(spare.where), 5)
    assert host(spare.where) == before
    assert not spare.where.run.exists()
    assert "not running" in spare.command("status").stdout


def test_an_idle_engine_that_was_killed_is_started_by_the_next_call(spare: Spare) -> None:
    spare.hello()
    os.kill(spare.record.pid, signal.SIGKILL)
    spare.hello()
    assert len([line for line in processes(spare.where) if "dagger-engine" in line]) >= 1


def test_a_killed_build_ends_with_its_engine_and_the_next_call_works(spare: Spare) -> None:
    build = busy(spare)
    os.kill(spare.record.pid, signal.SIGKILL)
    eventually(lambda: not any("sleep 987" in line for line in processes(spare.where)), 5)
    spare.hello()
    assert build.wait(timeout=60) != 0  # Dagger's client notices when an engine is back


def test_an_engine_whose_main_process_crashed_takes_the_rest_with_it(spare: Spare) -> None:
    spare.hello()
    pid = spare.record.pid
    child = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    os.kill(child, signal.SIGKILL)
    eventually(lambda: not processes(spare.where))
    spare.hello()


def test_a_stale_socket_and_a_reused_process_number_do_not_matter(spare: Spare) -> None:
    spare.hello()
    left = spare.record
    spare.command("stop")
    spare.where.socket.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(spare.where.socket))
    record.write(spare.where, left._replace(pid=os.getpid()))
    spare.hello()


def test_a_set_up_killed_half_way_is_finished_by_the_next(spare: Spare) -> None:
    spare.command("stop")
    step = next(spare.where.steps.glob("sdk-python-*"))
    subprocess.run(["rm", "-rf", step], check=True)
    half = subprocess.Popen([REPO / "daggerw", "engine", "start"], env=spare.environ)
    eventually((step.with_name(f"{step.name}.part") / "layer.tar").exists)
    half.kill()
    half.wait()
    assert not step.exists()
    again = spare.command("start")
    assert "pack the Python SDK" in again.stderr
    assert "compile the engine" not in again.stderr
    assert step.exists()
    assert not list(spare.where.steps.glob("*.part"))
    spare.hello()


def test_two_starts_at_once_make_one_set_up_and_one_engine(spare: Spare) -> None:
    spare.command("stop")
    subprocess.run(["rm", "-rf", *spare.where.steps.glob("sdk-python-*")], check=True)
    both = [
        subprocess.Popen(
            [REPO / "daggerw", "engine", "start"],
            env=spare.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    outs = [start.communicate(timeout=120) for start in both]
    assert [start.returncode for start in both] == [0, 0], outs
    said = "".join(err for _, err in outs)
    assert said.count("pack the Python SDK") == 1
    assert said.count("waiting for it") == 1
    assert said.count("native engine started") == 1
    assert len({re.findall(r"process (\d+)", out)[0] for out, _ in outs}) == 1


def renamed(spare: Spare, version: str) -> Home:
    """The running engine, as one that a checkout of another version has started."""
    spare.hello()
    other = Home(spare.where.base, version)
    spare.where.folder.rename(other.folder)
    spare.where.folder.mkdir()
    subprocess.run(["cp", "-al", other.steps, spare.where.steps], check=True)
    assert record.running(other)
    return other


def test_an_idle_engine_of_another_version_is_stopped_by_the_next_start(spare: Spare) -> None:
    other = renamed(spare, "v0.1.2")
    said = spare.command("status")
    assert "of another version: v0.1.2, process" in said.stdout
    started = spare.command("start")
    assert started.returncode == 0, started.stderr
    assert "stopping the engine of Dagger v0.1.2" in started.stderr
    assert not record.running(other)
    assert not processes(other)
    spare.hello()


def test_a_busy_engine_of_another_version_is_named_and_left_alone(spare: Spare) -> None:
    calling = subprocess.Popen(
        [REPO / "daggerw", "--silent", *HELLO, "--args=sleep,60", "sync"],
        env=spare.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: bool(record.clients(spare.where)))
    other = Home(spare.where.base, "v0.1.2")
    shutil.rmtree(other.folder)
    spare.where.folder.rename(other.folder)
    refused = spare.command("start")
    assert refused.returncode == 1
    assert "Dagger v0.1.2 runs in" in refused.stderr
    assert record.running(other)
    assert spare.command("stop").returncode == 0
    assert calling.wait(60) != 0
    assert not processes(other)
    shutil.rmtree(spare.where.folder, ignore_errors=True)
    other.folder.rename(spare.where.folder)
    spare.hello()


def test_a_command_can_be_run_in_the_engines_network(spare: Spare) -> None:
    spare.hello()
    shown = spare.command("exec", "--", "ip", "-br", "address", "show", "eth0")
    assert spare.record.address in shown.stdout


def test_what_still_runs_in_the_network_of_an_engine_that_ended_keeps_no_new_one_away(
    spare: Spare,
) -> None:
    spare.hello()
    asleep = ["nsenter", "--net", f"--target={spare.record.pid}", "sleep", "300"]
    with subprocess.Popen(asleep) as left:
        time.sleep(0.2)  # until it is in that network
        assert spare.command("stop").returncode == 0
        started = spare.command("start")
        left.terminate()
    assert started.returncode == 0, started.stderr
    spare.hello()


def test_a_disk_that_others_fill_keeps_what_was_built(spare: Spare) -> None:
    """Free space asked for is a number of bytes, not a share of a disk that may be full."""
    asked = spare.dagger("core", "engine", "local-cache", "min-free-space")
    assert float(asked.stdout) == 10 * 2**30, asked.stderr


@pytest.mark.slow
def test_an_emulated_architecture_is_there_as_long_as_the_engine(spare: Spare) -> None:
    spare.command("stop")
    before = host(spare.where)
    started = spare.command("start", "--emulate", "arm64")
    assert started.returncode == 0, started.stderr
    arm = ("--platform=linux/arm64", *HELLO[2:])
    said = spare.dagger(*HELLO[:2], *arm, "--args=uname,-m", "stdout")
    assert said.stdout.strip() == "aarch64", said.stderr
    spare.hello()
    spare.command("stop")
    assert host(spare.where) == before


def test_clean_leaves_nothing_at_all(spare: Spare) -> None:
    spare.hello()
    assert spare.command("clean").returncode == 0
    assert not spare.where.base.exists()
