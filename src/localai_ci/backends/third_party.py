"""Third-party sources that LocalAI's Makefiles would clone while they build.

A step of its own fetches them instead, once a commit and base, through the mirror; the Makefiles
find them in place. So the compile needs no network, and a second one fetches nothing.

Whose address stands in the tree or in a repository is nobody we know: the mirror's credentials
are mounted only where the module's own compile.yaml declares the host.
"""

from dataclasses import dataclass

from dagger import Container, Directory, ExecError, Secret, dag

from localai_ci.backends.pins import MODULES, Pin, is_declared, submodules
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.step import SHELL
from localai_ci.config import bounds
from localai_ci.config.compile import load_compile
from localai_ci.errors import LocalaiCiError
from localai_ci.text import printable, say

_FOLDER = "/third-party"
_NETRC = "/root/.netrc"

_SHOWN = 300


@dataclass(frozen=True)
class Way:
    """How sources are fetched.

    Attributes:
        tools: A container with git: the base that is compiled on.
        mirrors: The mirror.
        credentials: For the mirror, a netrc file.
    """

    tools: Container
    mirrors: Mirrors
    credentials: Secret | None = None

    def credentials_for(self, url: str) -> Secret | None:
        """The credentials, if the module's own data declares this address."""
        if self.credentials is None or is_declared(url, load_compile().credential_hosts):
            return self.credentials
        say(f"{url} is not under credential_hosts of compile.yaml: fetched without credentials")
        return None


def without_git(given: Directory) -> Directory:
    """A user's sources as they would be fetched: a `git fetch` in them changes no input."""
    return dag.directory().with_directory("", given, exclude=[".git", "**/.git"])


async def fetch(pin: Pin, way: Way, depth: int = 0) -> Directory:
    """The files of a pinned commit and of its submodules, without git's own folders.

    Args:
        pin: What to fetch; its address was checked when it was read.
        way: How.
        depth: How many repositories it is in.

    Raises:
        LocalaiCiError: the repository, a submodule or the commit was not found.
    """
    if depth > bounds.SUBMODULE_DEPTH:
        raise LocalaiCiError(
            f"submodules are nested deeper than {bounds.SUBMODULE_DEPTH}",
            where=pin.url,
            remedy="Give the sources as a folder: --third-party.",
        )
    tools = way.tools
    if credentials := way.credentials_for(pin.url):
        tools = tools.with_mounted_secret(_NETRC, credentials)
    script = way.mirrors.checkout(pin.url, pin.commit, _FOLDER)
    try:
        fetched = await tools.with_exec([*SHELL, script]).directory(_FOLDER).sync()
    except ExecError as e:
        raise _not_fetched(pin, way, e) from None
    # What the repository says of itself is read where no credential is.
    reading = way.tools.with_mounted_directory(_FOLDER, fetched).with_workdir(_FOLDER)
    listed = await reading.with_exec([*SHELL, MODULES]).stdout()
    files = without_git(fetched)
    for inner in submodules(listed, pin):
        files = files.with_directory(inner.folder, await fetch(inner.pin, way, depth + 1))
    return files


def _not_fetched(pin: Pin, way: Way, error: ExecError) -> LocalaiCiError:
    lines = [line for line in error.stderr.splitlines() if line.startswith("fatal: ")]
    declared = is_declared(pin.url, load_compile().credential_hosts)
    return LocalaiCiError(
        f"could not fetch commit {pin.commit}:"
        f" {printable(lines[-1] if lines else str(error))[:_SHOWN]}",
        where=way.mirrors.url(pin.url),
        remedy="Try again, or name a mirror that has it with --mirror URL, or give the"
        " sources as a folder with --third-party."
        + (
            ""
            if declared or way.credentials is None
            else " It was asked without credentials: declare its host under credential_hosts in"
            " the module's compile.yaml if it needs them."
        ),
    )
