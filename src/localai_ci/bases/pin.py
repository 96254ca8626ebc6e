"""Fill in the checksums that nobody has read yet, from the upstreams themselves."""

import logging
import re
import time

import anyio
from dagger import Container, DaggerError, ExecError, Secret, dag

from localai_ci.bases import failure
from localai_ci.bases.build import run
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.step import SHELL, Step, in_scratch_folder
from localai_ci.config.data import data_dir
from localai_ci.config.upstreams import Download, GitRepository, load_upstreams, pinned
from localai_ci.errors import LocalaiCiError

_LOG = logging.getLogger(__name__)
_IMAGE = "debian:bookworm"
_AT_ONCE = 4


async def pin(mirrors: Mirrors, image: str | None, credentials: Secret | None) -> str:
    """``upstreams.yaml`` with every checksum and commit that could be read.

    What cannot be read is told in the log and stays null; `localai-ci variants --unverified`
    goes on listing it.

    Raises:
        LocalaiCiError: nothing could be read, or what reads it cannot be installed.
    """
    upstreams, document = load_upstreams()
    container = await _tools(mirrors, image or _IMAGE, credentials)
    if credentials:
        container = container.with_mounted_secret("/root/.netrc", credentials)
    container = container.with_env_variable("NOW", str(time.time_ns()))  # the bytes of today
    found: dict[tuple[str, int], str] = {}
    limit = anyio.CapacityLimiter(_AT_ONCE)

    async def one(at: tuple[str, int], entry: Download | GitRepository) -> None:
        async with limit:
            try:
                found[at] = await _read(container, mirrors, entry)
            except (DaggerError, LocalaiCiError) as e:
                text = e.stderr if isinstance(e, ExecError) else str(e)
                said = text.strip().splitlines()
                _LOG.warning("%s: %s", entry.label, said[-1] if said else e)
            else:
                _LOG.warning("%s: %s", entry.label, found[at])

    async with anyio.create_task_group() as group:
        for index, download in enumerate(upstreams.downloads):
            if download.sha256 is None:
                group.start_soon(one, ("downloads", index), download)
        for index, repository in enumerate(upstreams.repositories):
            if repository.commit is None:
                group.start_soon(one, ("repositories", index), repository)
    if not found:
        raise LocalaiCiError(
            "none of the unverified upstreams could be read, or there is none",
            where="matrix/upstreams.yaml",
            remedy="See the lines above; `localai-ci variants --unverified` lists them.",
        )
    return pinned((data_dir() / "upstreams.yaml").read_text(), document, found)


async def _tools(mirrors: Mirrors, image: str, credentials: Secret | None) -> Container:
    install = Step("apt", mirrors.install(("curl", "git", "ca-certificates")))
    try:
        return await run(dag.container().from_(image), install, credentials)
    except ExecError as e:
        raise failure.of_exec(image, install.name, e) from None


async def _read(container: Container, mirrors: Mirrors, entry: Download | GitRepository) -> str:
    """The sha256 of an upstream's bytes, or the commit that its tag points to."""
    if isinstance(entry, Download):
        script = mirrors.fetch(entry.address, None, "file") + "sha256sum file"
        pattern = r"[0-9a-f]{64}"
    else:
        script = mirrors.resolve(entry.url, entry.version)
        pattern = r"[0-9a-f]{40}"
    out = await container.with_exec([*SHELL, in_scratch_folder(script)]).stdout()
    # An annotated tag comes with a second line, for the commit it points to.
    found = re.findall(pattern, out)
    if not found:
        raise LocalaiCiError(f"{entry.label} has no such tag", where=mirrors.url(entry.url))
    return str(found[-1])
