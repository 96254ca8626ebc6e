"""Start and end the native engine."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from native import build, certificates, emulation, network, record, trusted
from native.debian import MIRROR
from native.errors import EngineError
from native.home import ENGINE, Home, locked, sources
from native.preflight import check_build, check_start
from native.record import Record
from native.steps import LOG_LINES, Step, prune, run_all
from native.terminal import Progress, say, say_waiting

# Generous: an engine that ended is noticed at once, and a busy machine takes ten times as long.
START_SECONDS = 300
STOP_SECONDS = 20
CALL_SECONDS = 5
REGISTRY_PORTS = range(5000, 5010)
CACHE_LIMITS = ('reservedSpace = "10GB"', 'maxUsedSpace = "75%"', 'minFreeSpace = "10GB"')
"""The engine's own limit leaves a fifth of the disk free: on a disk that others have filled beyond
that, it throws away what was built a minute ago (seen: a second build did everything again)."""
ENGINE_JSON = {"security": {"insecureRootCapabilities": False}}
"""No container gets the engine's own rights or its network: a Dockerfile of any tree could ask for
them (RUN --network=host), and nothing here needs them."""
NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts")


class EngineOptions(NamedTuple):
    """What a start may be asked for."""

    insecure: tuple[str, ...] = ()
    """Registries to speak plain HTTP to; none means the engine's own address."""
    emulated: tuple[str, ...] = ()
    """Foreign architectures."""


def requested_options(environ: Mapping[str, str]) -> EngineOptions:
    """What the environment asks for, lists separated by commas."""
    names = ("LOCALAI_CI_INSECURE_REGISTRIES", "LOCALAI_CI_EMULATE")
    return EngineOptions(
        *(tuple(environ.get(name, "").replace(",", " ").split()) for name in names)
    )


def ensure(where: Home, options: EngineOptions) -> Record:
    """The running engine; sets it up and starts it if need be."""
    check_build(where)
    emulation.check(options.emulated)
    with locked(where, say_waiting):
        if found := record.running(where):
            return found
        _end_other_versions(where)
        steps = build.all_steps(where, options.emulated)
        if not all(step.out(where).exists() for step in steps):
            say(f"setting up the native engine in {where.folder}")
            where.steps.mkdir(parents=True, exist_ok=True)
            run_all(steps, where, Progress())
        check_start()
        _end(where)
        prune(steps, where)
        return _start(where, steps, options)


def demand(found: Record, options: EngineOptions) -> None:
    """Refuse an engine that was started without what is asked for now."""
    for asked, has, what in (
        (options.insecure, found.insecure, "plain HTTP to"),
        (options.emulated, found.emulated, "emulation of"),
    ):
        if not set(asked) <= set(has):
            raise EngineError(
                f"the engine runs already, with {what} {', '.join(has) or 'nothing'}",
                "./daggerw engine stop, then start it again",
            )


def stop(where: Home) -> bool:
    """End the folder's engine and all it started, and undo what it changed on the host."""
    ran = False
    for home in where.versions():
        with locked(home, say_waiting):
            ran = _stop(home) or ran
    return ran


def clean(where: Home) -> None:
    """Stop, and remove the cache folder: under one lock, lest a waiting call starts it between."""
    if not where.base.exists():
        return
    for home in {home.folder: home for home in (where, *where.versions())}.values():
        with locked(home, say_waiting):
            _stop(home)
            shutil.rmtree(home.folder, ignore_errors=True)
            home.lock.unlink()
    if not any(where.base.iterdir()):
        where.base.rmdir()


