"""Downloads of a build are tried again, and end in bounded time: rendered, and run for real."""

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localai_ci.bases.mirrors import APT_SECONDS, CLONE_SECONDS, Mirrors
from localai_ci.bases.recipe import grpc_steps, recipe, steps
from localai_ci.bases.step import SHELL
from localai_ci.config.variants import load_variants

Answer = Callable[[BaseHTTPRequestHandler, int], None]
PLAIN = Mirrors()
BOUNDED = {
    "curl": (
        *("--connect-timeout 15", "--speed-limit 1024", "--speed-time 30", "--retry 2"),
        *("--retry-all-errors", "--max-time 600", "--retry-max-time 900", "--max-redirs 5"),
        "--proto =http,https",
    ),
    "apt-get": (
        *("Error-Mode=any", "Acquire::Retries=2", "http::Timeout=30", "https::Timeout=30"),
        f"timeout --kill-after=60 {APT_SECONDS} apt-get",
    ),
    "git": ("http.lowSpeedLimit=1024", f"timeout --kill-after=30 {CLONE_SECONDS} git"),
}


@pytest.mark.parametrize("name", [variant.name for variant in load_variants().variants])
def test_every_download_of_every_base_is_tried_again_and_bounded(name: str) -> None:
    found = dict.fromkeys(BOUNDED, 0)
    made = recipe(name, PLAIN)
    for step in (*grpc_steps(made), *steps(made)):
        for line in step.script.splitlines():
            for program, network in (
                ("curl", r"\bcurl .*--url"),
                ("apt-get", r"\bapt-get .*\b(?:update|install|upgrade|download)\b"),
                ("git", r"\bgit .*\b(?:clone|fetch|ls-remote|pull|submodule)\b"),
            ):
                if re.search(network, line):
                    found[program] += 1
                    missing = [flag for flag in BOUNDED[program] if flag not in line]
                    assert not missing, f"{step.name}: {line}"
    assert found["apt-get"] >= 2
    assert found["curl"] + found["git"] >= (made.variant.tools != "distribution")


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, list[float]]]:
    """A server on this machine: its address, and when it was asked."""
    asked: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(time.monotonic())
            try:
                answer(self, len(asked))
            except OSError:  # the client has gone
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}", asked
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def hurried(script: str) -> str:
    """The same with a second for each half a minute, and three for a download as a whole."""
    for long, short in (
        *(("--speed-time 30", "--speed-time 1"), ("--connect-timeout 15", "--connect-timeout 1")),
        *(("--max-time 600", "--max-time 2"), ("--retry-max-time 900", "--retry-max-time 3")),
        *(("--retry-delay 2", "--retry-delay 0"), ("::Timeout=30", "::Timeout=1")),
    ):
        script = script.replace(long, short)
    return script


def run(script: str, folder: Path) -> tuple[int, str, float]:
    began = time.monotonic()
    done = subprocess.run(
        [*SHELL, script], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stderr, time.monotonic() - began


def good(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "4")
    handler.end_headers()
    handler.wfile.write(b"good")


def twice_busy(handler: BaseHTTPRequestHandler, number: int) -> None:
    if number < 3:
        handler.send_error(503)
    else:
        good(handler)


def cut_once(handler: BaseHTTPRequestHandler, number: int) -> None:
    if number > 1:
        good(handler)
        return
    handler.send_response(200)
    handler.send_header("Content-Length", "4")
    handler.end_headers()
    handler.wfile.write(b"go")
    handler.close_connection = True


@pytest.mark.parametrize("answer", [twice_busy, cut_once])
def test_curl_tries_again(answer: Answer, tmp_path: Path) -> None:
    with server(answer) as (url, _):
        code, said, _ = run(hurried(PLAIN.fetch(f"{url}/a", None, "a")), tmp_path)
    assert code == 0, said
    assert (tmp_path / "a").read_text() == "good"


def always_busy(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_error(503)


def silent(handler: BaseHTTPRequestHandler, _: int) -> None:
    time.sleep(8)
    handler.close_connection = True


def dripping(handler: BaseHTTPRequestHandler, _: int) -> None:
    """Faster than the slowest that is waited for, and without end."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x" * 512)
        time.sleep(0.05)


def round_and_round(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/again")
    handler.end_headers()


def to_a_file(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(302)
    handler.send_header("Location", "file:///etc/passwd")
    handler.end_headers()


@pytest.mark.parametrize(
    ("answer", "most"),
    [(always_busy, 3), (silent, 3), (dripping, 3), (round_and_round, 18), (to_a_file, 3)],
)
def test_curl_gives_up_in_time_and_names_the_upstream(
    answer: Answer, most: int, tmp_path: Path
) -> None:
    with server(answer) as (url, asked):
        code, said, seconds = run(hurried(PLAIN.fetch(f"{url}/a", None, "a")), tmp_path)
    assert code == 69
    assert f"localai-ci: could not fetch {url}/a" in said
    assert 1 <= len(asked) <= most
    assert seconds < 20
    assert not (tmp_path / "a").exists() or b"root:" not in (tmp_path / "a").read_bytes()


@pytest.mark.skipif(not shutil.which("apt-get"), reason="no apt-get here")
@pytest.mark.parametrize(("answer", "least"), [(always_busy, 1), (silent, 1)])
def test_apt_fails_in_time_where_its_archive_does(
    answer: Answer, least: int, tmp_path: Path
) -> None:
    (tmp_path / "lists/partial").mkdir(parents=True)
    (tmp_path / "archives/partial").mkdir(parents=True)
    with server(answer) as (url, asked):
        (tmp_path / "sources.list").write_text(f"deb [trusted=yes] {url} x main\n")
        options = (
            f"-o Dir::Etc::sourcelist={tmp_path}/sources.list -o Dir::Etc::sourceparts=-"
            f" -o Dir::State::lists={tmp_path}/lists -o Dir::Cache={tmp_path}"
            " -o Acquire::Retries::Delay=0 -o Debug::NoLocking=1"
        )
        (line,) = [line for line in PLAIN.apt("x").splitlines() if line.endswith(" update")]
        code, _, seconds = run(hurried(line.replace("apt-get ", f"apt-get {options} ")), tmp_path)
    assert code == 100
    assert len(asked) >= least
    assert seconds < 30
