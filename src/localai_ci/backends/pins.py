"""Third-party sources as a tree names them: addresses and commits, believed in no way. Pure.

A pull request may write anything into a Makefile or a .gitmodules. What is read here goes to git,
so only one form of an address is taken: ``https://host.domain/path``, spelled plainly.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

from localai_ci.config import bounds
from localai_ci.config.compile import Source
from localai_ci.errors import InputError
from localai_ci.text import quoted

# A host has a name whose last label is none of an address' numbers; no login, query or fragment.
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
_ADDRESS = re.compile(
    rf"https://{_HOST}(?::[1-9][0-9]{{0,4}})?(?:/[A-Za-z0-9_~][A-Za-z0-9_.~+-]*)+/?"
)
_COMMIT = re.compile("[0-9a-f]{40}")
_FOLDER = re.compile(r"[A-Za-z0-9_.+-]+(?:/[A-Za-z0-9_.+-]+)*")


@dataclass(frozen=True)
class Pin:
    """One repository at one commit."""

    url: str
    commit: str


@dataclass(frozen=True)
class Submodule:
    """A repository inside of another one: where its files belong, and what they are."""

    folder: str
    pin: Pin


def address(text: str, where: str) -> str:
    """An address as git may be given it.

    Raises:
        InputError: another protocol, an option, a way up, an address by number, odd characters.
    """
    if len(text) > bounds.ADDRESS_LENGTH or not _ADDRESS.fullmatch(text):
        raise InputError(
            f"{quoted(text)} is not an address that sources are fetched from",
            where=where,
            remedy="Write it as https://host.domain/path: the host in lower case, letters, digits,"
            " dots, dashes and underscores, no part that begins with a dot or dash.",
        )
    return text


def commit_id(text: str, name: str, where: str) -> str:
    """A whole commit id.

    Raises:
        InputError: it is a branch, a tag, an abbreviation, an option.
    """
    if not _COMMIT.fullmatch(text):
        raise InputError(
            f"{name} is {quoted(text)}, not a full commit id",
            where=where,
            remedy="Pin 40 hex digits: a branch is another source every day.",
        )
    return text


def read_pin(makefile: str, source: Source) -> Pin:
    """What a Makefile pins, by the names that the table gives.

    Raises:
        InputError: it does not say, or says what is neither an address nor a commit.
    """
    if len(makefile) > bounds.FILE_BYTES:
        raise InputError(
            f"it has more than {bounds.FILE_BYTES} bytes",
            where=source.makefile,
            remedy="A Makefile is far smaller; check what this one is.",
        )

    def value(name: str) -> tuple[str, str]:
        pattern = rf"^{re.escape(name)}[ \t]*[?:]?=[ \t]*(\S+)"
        found = re.search(pattern, makefile, re.MULTILINE)
        if not found:
            raise InputError(
                f"{name} is not set",
                where=source.makefile,
                remedy="compile.yaml names the Makefile's variables; correct the one or the other.",
            )
        line = makefile.count("\n", 0, found.start()) + 1
        return found[1], f"{source.makefile}:{line}"

    commit, at = value(source.commit)
    pinned = commit_id(commit, source.commit, at)
    return Pin(address(*value(source.repository)), pinned)


def is_declared(url: str, declared: Iterable[str]) -> bool:
    """Whether an address is one that a mirror's credentials may be shown to.

    Args:
        url: An address that was checked.
        declared: Hosts, or hosts with the beginning of a path: ``github.com/ggml-org``.
    """
    asked = url.removeprefix("https://").rstrip("/").split("/")
    return any(asked[: len(part)] == part for part in (one.split("/") for one in declared))


# In front of each half of what `MODULES` prints.
_SETTINGS, _LINKS = "localai-ci settings", "localai-ci links"

MODULES = f"""\
echo '{_SETTINGS}'
[ ! -f .gitmodules ] || {{ git config --file .gitmodules --no-includes --list || true
}} | head -c {bounds.LISTED_BYTES} || true
echo
echo '{_LINKS}'
{{ git -c core.quotePath=true ls-files --stage | grep '^160000 ' || true
}} | head -c {bounds.LISTED_BYTES} || true
"""
"""Bash that lists the submodules of the repository that it is run in."""


def submodules(printed: str, parent: Pin) -> tuple[Submodule, ...]:
    """What is inside of a repository, from what `MODULES` printed in it.

    Raises:
        InputError: not an address, not a folder, or a link without an address.
    """
    where = f"{parent.url} at {parent.commit}, .gitmodules"
    settings, _, links = printed.partition(f"{_LINKS}\n")
    said: dict[str, dict[str, str]] = {}
    for line in settings.splitlines():
        key, equals, value = line.partition("=")
        section, _, rest = key.partition(".")
        name, _, field = rest.rpartition(".")
        if section == "submodule" and equals:
            said.setdefault(name, {})[field] = value
    by_folder = {fields["path"]: fields for fields in said.values() if "path" in fields}
    found = []
    for line in filter(None, links.splitlines()):
        facts, _, folder = line.partition("\t")
        fields = by_folder.get(folder, {})
        if fields.get("update") == "none":
            continue
        found.append(_submodule(facts.split(), folder, fields, parent, where))
        if len(found) > bounds.SUBMODULES:
            raise InputError(
                f"more than {bounds.SUBMODULES} submodules",
                where=where,
                remedy="Give the sources as a folder: --third-party.",
            )
    return tuple(found)


def _submodule(
    facts: list[str], folder: str, fields: dict[str, str], parent: Pin, where: str
) -> Submodule:
    parts = folder.split("/")
    if not _FOLDER.fullmatch(folder) or {"..", ".", ".git"} & set(map(str.lower, parts)):
        raise InputError(
            f"the submodule's folder {quoted(folder)} is not a plain path",
            where=where,
            remedy="Give the sources as a folder: --third-party.",
        )
    if "url" not in fields:
        raise InputError(
            f"the submodule {quoted(folder)} has no address",
            where=where,
            remedy="Pin a commit whose .gitmodules names all submodules.",
        )
    url = fields["url"]
    if url.startswith(("./", "../")):
        url = urljoin(f"{parent.url.rstrip('/')}/", url)
    commit = facts[1] if len(facts) > 1 else ""
    named = quoted(folder)
    return Submodule(folder, Pin(address(url, where), commit_id(commit, named, where)))
