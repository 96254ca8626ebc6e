"""What went wrong while a base was built, said so that the reader can fix it."""

import re

from dagger import ExecError

from localai_ci.bases.step import Step
from localai_ci.config.variants import Variant
from localai_ci.errors import LocalaiCiError
from localai_ci.text import printable

_URL = re.compile(r"https?://[^\s'\"<>]+")
_OWN = "localai-ci: "  # marks what our own scripts say, see mirrors.py
_LAST_LINES = 12
_LINE = 500
"""Characters that are shown of a line: what a build prints is anybody's."""


def last_line(error: object) -> str:
    """What an error says last, printable and cut: mostly somebody else's words."""
    lines = str(error).strip().splitlines()
    return printable(lines[-1])[:_LINE] if lines else "no reason given"


def of_image(variant: Variant, image: str, here: str, reason: str) -> LocalaiCiError:
    """The base image cannot be pulled, or what is in it does not run on this engine."""
    where = f"variant {variant.name}"
    reason = printable(reason.strip().splitlines()[0] if reason.strip() else "no reason given")
    if variant.platform != here:
        return LocalaiCiError(
            f"{image} for {variant.platform} does not run on this engine, which is {here}"
            f" ({reason})",
            where=where,
            remedy=f"Run it on a native {variant.arch} runner ({variant.runner}), or let the"
            f" engine emulate: ./daggerw engine start --emulate {variant.arch}",
        )
    return LocalaiCiError(
        f"the base image {image} was not found ({reason})",
        where=where,
        remedy="Check the network and the name, or start from another one: --base-image REF",
    )


def of_step(variant: Variant, step: Step, error: ExecError) -> LocalaiCiError:
    """A step of a base failed."""
    return of_exec(f"variant {variant.name}", step.name, error)


def of_exec(where: str, step: str, error: ExecError) -> LocalaiCiError:
    """A step failed: its name, what it said last, and the URLs that it could not reach.

    Args:
        where: The variant or entry.
        step: The step's name.
        error: What the engine says.
    """
    # Compilers and apt explain themselves in either stream.
    said = [*error.stdout.strip().splitlines()[-_LAST_LINES:], *error.stderr.strip().splitlines()]
    own = [line.removeprefix(_OWN) for line in said if line.startswith(_OWN)]
    urls = list(dict.fromkeys(_failed_urls(said)))
    what = f"step {step} failed with exit code {error.exit_code}"
    if error.exit_code == 0:
        what = f"step {step} ended well, but the engine lost it: {_reason(error)}"
    elif own:
        what += f": {printable(own[-1])[:_LINE]}"
    elif urls:
        what += f": could not fetch {', '.join(printable(url)[:_LINE] for url in urls[:3])}"
    tail = "".join(f"\n    {printable(line)[:_LINE]}" for line in said[-_LAST_LINES:])
    remedy = "Look into it: ./daggerw --interactive call … opens a shell where it stopped."
    if urls:
        remedy = (
            "Try again, or name a mirror: --mirror URL for upstreams,"
            " --apt-mirror URL for the distribution's packages"
        )
    return LocalaiCiError(f"{what}{tail}", where=where, remedy=remedy)


def _reason(error: ExecError) -> str:
    """What the engine says after the command that it quotes."""
    reason = str(error).rpartition("did not complete successfully: ")[2]
    return reason.strip().partition("\n")[0]


def _failed_urls(lines: list[str]) -> list[str]:
    failed = (line for line in lines if re.match(rf"E:|W:|Err:|curl:|fatal:|{_OWN}", line))
    return [url.rstrip(".,:") for line in failed for url in _URL.findall(line)]