def _end_other_versions(where: Home) -> None:
    """A folder has one engine: an idle one of another version makes room, a busy one is named."""
    for other in where.versions():
        found = record.running(other) if other.version != where.version else None
        if found is None:
            continue
        if record.clients(other):
            raise EngineError(
                f"Dagger {other.version} runs in {where.base} too (process {found.pid}), and calls "
                f"to it are under way; this checkout needs {where.version}",
                "wait for them, end them with ./daggerw engine stop, or set LOCALAI_CI_CACHE",
            )
        say(f"stopping the engine of Dagger {other.version}: this checkout needs {where.version}")
        with locked(other, say_waiting):
            _end(other)


def _stop(where: Home) -> bool:
    _interrupt_calls(where)
    return _end(where)


def _start(where: Home, steps: Sequence[Step], options: EngineOptions) -> Record:
    layers = build.layers(where, steps)
    root = layers[-1]
    net = network.plan(where, network.routes())
    for folder in ("root", "upper", "work", "sock", "config"):
        (where.run / folder).mkdir(parents=True)
    where.state.mkdir(exist_ok=True)
    plain = options.insecure or (*(f"{net.address}:{port}" for port in REGISTRY_PORTS),)
    _configure(
        where, root, plain, mirrored=any((layer / "srv/mirror").exists() for layer in layers)
    )
    began = time.time()
    space, go = _launch(
        where, _environ(where, layers, net) | {"RULES": _rules(where, steps, options)}
    )
    try:
        pid = _first_process(space)
        found = Record(
            pid=pid, born=record.born(pid), cli=str(build.program(where, steps, "dagger")),
            address=net.address, gateway=net.gateway, insecure=plain, emulated=options.emulated,
            sources=sources(), since=began,
        )  # fmt: skip
        record.write(where, found)
        network.connect(net, pid, root)
        os.write(go, b"go\n")
        os.close(go)
        _await_answer(where, space, found)
    except BaseException:
        space.kill()
        space.wait()
        _end(where)
        raise
    say(f"native engine started in {time.time() - began:.1f} s")
    return found


