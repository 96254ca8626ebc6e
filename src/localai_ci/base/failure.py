"""What went wrong while a base was built, said so that the reader can mend it."""

import re

from dagger import DaggerError, ExecError

from localai_ci.base.step import Step
from localai_ci.errors import LocalaiCiError
from localai_ci.matrix.variants import Variant

_URL = re.compile(r"https?://[^\s'\"<>]+")
_LAST_LINES = 15


def of_image(variant: Variant, image: str, here: str, error: DaggerError) -> LocalaiCiError:
    """The base image cannot be pulled, or what is in it does not run on this engine."""
    where = f"variant {variant.name}"
    if variant.platform != here:
        return LocalaiCiError(
            f"{image} for {variant.platform} does not run on this engine, which is {here}"
            f" ({_first_line(error)})",
            where=where,
            remedy=f"Run it on a native {variant.arch} runner ({variant.runner}),"
            f" or let the engine emulate: ./daggerw engine start --emulate {variant.arch}",
        )
    return LocalaiCiError(
        f"the base image {image} cannot be pulled ({_first_line(error)})",
        where=where,
        remedy="Check the network and the name, or start from another one: --base-image REF",
    )


def of_step(variant: Variant, step: Step, error: ExecError) -> LocalaiCiError:
    """A step of a base failed: its name, the end of its output, the URLs it could not reach."""
    said = (error.stderr.strip() or error.stdout.strip()).splitlines()
    tail = "\n".join(f"    {line}" for line in said[-_LAST_LINES:])
    urls = step.urls or tuple(dict.fromkeys(_failed_urls(said)))
    what = f"step {step.name} failed with exit code {error.exit_code}"
    if urls:
        what += f"; could not fetch {', '.join(urls)}"
        remedy = "Try again, or name a mirror of it: --mirror URL"
    else:
        remedy = f"Look into it: dagger call build-base --variant {variant.name} terminal"
    return LocalaiCiError(f"{what}\n{tail}", where=f"variant {variant.name}", remedy=remedy)


def _failed_urls(lines: list[str]) -> list[str]:
    failed = [line for line in lines if re.match(r"(E|W|Err):?", line) or "curl:" in line]
    return [url.rstrip(".,") for line in failed for url in _URL.findall(line)]


def _first_line(error: DaggerError) -> str:
    return str(error).strip().splitlines()[0]
