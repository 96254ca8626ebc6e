"""Third-party sources that LocalAI's Makefiles would clone while they build.

A step of its own fetches them instead, once a commit and base, through the mirror; the Makefiles
find them in place. So the compile needs no network, and a second one fetches nothing.
"""

import re
from dataclasses import dataclass

from dagger import Container, Directory, ExecError, Secret, dag

from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.step import SHELL
from localai_ci.config.compile import Source
from localai_ci.errors import InputError, LocalaiCiError

_FOLDER = "/third-party"
_NETRC = "/root/.netrc"
_ADDRESS = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9_~.-]+)+/?")
_SHOWN = 80  # characters of a value that a tree chose


@dataclass(frozen=True)
class Pin:
    """One repository at one commit."""

    url: str
    commit: str


def read_pin(makefile: str, source: Source) -> Pin:
    """What a Makefile pins, by the names that the table gives. Pure.

    Raises:
        InputError: it does not say.
    """

    def value(name: str) -> str:
        found = re.search(rf"^{name}[ \t]*[?:]?=[ \t]*(\S+)", makefile, re.MULTILINE)
        if not found:
            raise InputError(
                f"{name} is not set",
                where=source.makefile,
                remedy="compile.yaml names the Makefile's variables; correct the one or the other.",
            )
        return found[1]

    commit = value(source.commit)
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise InputError(
            f"{source.commit} is {commit!r}, no full commit id",
            where=source.makefile,
            remedy="Pin 40 hex digits: a branch is another source every day.",
        )
    url = value(source.repository)
    # A pull request may write here what it likes: only an address gets as far as git and a shell.
    if not _ADDRESS.fullmatch(url) or ".." in url:
        raise InputError(
            f"{source.repository} is {url[:_SHOWN]!r}, expected https://HOST/PATH",
            where=source.makefile,
            remedy="Name the repository by its plain https address.",
        )
    return Pin(url, commit)


def without_git(given: Directory) -> Directory:
    """A user's sources as they would be fetched: a `git fetch` in them changes no input."""
    return dag.directory().with_directory("", given, exclude=[".git", "**/.git"])


async def fetch(
    pin: Pin, tools: Container, mirrors: Mirrors, credentials: Secret | None
) -> Directory:
    """The files of a pinned commit and of its submodules, without git's own folders.

    Args:
        pin: What to fetch.
        tools: A container with git: the base that is compiled on.
        mirrors: The mirror, submodules and all.
        credentials: For the mirror, a netrc file.

    Raises:
        LocalaiCiError: the repository, a submodule or the commit was not found.
    """
    # Without a mirror the tree chooses the host: it is given no credentials.
    if credentials and mirrors.mirror:
        tools = tools.with_mounted_secret(_NETRC, credentials)
    script = mirrors.checkout(pin.url, pin.commit, _FOLDER)
    try:
        return await tools.with_exec([*SHELL, script]).directory(_FOLDER).sync()
    except ExecError as e:
        lines = [line for line in e.stderr.splitlines() if line.startswith("fatal: ")]
        raise LocalaiCiError(
            f"could not fetch commit {pin.commit}: {lines[-1] if lines else e}",
            where=mirrors.url(pin.url),
            remedy="Try again, or name a mirror that has it with --mirror URL, or give the"
            " sources as a folder with --third-party.",
        ) from None
