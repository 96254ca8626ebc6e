"""Whatever a value is, a shell hands it on as it stands: one argument, and no option."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.step import SHELL
from localai_ci.errors import InputError

ATTACKS = (
    *("'; touch ran; '", '"; touch ran; "', "$(touch ran)", "`touch ran`", "a\ntouch ran"),
    *("-x", "--upload-pack=touch ran", "\\", "!!", "* ?", "~"),
)
WORD = st.sampled_from(ATTACKS) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40
)

# A program that writes down its arguments, and answers as `git rev-parse` would.
_RECORDER = '#!/bin/sh\nprintf "%s\\0" "$@" "END" >>"$RECORD"\n'


def calls(script: str) -> list[list[str]]:
    """The arguments that git, curl and apt-get are given by a script; anything else is refused."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in ("git", "curl", "apt-get"):
            (folder / program).write_text(_RECORDER)
            (folder / program).chmod(0o755)
        environ = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "HOME": name,
            "RECORD": f"{folder}/record",
        }
        (folder / "work").mkdir()
        subprocess.run(
            [*SHELL, script], env=environ, cwd=folder / "work", capture_output=True, check=False
        )
        assert not list(folder.rglob("ran"))
        record = (folder / "record").read_bytes().decode("utf-8")
    words = record.split("\0")[:-1]
    found: list[list[str]] = [[]]
    for word in words:
        if word == "END":
            found.append([])
        else:
            found[-1].append(word)
    return found[:-1]


Render = Callable[[str, str, str], str]
PLAIN = Mirrors()
MIRRORED = Mirrors("http://mirror.example/a")


@pytest.mark.parametrize("mirrors", [PLAIN, MIRRORED], ids=["plain", "mirrored"])
@pytest.mark.parametrize(
    "render",
    [
        lambda m, a, b, c: m.clone(a, b, "0" * 40, c),
        lambda m, a, b, c: m.checkout(a, b, c),
        lambda m, a, b, c: m.resolve(a, b) + f" # {len(c)}",
    ],
    ids=["clone", "checkout", "resolve"],
)
@settings(max_examples=25, deadline=None)
@given(a=WORD, b=WORD, c=WORD)
def test_git_is_given_every_value_as_one_argument(
    render: Callable[[Mirrors, str, str, str], str], mirrors: Mirrors, a: str, b: str, c: str
) -> None:
    found = [word for call in calls(render(mirrors, a, b, c)) for word in call]
    assert a in found
    assert any(b in word for word in found)


@settings(max_examples=40, deadline=None)
@given(url=WORD, target=WORD)
def test_curl_is_given_address_and_file_as_one_argument_each(url: str, target: str) -> None:
    (call,) = calls(PLAIN.fetch(url, None, target))
    assert call[call.index("--url") + 1] == url
    assert call[call.index("--output") + 1] == target


@settings(max_examples=40, deadline=None)
@given(url=WORD, target=WORD)
def test_what_is_told_of_a_file_that_has_changed_is_never_run(url: str, target: str) -> None:
    """The file is not there and its checksum another: all that the message holds is evaluated."""
    assert calls(PLAIN.fetch(url, "0" * 64, target))


@pytest.mark.parametrize(
    "package",
    ["-o=Dpkg::Pre-Invoke::=id", "--reinstall", "./x.deb", "/x.deb", "a;id", "a b", "a=1", "a/sid",
     "A", "", "a\nb", "$(id)", "a*", "a+", "libfoo:amd64"],
)  # fmt: skip
def test_only_the_name_of_a_package_is_installed(package: str) -> None:
    if package == "a+":
        assert "install -y" in PLAIN.install((package,))
        return
    with pytest.raises(InputError, match="not the name of a Debian package"):
        PLAIN.install(("curl", package))


def test_a_value_that_looks_like_an_option_stands_behind_the_end_of_options() -> None:
    for script in (PLAIN.clone("-u", "v1", None, "--x"), PLAIN.resolve("-u", "v1")):
        (call,) = calls(script)
        assert call.index("-u") > call.index("--")