def _launch(where: Home, environ: dict[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start the first process in namespaces of its own; it goes on when told through the pipe."""
    wait, go = os.pipe()
    with os.fdopen(trusted.opened(where.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w") as log:
        space = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--kill-child", "--propagation", "private",
             "sh", ENGINE / "native/enter.sh"],
            stdin=wait, stdout=log, stderr=log, start_new_session=True, cwd="/", env=environ,
        )  # fmt: skip
    os.close(wait)
    return space, go


def _configure(where: Home, root: Path, insecure: Sequence[str], *, mirrored: bool) -> None:
    """Write what differs from run to run; it lies over the finished steps' folders."""
    etc = where.run / "config/etc"
    (etc / "localai-ci").mkdir(parents=True)
    (etc / "dagger").mkdir()
    (etc / "dagger/engine.json").write_text(json.dumps(ENGINE_JSON))
    (etc / "resolv.conf").write_text(network.resolver())
    (etc / "hosts").write_text("127.0.0.1 localhost localai-ci-engine\n::1 localhost\n")
    mirrors = [f'[registry."docker.io"]\n  mirrors = ["{MIRROR}"]'] if mirrored else []
    lines = [
        "[worker.oci]",
        f'  defaultCgroupParent = "/{network.names(where)[0]}"',
        *(f"  {limit}" for limit in CACHE_LIMITS),
        *mirrors,
        *(f'[registry."{host}"]\n  http = true' for host in insecure),
    ]
    (etc / "localai-ci/engine.toml").write_text("\n".join(lines) + "\n")
    certificates.copy(where.run / "config", root)


def _rules(where: Home, steps: Sequence[Step], options: EngineOptions) -> str:
    by_name = {step.name: step for step in steps}
    return "\n".join(
        emulation.rule(where, by_name[f"qemu-{name}"], name) for name in options.emulated
    )


def _environ(where: Home, layers: Sequence[Path], net: network.Net) -> dict[str, str]:
    """The engine's environment: its own, and the host's proxies, which it gives to containers."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    go_proxy = subprocess.run(["go", "env", "GOPROXY"], capture_output=True, text=True, check=False)
    return {
        **proxies,
        "PATH": build.PATH,
        "HOME": "/root",
        "LAYERS": ":".join(map(str, [where.run / "config", *layers])),
        "RUN": str(where.run),
        "STATE": str(where.state),
        "ADDRESS": net.address,
        "GATEWAY": net.gateway,
        "_DAGGER_ENGINE_SYSTEMENV_GOPROXY": go_proxy.stdout.strip(),
    }


def _first_process(space: subprocess.Popen[bytes]) -> int:
    """The pid, on the host, of the first process in the new namespaces."""
    children = Path(f"/proc/{space.pid}/task/{space.pid}/children")
    for _ in range(200):
        if space.poll() is not None:
            break
        if pids := children.read_text().split():
            return int(pids[0])
        time.sleep(0.01)
    raise EngineError("the kernel gave the engine no namespaces of its own", "run it as real root")


def _await_answer(where: Home, space: subprocess.Popen[bytes], found: Record) -> None:
    """Wait until the engine answers a query."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and space.poll() is None:
        if record.accepts(where):
            left = max(end - time.monotonic(), 1)
            if answers(where, found, left):
                return
        time.sleep(0.05)
    lines = where.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    what = "ended at once" if space.poll() is not None else f"did not answer in {START_SECONDS} s"
    kept = where.log.with_suffix(".failed.log")
    where.log.replace(kept)
    raise EngineError(
        f"the engine {what}. The end of {kept}:\n" + "\n".join(f"    {line}" for line in lines),
        "./daggerw engine start tries again; ./daggerw engine clean sets up from nothing",
    )


def answers(where: Home, found: Record, seconds: float) -> bool:
    """Ask the engine for its version through the CLI."""
    environ = dict(os.environ) | {
        "_EXPERIMENTAL_DAGGER_RUNNER_HOST": f"unix://{where.socket}",
        "DAGGER_NO_NAG": "1",
        "DO_NOT_TRACK": "1",
    }
    try:
        asked = subprocess.run(
            [found.cli, "--silent", "core", "version"],
            capture_output=True, check=False, timeout=seconds, env=environ, cwd=where.run,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def _end(where: Home) -> bool:
    """End the recorded engine if it runs; take back what it or a dead one left on the host."""
    found = record.read(where)
    ran = found is not None and record.alive(found)
    if found is not None and ran:
        _kill(found)
    roots = sorted(where.steps.glob("root-*/out/root"))
    if where.run.exists() and roots:
        network.disconnect(where, roots[0])
    emulation.unregister(where)
    _remove_cgroups(network.names(where)[0])
    shutil.rmtree(where.run, ignore_errors=True)
    return ran


def _interrupt_calls(where: Home) -> None:
    """End calls that are under way; without their engine these clients would wait for ever."""
    clients = record.clients(where)
    for sign in (signal.SIGINT, signal.SIGKILL):
        for client in filter(record.alive, clients):
            os.kill(client.pid, sign)
        end = time.monotonic() + CALL_SECONDS
        while any(map(record.alive, clients)) and time.monotonic() < end:
            time.sleep(0.02)


def _kill(found: Record) -> None:
    """Ask it to end, then end it: with the first process all in its namespaces ends."""
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        if not record.alive(found):
            return
        os.kill(found.pid, sign)
        end = time.monotonic() + seconds
        while record.alive(found) and time.monotonic() < end:
            time.sleep(0.02)
    if record.alive(found):
        raise EngineError(f"process {found.pid} does not end", "it may wait for a dead disk")


def _remove_cgroups(name: str) -> None:
    """Remove the cgroups of ended containers; version 1 has a tree for each controller."""
    mounted = Path("/sys/fs/cgroup")
    for top in [mounted / name, *mounted.glob(f"*/{name}")]:
        for folder, _, _ in os.walk(top, topdown=False):
            Path(folder).rmdir()
