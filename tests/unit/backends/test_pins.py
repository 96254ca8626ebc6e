"""What a tree may name as third-party sources, and what git then does with it."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from outcome import outcome

from localai_ci.backends.pins import (
    MODULES,
    Pin,
    Submodule,
    address,
    is_declared,
    read_pin,
    submodules,
)
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.step import SHELL
from localai_ci.config.compile import load_compile
from localai_ci.errors import InputError

REPO = Path(__file__).parents[3]
FILE = load_compile()
SOURCE = FILE.backends["llama-cpp"].source
COMMIT = "d59d455fd8ea09e5a2e87ce2a9d668267ffb5ccd"
PARENT = Pin("https://github.com/a/b", COMMIT)

FORBIDDEN = [
    "https://x;id>/tmp/p;#",
    "https://x.org/$(id)",
    "https://x.org/`id`",
    "https://x.org/a'b",
    'https://x.org/a"b',
    "https://x.org/a\\b",
    "https://x.org/a&b",
    "https://x.org/a|b",
    "https://x.org/a{b,c}",
    "https://x.org/a*",
    "https://x.org/a?b=c",
    "https://x.org/a#b",
    "https://x.org/%2e%2e/b",
    "ext::sh -c id",
    "ext::https://x.org/a",
    "--upload-pack=id",
    "-uid",
    "file:///etc",
    "/etc",
    "../other",
    "http://x.org/a",
    "ssh://git@x.org/a",
    "git@x.org:a",
    "git://x.org/a",
    "fd::7",
    "HTTPS://x.org/a",
    "https://user:secret@x.org/a",
    "https://x.org/../a",
    "https://x.org/a/../b",
    "https://x.org/./a",
    "https://x.org/-a",
    "https://x.org//a",
    "https://x.org",
    "https://x.org/",
    "https://localhost/a",
    "https://127.0.0.1/a",
    "https://2130706433/a",
    "https://0x7f.0.0.1/a",
    "https://[::1]/a",
    "https://x.org:99999999/a",
    "https://-x.org/a",
    "https://x..org/a",
    "https://x.org/a\u202eb",
    "https://x.org/\N{CYRILLIC SMALL LETTER A}",
    "https://x.org/" + "a" * 3000,
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_only_a_plain_https_address_is_taken_from_a_makefile(text: str) -> None:
    makefile = f"\nLLAMA_VERSION?={COMMIT}\nLLAMA_REPO?={text}\n"
    with pytest.raises(InputError, match="is not an address") as caught:
        read_pin(makefile, SOURCE)
    assert caught.value.where == f"{SOURCE.makefile}:3"
    assert "https://host.domain/path" in caught.value.remedy


@pytest.mark.parametrize("text", ["master", "-f", "--upload-pack=id", "d59d455", f"{COMMIT};id"])
def test_only_a_whole_commit_id_is_taken_from_a_makefile(text: str) -> None:
    with pytest.raises(InputError, match="not a full commit id") as caught:
        read_pin(f"LLAMA_VERSION?={text}\nLLAMA_REPO?=https://x.org/a\n", SOURCE)
    assert caught.value.where == f"{SOURCE.makefile}:1"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/ggml-org/llama.cpp",
        "https://github.com/ikawrakow/ik_llama.cpp.git",
        "https://gitlab.example.org:8443/group/sub/project/",
        "https://git.example.org/~user/c++",
    ],
)
def test_addresses_of_real_sources_are_taken(url: str) -> None:
    assert address(url, "") == url


@given(st.text(max_size=300))
@example("\n")
@example("https://x.org/a\n")
def test_whatever_a_makefile_says_is_a_pin_or_a_refusal_with_its_place(text: str) -> None:
    makefile = f"LLAMA_VERSION?={COMMIT}\nLLAMA_REPO?={text}"
    found = outcome(lambda: read_pin(makefile, SOURCE))
    if isinstance(found, Pin):
        assert re.fullmatch(r"https://[A-Za-z0-9._~:/+-]+", found.url)
    else:
        assert found.where.startswith(SOURCE.makefile)


def test_a_long_makefile_is_read_in_no_time_and_an_endless_one_is_refused() -> None:
    began = time.process_time()
    for text in ("LLAMA_VERSION" + " " * 1_000_000, "=" * 1_000_000, "\nLLAMA_VERSION" * 70_000):
        with pytest.raises(InputError, match="is not set"):
            read_pin(text, SOURCE)
    with pytest.raises(InputError, match="more than"):
        read_pin(" " * (17 << 20), SOURCE)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("url", "declared"),
    [
        ("https://github.com/a/b", True),
        ("https://github.com.evil.org/a/b", False),
        ("https://evil.org/github.com/b", False),
        ("https://github.com:444/a/b", False),
        ("https://gitlab.org/own/b/c", True),
        ("https://gitlab.org/own", True),
        ("https://gitlab.org/owner/b", False),
    ],
)
def test_credentials_go_to_declared_hosts_and_folders_alone(url: str, declared: bool) -> None:
    assert is_declared(url, ["github.com", "gitlab.org/own"]) is declared


def listing(settings: str, links: str) -> str:
    return f"localai-ci settings\n{settings}\nlocalai-ci links\n{links}\n"


def link(folder: str) -> str:
    return f"160000 {COMMIT} 0\t{folder}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.org/c", "https://x.org/c"),
        ("../c", "https://github.com/a/c"),
        ("../../c/d", "https://github.com/c/d"),
    ],
)
def test_a_submodule_is_fetched_from_where_it_says(url: str, expected: str) -> None:
    said = f"submodule.x.y.path=in/side\nsubmodule.x.y.url={url}"
    assert submodules(listing(said, link("in/side")), PARENT) == (
        Submodule("in/side", Pin(expected, COMMIT)),
    )


@pytest.mark.parametrize("url", [u for u in FORBIDDEN if not u.startswith("..") and u[:1] != "/"])
def test_a_submodule_is_no_way_around_the_pattern(url: str) -> None:
    said = f"submodule.x.path=a\nsubmodule.x.url={url}"
    with pytest.raises(InputError, match="is not an address"):
        submodules(listing(said, link("a")), PARENT)


@pytest.mark.parametrize("folder", ["../a", "a/../../b", "/etc", ".git", "a/.GIT/hooks", '"a\\n"'])
def test_a_submodule_stays_in_its_repository(folder: str) -> None:
    said = f"submodule.x.path={folder}\nsubmodule.x.url=https://x.org/a"
    with pytest.raises(InputError, match="not a plain path"):
        submodules(listing(said, link(folder)), PARENT)


def test_a_submodule_without_an_address_is_named_and_an_unused_one_left_out() -> None:
    with pytest.raises(InputError, match="has no address"):
        submodules(listing("", link("a")), PARENT)
    unused = "submodule.x.path=a\nsubmodule.x.update=none\nsubmodule.x.url=https://x.org/a"
    assert submodules(listing(unused, link("a")), PARENT) == ()
    assert submodules(listing("submodule.x.path=b\nsubmodule.x.url=file:///b", ""), PARENT) == ()


def test_a_repository_of_a_thousand_submodules_is_refused() -> None:
    said = "\n".join(f"submodule.{i}.path=d{i}\nsubmodule.{i}.url=../c" for i in range(1000))
    links = "\n".join(link(f"d{i}") for i in range(1000))
    with pytest.raises(InputError, match="more than 100 submodules"):
        submodules(listing(said, links), PARENT)


@given(st.text(max_size=400))
@example("localai-ci links\n160000\ta\n")
@example("localai-ci links\n160000 x 0\t\n")
def test_whatever_a_repository_lists_is_a_value_or_a_refusal(text: str) -> None:
    found = outcome(lambda: submodules(text, PARENT))
    if isinstance(found, tuple):
        assert all(one.pin.url.startswith("https://") for one in found)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A mirror that asks for a login, with one repository and one submodule in it."""
    www = tmp_path / "www"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (tmp_path / "log").touch()
    www.mkdir()
    server = subprocess.Popen(
        [
            sys.executable,
            REPO / "tests/fake_upstreams/server.py",
            www,
            "127.0.0.1",
            port,
            tmp_path / "log",
        ]
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def commit(folder: Path, files: dict[str, str], *links: tuple[str, str]) -> str:
    """A repository of these files and submodules; its commit."""
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    commands = [["init", "-q"], ["add", "."]]
    commands += [
        ["update-index", "--add", "--cacheinfo", f"160000,{commit},{path}"]
        for path, commit in links
    ]
    for command in (*commands, ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def bash(script: str, home: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    return subprocess.run(
        [*SHELL, script], env=environ, cwd=cwd, capture_output=True, text=True, check=False
    )


def test_a_commit_and_its_submodules_are_really_fetched_through_the_mirror(
    mirror: str, tmp_path: Path
) -> None:
    inner = commit(tmp_path / "www/github.com/example/ggml", {"x": "y"})
    modules = '[submodule "s"]\npath = sub\nurl = ../ggml\n'
    outer = commit(
        tmp_path / "www/github.com/example/llama", {".gitmodules": modules}, ("sub", inner)
    )
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login fake password canary-of-a-mirror")
    mirrors = Mirrors(f"{mirror}/~auth~example")
    pin = Pin("https://github.com/example/llama", outer)
    target = tmp_path / "target"
    done = bash(mirrors.checkout(pin.url, pin.commit, str(target)), tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    (found,) = submodules(bash(MODULES, tmp_path, target).stdout, pin)
    assert found == Submodule("sub", Pin("https://github.com/example/ggml", inner))
    refused = bash(mirrors.checkout(pin.url, pin.commit, str(tmp_path / "t2")), target, tmp_path)
    assert refused.returncode != 0
    assert "fatal: " in refused.stderr


def test_git_speaks_no_other_protocol_than_the_mirrors(tmp_path: Path) -> None:
    head = commit(tmp_path / "local", {"x": "y"})
    for url in (f"file://{tmp_path}/local", f"{tmp_path}/local", "ext::sh -c touch% ran"):
        done = bash(Mirrors().checkout(url, head, str(tmp_path / "t")), tmp_path, tmp_path)
        assert done.returncode != 0
        assert "not allowed" in done.stderr
        assert not (tmp_path / "ran").exists()
        subprocess.run(["rm", "-rf", tmp_path / "t"], check=True)


def test_a_repository_without_submodules_lists_none(tmp_path: Path) -> None:
    commit(tmp_path / "local", {"x": "y"})
    done = bash(MODULES, tmp_path, tmp_path / "local")
    assert done.returncode == 0, done.stderr
    assert submodules(done.stdout, PARENT) == ()
