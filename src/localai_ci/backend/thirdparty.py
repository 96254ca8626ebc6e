"""Third-party sources that LocalAI's Makefiles would clone while they build.

The engine fetches them instead, once a commit, through the mirror; the Makefiles find them in
place. So a build needs no network, and a second one fetches nothing.
"""

import re
import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from dagger import DaggerError, Directory, Secret, dag

from localai_ci.base.sources import Sources
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.matrix.compiling import Source


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
                remedy="compile.yaml names the Makefile's variables; mend the one or the other.",
            )
        return found[1]

    commit = value(source.commit)
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise InputError(
            f"{source.commit} is {commit!r}, no full commit id",
            where=source.makefile,
            remedy="Pin 40 hex digits: a branch is another source every day.",
        )
    return Pin(value(source.repository), commit)


async def fetch(pin: Pin, sources: Sources, credentials: Secret | None) -> Directory:
    """The files of a pinned commit, without git's own folder.

    Raises:
        LocalaiCiError: the repository or the commit cannot be had.
    """
    url = sources.url(pin.url)
    login = sign_in(await credentials.plaintext(), url) if credentials else None
    if login:
        name, password = login
        token = dag.set_secret(f"git-{urlsplit(url).hostname}", password)
        repository = dag.git(url, http_auth_username=name, http_auth_token=token)
    else:
        repository = dag.git(url)
    try:
        return await repository.commit(pin.commit).tree(discard_git_dir=True).sync()
    except DaggerError as e:
        raise LocalaiCiError(
            f"could not fetch commit {pin.commit}: {str(e).strip().splitlines()[-1]}",
            where=url,
            remedy="Try again, or name a mirror that has it with --mirror URL, or give the"
            " sources as a folder with --third-party.",
        ) from None


def sign_in(netrc: str, url: str) -> tuple[str, str] | None:
    """The login and password that a netrc file has for the host of a URL. Pure."""
    words = shlex.split(netrc, comments=True)
    host = urlsplit(url).hostname
    current: dict[str, str] = {}
    for key, value in zip(words, [*words[1:], ""], strict=True):
        if key == "machine":
            current = {"machine": value}
        elif key in {"login", "password"}:
            current[key] = value
        if current.get("machine") == host and {"login", "password"} <= current.keys():
            return current["login"], current["password"]
    return None
