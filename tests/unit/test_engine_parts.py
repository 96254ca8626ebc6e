"""The native engine's parts that need no engine: preflight, steps, network plan, certificates."""

import contextlib
import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native import certificates, emulation, network, preflight, record
from native.engine import ENGINE_JSON, EngineOptions, requested_options
from native.errors import EngineError
from native.home import Home, home, locked
from native.network import Route
from native.steps import Step, Stopped, Work, prune, run_all


@pytest.mark.parametrize("version", ["go version go1.24.9 linux/amd64", "nonsense"])
def test_an_old_go_is_named_with_the_one_that_is_needed(version: str) -> None:
    assert preflight.go(version, "1.25.0") == [
        f"Go 1.25.0 or newer is needed to compile the engine, found: {version}"
    ]


def test_a_go_that_is_too_old_by_its_last_number_is_named() -> None:
    assert preflight.go("go version go1.26.0 linux/amd64", "1.26.1")
    assert not preflight.go("go version go1.26 linux/amd64", "1.26")


def test_a_missing_go_is_said_and_a_newer_one_is_fine() -> None:
    assert "no go on PATH" in preflight.go(None, "1.25.0")[0]
    assert preflight.go("go version go1.26.8 linux/amd64", "1.25.0") == []


def test_missing_programs_come_as_the_packages_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert preflight.programs(
        {"unshare": "util-linux", "perl": "perl", "nsenter": "util-linux"}
    ) == ["missing programs: apt-get install perl util-linux"]


def test_a_full_disk_is_said_with_both_numbers(tmp_path: Path) -> None:
    assert "1000000 GiB of disk are needed" in preflight.disk(tmp_path / "not/yet", 10**6)[0]


def test_all_that_is_missing_comes_in_one_message() -> None:
    with pytest.raises(EngineError, match=r"- one\n  - two\n"):
        preflight.check(["one", "two"])


def test_a_cache_path_too_long_for_a_socket_is_refused() -> None:
    with pytest.raises(EngineError, match="too long for a unix socket"):
        Home(Path("/" + "x" * 90)).check()


def test_a_cache_path_that_mount_cannot_hold_is_refused() -> None:
    with pytest.raises(EngineError, match="mount options"):
        Home(Path("/a:b")).check()


@pytest.mark.parametrize(
    "base", ["/a;id>x", "/a$(id)", "/a`id`", "/a'b", '/a"b', "/a&b", "/a|b", "/a\nb", "/a{b,c}",
             "/a*", "/a b", "/a,b", "/a\\b", "/a\N{LATIN SMALL LETTER E WITH ACUTE}"],
)  # fmt: skip
def test_a_cache_path_that_a_shell_would_read_is_refused(base: str) -> None:
    with pytest.raises(EngineError, match="a shell would read"):
        Home(Path(base)).check()


NOBODY = 65534


@pytest.fixture
def cache(tmp_path: Path) -> Home:
    """A cache folder with a record of an engine, as this program makes it."""
    where = Home(tmp_path / "cache")
    cli = where.steps / "programs-1/out/opt/dagger/dagger"
    cli.parent.mkdir(parents=True)
    cli.write_text("#!/bin/sh\n")
    cli.chmod(0o755)
    where.run.mkdir()
    record.write(where, record.Record(4242, "1", str(cli), "a", "g", (), (), "s", 0.5))
    where.check()
    assert record.read(where)
    return where


@pytest.mark.parametrize("part", ["base", "folder", "run", "steps"])
def test_a_cache_folder_that_others_may_write_to_is_refused(cache: Home, part: str) -> None:
    folder: Path = getattr(cache, part)
    for mode in (0o777, 0o775, 0o1777):
        folder.chmod(mode)
        with pytest.raises(EngineError, match="others may write to"):
            cache.check()
    folder.chmod(0o755)
    cache.check()


@pytest.mark.parametrize("part", ["base", "folder", "run", "steps", ".."])
def test_a_cache_folder_of_another_user_is_refused(cache: Home, part: str) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    folder: Path = cache.base.parent if part == ".." else getattr(cache, part)
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(EngineError, match="belongs to another user"):
        cache.check()


@pytest.mark.parametrize("part", ["folder", "run", "steps"])
def test_a_link_inside_of_the_cache_folder_is_refused(cache: Home, part: str) -> None:
    folder: Path = getattr(cache, part)
    folder.rename(cache.base.parent / "elsewhere")
    folder.symlink_to(cache.base.parent / "elsewhere")
    with pytest.raises(EngineError, match="is a link"):
        cache.check()


