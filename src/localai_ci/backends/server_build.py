"""The LocalAI server image on the engine: its context, its build, and whether it starts."""

import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread
from dagger import Container, Directory, ReturnType, dag

from localai_ci.backends import dockerfile_build, finished, minimal_git, server_call
from localai_ci.backends.dockerignore import NEVER
from localai_ci.backends.minimal_git import Head
from localai_ci.backends.smoke import Health
from localai_ci.backends.source_tree import open_tree
from localai_ci.bases.mirrors import Mirrors
from localai_ci.bases.publish import digest_of
from localai_ci.bases.recipe import recipe as base_recipe
from localai_ci.config.images import DOCKERFILE
from localai_ci.errors import InputError, LocalaiCiError
from localai_ci.matrix.server_image import ServerLeg, find
from localai_ci.names import receipt_file
from localai_ci.oci.login import ANONYMOUS, Login
from localai_ci.text import printable

PATIENCE = 180
"""Seconds from start to the first healthy answer; emulated, a start takes a minute."""


@dataclass(frozen=True)
class ServerRequest:
    """What a user asks of the server image.

    Attributes:
        source: A LocalAI tree with its ``.git``.
        entry: A leg's id.
        base_image: Start from this instead.
        mirrors: Of the distribution's packages.
        images: Repository of finished images: what is there already is not built.
        login: How registries are reached.
        revision: The commit that it must be; of the tree's own if empty.
    """

    source: Directory
    entry: str
    base_image: str = ""
    mirrors: Mirrors = field(default_factory=Mirrors)
    images: str = ""
    login: Login = ANONYMOUS
    revision: str = ""


@dataclass(frozen=True)
class BuiltServer:
    """A leg, built or found.

    Attributes:
        leg: Which.
        legs: All legs of the same image.
        container: The image.
        inputs: Hash of all that went into it.
        head: What the tree says it is.
        found: Where the finished image was; empty where it was built.
    """

    leg: ServerLeg
    legs: tuple[str, ...]
    container: Container
    inputs: str
    head: Head
    found: str = ""


async def build(request: ServerRequest) -> BuiltServer:
    """Build a leg from the tree's root Dockerfile.

    Raises:
        LocalaiCiError: there is no such leg, the tree has no commit, or a step failed.
    """
    tree = await open_tree(request.source)
    known = tree.tables.images[1]
    leg = find(known, request.entry)
    legs = tuple(one.id for one in known if one.suffix == leg.suffix)
    if not await request.source.exists(DOCKERFILE):
        raise InputError(
            f"the source tree has no {DOCKERFILE} at its top",
            where=leg.id,
            remedy="Give a checkout of LocalAI as --source.",
        )
    context, head = await _context(request.source, leg)
    server_call.agreed(leg.id, request.revision, head.revision)
    start = request.base_image or leg.base_image
    base = await digest_of(base_recipe(leg.arch, request.mirrors), start)
    inputs = server_call.ServerInputs(leg, await context.digest(), base).digest
    found = await finished.find(request.images, inputs, leg.suffix, leg.arch, request.login)
    if found:
        return BuiltServer(leg, legs, found[1], inputs, head, found[0])
    given = server_call.arguments(leg, request.mirrors, start)
    image = await dockerfile_build.build(leg.id, DOCKERFILE, f"linux/{leg.arch}", context, given)
    return BuiltServer(leg, legs, image, inputs, head)


async def smoke(built: BuiltServer) -> Health:
    """Start the image as its entrypoint says, and wait until its own health check is content.

    Raises:
        LocalaiCiError: it has no health check, ended, or was not healthy in time; with its log.
    """
    image, entry = built.container, built.leg.id
    check = image.docker_healthcheck()
    words = await check.args()
    if not words:
        raise LocalaiCiError(
            "the image has no HEALTHCHECK, so nothing says whether it started",
            where=entry,
            remedy=f"Give its last stage one in {DOCKERFILE}.",
        )
    command = words[0] if await check.shell() else shlex.join(words)
    start = [*(await image.entrypoint()), *(await image.default_args())]
    trying = image.with_env_variable("STARTED", str(time.time_ns())).with_exec(
        ["sh", "-c", _TRY, "smoke", command, str(PATIENCE), *start], expect=ReturnType.ANY
    )
    began = time.monotonic()
    code, said = await trying.exit_code(), await trying.stdout()
    if code:
        lines = (await trying.stderr()).strip().splitlines()[-_LAST_LINES:]
        tail = "".join(f"\n    {printable(line)[:_SHOWN]}" for line in lines)
        raise LocalaiCiError(
            f"the server image did not become healthy: {printable(said.strip())[:_SHOWN]}{tail}",
            where=entry,
            remedy="Its entrypoint and its health check are in the tree's root Dockerfile.",
        )
    return Health(printable(said.strip())[:_SHOWN], round(time.monotonic() - began, 2))


_LAST_LINES, _SHOWN = 12, 500
# The entrypoint runs beside the check, as they do in a container; its log is told if it fails.
_TRY = r"""
check=$1 patience=$2
shift 2
"$@" >/tmp/server.log 2>&1 </dev/null &
server=$!
ended() { echo "$1"; tail -n 40 /tmp/server.log >&2; kill "$server" 2>/dev/null; exit 1; }
for second in $(seq "$patience"); do
  if said=$(sh -c "$check" 2>&1); then echo "healthy"; kill "$server" 2>/dev/null; exit 0; fi
  kill -0 "$server" 2>/dev/null || { wait "$server"; ended "it ended with exit code $?"; }
  sleep 1
done
ended "after $patience s its health check says: $said"
"""


async def _context(source: Directory, leg: ServerLeg) -> tuple[Directory, Head]:
    """The tree as a build sees it, with the least of its repository; .dockerignore is Docker's."""
    if not await source.exists(".git/HEAD"):
        raise InputError(
            "the tree has no .git folder, which says the server image's version and commit",
            where=leg.id,
            remedy="Give a clone as --source (not a linked worktree, nor an archive), or a git"
            " address: https://github.com/mudler/LocalAI#REVISION",
        )
    # One folder a leg: several may be built at once.
    folder = f"git-{receipt_file(leg.id)}"
    whole, least = Path(folder, "whole"), Path(folder, "least")
    await source.directory(".git").export(str(whole), wipe=True)
    await dag.directory().export(str(least), wipe=True)
    head = await anyio.to_thread.run_sync(minimal_git.write, whole, least)
    part = dag.current_module().workdir(str(least))
    tree = dag.directory().with_directory("", source, exclude=list(NEVER))
    return tree.with_directory(".git", part), head