def test_what_the_environment_names_is_checked_before_it_is_used(
    cache: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALAI_CI_CACHE", str(cache.base))
    assert home().base == cache.base
    cache.base.chmod(0o777)
    with pytest.raises(EngineError, match="others may write to"):
        home()


def test_a_lock_that_is_a_link_leaves_its_target_as_it_was(cache: Home, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    cache.lock.symlink_to(target)
    with pytest.raises(EngineError, match="is a link, and is not followed"), locked(cache, print):
        pass
    assert target.read_text() == "precious"


def test_a_record_that_is_a_link_is_neither_read_nor_written(cache: Home, tmp_path: Path) -> None:
    target = tmp_path / "target"
    known = record.read(cache)
    assert known
    cache.record.rename(target)
    cache.record.symlink_to(target)
    with pytest.raises(EngineError, match="is a link"):
        record.read(cache)
    with pytest.raises(EngineError, match="is a link"):
        record.write(cache, known._replace(pid=7))
    assert '"pid": 4242' in target.read_text()


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_record_that_others_could_have_written_starts_no_program(cache: Home, mode: int) -> None:
    cache.record.chmod(mode)
    with pytest.raises(EngineError, match="others may write to"):
        record.read(cache)


@pytest.mark.parametrize(
    "program", ["/bin/sh", "{steps}/../evil", "{steps}/x/../../../bin/sh", "sh", "{steps}evil"]
)
def test_only_a_program_of_our_own_steps_is_started(cache: Home, program: str) -> None:
    text = cache.record.read_text()
    values = json.loads(text) | {"cli": program.format(steps=cache.steps)}
    cache.record.write_text(json.dumps(values))
    with pytest.raises(EngineError, match="names a program"):
        record.running(cache)


def test_a_program_that_others_may_write_to_is_not_started(cache: Home) -> None:
    known = record.read(cache)
    assert known
    for path in (Path(known.cli), Path(known.cli).parent):
        path.chmod(0o777)
        with pytest.raises(EngineError, match="others may write to"):
            record.read(cache)
        path.chmod(0o755)
    Path(known.cli).unlink()
    Path(known.cli).symlink_to("/bin/sh")
    with pytest.raises(EngineError, match="is a link"):
        record.read(cache)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ),
    st.sampled_from(record.Record._fields),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_record_of_other_kinds_is_none(cache: Home, value: object, field: str) -> None:
    before = cache.record.read_text()
    try:
        cache.record.write_text(json.dumps(json.loads(before) | {field: value}))
        try:
            found = record.read(cache)
        except EngineError:
            found = None
        assert found is None or (type(found.pid) is int and found.pid > 1)
        assert found is None or Path(found.cli).is_relative_to(cache.steps)
    finally:
        cache.record.write_text(before)


@pytest.mark.parametrize("text", ["[]", "1", "{", "[" * 100_000, "", "{}", '{"pid": 1e400}'])
def test_a_record_that_is_none_is_told_from_one(cache: Home, text: str) -> None:
    cache.record.write_text(text)
    assert record.read(cache) is None


def test_a_pipe_in_place_of_the_lock_or_the_record_does_not_hang(cache: Home) -> None:
    cache.record.unlink()
    os.mkfifo(cache.record)
    with pytest.raises(EngineError, match="not a plain file"):
        record.read(cache)


def test_a_name_that_is_no_version_is_nobodys_engine(cache: Home) -> None:
    for name in ("engine-v1;id", "engine-vx", "engine-v1.2.3.lock.lock", "engine-v0.1.2"):
        (cache.base / name).mkdir()
    assert [h.version for h in cache.versions()] == ["v0.1.2", cache.version]


def test_what_is_made_under_the_lock_is_no_one_elses_to_write(cache: Home) -> None:
    before = os.umask(0)
    try:
        with locked(cache, print):
            (cache.base / "made").mkdir()
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert (cache.base / "made").stat().st_mode & 0o022 == 0
    assert cache.lock.stat().st_mode & 0o077 == 0


def test_no_container_is_given_the_engines_own_rights_or_network() -> None:
    assert ENGINE_JSON == {"security": {"insecureRootCapabilities": False}}


def test_only_a_foreign_architecture_can_be_emulated() -> None:
    with pytest.raises(EngineError, match="cannot emulate 'riscv64'"):
        emulation.check(["riscv64"])
    with pytest.raises(EngineError, match="cannot emulate"):
        emulation.check(["amd64", "arm64"])  # one of them is this machine's own


def test_wishes_can_stand_in_the_environment() -> None:
    environ = {"LOCALAI_CI_INSECURE_REGISTRIES": "a:1,b:2", "LOCALAI_CI_EMULATE": "arm64"}
    assert requested_options(environ) == EngineOptions(insecure=("a:1", "b:2"), emulated=("arm64",))
    assert requested_options({}) == EngineOptions()


def number(address: str) -> int:
    return int.from_bytes(bytes(map(int, address.split("."))), "big")


def test_the_second_engine_takes_the_next_four_addresses() -> None:
    first = Route("lci-1", number("10.86.255.0"), number("255.255.255.252"))
    net = network.plan(Home(Path("/a")), [first])
    assert (net.gateway, net.address, net.cidr) == ("10.86.255.5", "10.86.255.6", "10.86.255.4/30")


def test_a_wide_private_route_does_not_count_as_taken() -> None:
    vpn = Route("vpn", number("10.0.0.0"), number("255.0.0.0"))
    assert network.plan(Home(Path("/a")), [vpn]).address == "10.86.255.2"


def test_a_host_that_routes_the_whole_range_is_told_so() -> None:
    with pytest.raises(EngineError, match=r"routes all of 10\.86\.255\.0/24"):
        network.plan(Home(Path("/a")), [Route("x", number("10.86.0.0"), number("255.255.0.0"))])


def test_a_cache_folder_knows_the_engines_of_other_versions_that_it_holds(tmp_path: Path) -> None:
    (tmp_path / "engine-v0.19.10").mkdir()
    (tmp_path / "engine-v0.19.10.lock").touch()
    assert [home.version for home in Home(tmp_path).versions()] == ["v0.19.10"]


def test_two_cache_folders_have_links_of_their_own() -> None:
    names = [network.names(Home(Path(base))) for base in ("/a", "/b")]
    assert names[0] != names[1]
    assert all(len(link) <= 15 for link, _ in names)  # the kernel's limit


def test_name_servers_can_be_given_for_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALAI_CI_DNS", "192.0.2.1, 192.0.2.2")
    assert network.resolver() == "nameserver 192.0.2.1\nnameserver 192.0.2.2\n"


def test_only_authorities_that_debian_lacks_are_given_on(tmp_path: Path) -> None:
    def pem(name: str) -> str:
        return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----"

    host, root = tmp_path / "host", tmp_path / "root"
    for base, names in ((host, ["known", "own"]), (root, ["known"])):
        bundle = base / certificates.BUNDLE
        bundle.parent.mkdir(parents=True)
        bundle.write_text("\n".join(map(pem, names)))
    extra = host / certificates.CUSTOM / "team/proxy.crt"
    extra.parent.mkdir(parents=True)
    extra.write_text(pem("proxy"))
    certificates.copy(tmp_path / "run", root, host)
    copied = (tmp_path / "run" / certificates.CUSTOM).iterdir()
    assert sorted(file.read_text().split("\n")[1] for file in copied) == ["own", "proxy"]


def test_a_process_that_is_on_its_way_out_is_known_by_its_flags() -> None:
    assert not record.ending(record.Process(os.getpid(), ""))
    assert record.ending(record.Process(2**22 + 1, ""))


def test_a_reused_process_number_is_not_taken_for_the_engine() -> None:
    mine = record.Record(os.getpid(), "1", "", "", "", (), (), "", 0)
    assert not record.alive(mine)
    assert record.alive(mine._replace(born=record.born(os.getpid())))
    assert record.born(2**22 + 1) == ""


def step(name: str, key: str, ran: list[str], *needs: Step, failing: bool = False) -> Step:
    def make(work: Work) -> None:
        work.run("sh", "-c", f"echo it says why; exit {int(failing)}")
        (work.out / "file").write_text(key)
        ran.append(f"{name} {key}")

    return Step(name, f"make {name}", key, make, "look at it", needs)


class Silent:
    """A display that keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def finished(self, line: str) -> None:
        self.lines.append(line)

    def running(self, line: str) -> None:
        self.lines.append(f"… {line}")


def test_a_changed_input_runs_only_the_steps_that_read_it(tmp_path: Path) -> None:
    where, ran = Home(tmp_path), list[str]()
    run_all([step(name, "1", ran) for name in "abc"], where, Silent())
    changed = [step("a", "1", ran), step("b", "2", ran)]
    run_all(changed, where, Silent())
    prune(changed, where)
    assert sorted(folder.name for folder in where.steps.iterdir()) == ["a-1", "b-2", "c-1"]
    assert sorted(ran[:3]) == ["a 1", "b 1", "c 1"]
    assert ran[3:] == ["b 2"]
    assert float((where.steps / "b-2/seconds").read_text()) >= 0


def test_a_failed_step_shows_the_end_of_its_log_and_the_next_run_goes_on_there(
    tmp_path: Path,
) -> None:
    where, ran = Home(tmp_path), list[str]()
    with pytest.raises(EngineError, match=r"(?s)'make b' \(exit status 1\).*says why.*look at it"):
        run_all([a := step("a", "1", ran), step("b", "1", ran, a, failing=True)], where, Silent())
    assert (where.steps / "b-1.part/log").exists()
    run_all([a, step("b", "1", ran, a)], where, Silent())
    assert ran == ["a 1", "b 1"]
    assert not list(where.steps.glob("*.part"))


def test_steps_that_do_not_need_each_other_run_at_once(tmp_path: Path) -> None:
    where, meeting = Home(tmp_path), threading.Barrier(2, timeout=20)

    def meet(_: Work) -> None:
        meeting.wait()

    def read(work: Work) -> None:
        (work.out / "read").write_text((one.out(where) / "../seconds").read_text())

    one, two = (Step(name, name, "1", meet, "") for name in ("one", "two"))
    last = Step("last", "last", "1", read, "", (one, two))
    run_all([last, two, one], where, Silent())
    assert (last.out(where) / "read").read_text()


def test_a_failed_step_ends_the_others_and_their_commands(tmp_path: Path) -> None:
    where, ran = Home(tmp_path), list[str]()
    endless = Step("b", "b", "1", lambda work: work.run("sleep", "1234.5"), "")
    with pytest.raises(EngineError, match="make a"):
        run_all([endless, step("a", "1", ran, failing=True)], where, Silent())
    left = subprocess.run(["pgrep", "-f", "^sleep 1234.5"], capture_output=True, check=False)
    assert left.stdout == b""


def test_a_step_that_is_ended_while_it_starts_leaves_nothing_running(tmp_path: Path) -> None:
    """Between its start and the tie to its parent a command could outlive both."""
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        work = Work(folder)

        def run(work: Work = work) -> None:
            with contextlib.suppress(Stopped):
                work.run("sleep", "2345.5")

        running = threading.Thread(target=run)
        running.start()
        time.sleep(number / 2000)
        work.stop()
        running.join(20)
    left = subprocess.run(["pgrep", "-f", "^sleep 2345.5"], capture_output=True, check=False)
    assert left.stdout == b""


def test_a_step_says_how_many_lines_of_all_it_has_printed(tmp_path: Path) -> None:
    work, said = Work(tmp_path), list[str]()

    def look() -> None:
        while not said or said[-1] != "3 of 4 packages":
            said.append(work.progress())

    looking = threading.Thread(target=look)
    looking.start()
    work.run("sh", "-c", "echo a; echo b; echo c; sleep 1", lines=(4, "packages"))
    looking.join(20)
    assert said[-1] == "3 of 4 packages"
    assert work.progress() == ""


def test_the_display_says_what_runs_how_far_it_is_and_what_comes_next(
    tmp_path: Path,
) -> None:
    display = Silent()
    slow = Step(
        "slow", "compile", "1", lambda work: work.run("sh", "-c", COUNT, lines=(9, "files")), ""
    )
    after = Step("after", "pack", "1", lambda _: None, "", (slow,))
    run_all([slow, after], Home(tmp_path), display)
    running = next(line for line in display.lines if line.startswith("…"))
    assert re.fullmatch(r"… compile, 2 of 9 files, \d+ s; then: pack", running)
    assert re.fullmatch(r"1 of 2: compile, [\d.]+ s", display.lines[-2])


COUNT = "echo 1; echo 2; sleep 1.5"


def test_a_killed_set_up_leaves_no_command_running(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = ['engine']; from pathlib import Path\n"
        "from native.steps import Work\n"
        f"work = Work(Path({str(tmp_path)!r}))\n"
        "work.run('sh', '-c', 'echo started; exec sleep 4321.5')"
    )
    setup = subprocess.Popen(["python3", "-c", code], cwd=Path(__file__).parents[2])
    log = tmp_path / "log"
    while "\nstarted" not in (log.read_text() if log.exists() else ""):
        assert setup.poll() is None
    setup.kill()
    setup.wait()
    left = subprocess.run(["pgrep", "-f", "^sleep 4321.5"], capture_output=True, check=False)
    for _ in range(100):
        if not left.stdout:
            break
        left = subprocess.run(["pgrep", "-f", "^sleep 4321.5"], capture_output=True, check=False)
    assert left.stdout == b""
