"""What commands share: which registries.yaml, the way to registries, the event of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localai_ci.cli.output import Format

if TYPE_CHECKING:
    from localai_ci.config.registries import Registries
    from localai_ci.oci.retry import Policy
    from localai_ci.oci.transport import Transport
    from localai_ci.release.tags import GitEvent

FormatOption = Annotated[Format, typer.Option("--format", help="For people, or for programs.")]
RegistriesPath = Annotated[
    Path | None,
    typer.Option("--registries", help="Another registries.yaml; the installed one if absent."),
]

EventName = Annotated[
    str, typer.Option("--event", help="What happened, as GitHub calls it: push, …")
]
Ref = Annotated[str, typer.Option("--ref", help="refs/heads/master, refs/tags/v4.2.2")]
Sha = Annotated[str, typer.Option("--sha", help="The commit, 40 hex digits.")]
Epoch = Annotated[
    int | None,
    typer.Option("--epoch", help="Seconds since 1970 for branch-epoch-sha: one value a run."),
]


def load_registries(path: Path | None) -> "Registries":
    """The registries.yaml that was named, else the installed one.

    Raises:
        InputError: the file is at fault, with file and line.
    """
    from localai_ci.config.reader import load
    from localai_ci.config.registries import Registries, registries

    return load(path, Registries)[0] if path else registries()


def event_of(file: "Registries", event: str, ref: str, sha: str, epoch: int | None) -> "GitEvent":
    """The event of a run, checked.

    Raises:
        InputError: one of its parts is not of its form.
    """
    from localai_ci.release.tags import GitEvent

    return GitEvent(event, ref, sha, file.default_branch, epoch)


def transport_to(
    file: "Registries", *, dry_run: bool, policy: "Policy | None" = None
) -> "Transport":
    """The way out to the registries, signed in as `docker login` left it."""
    from localai_ci.oci.credentials import Keyring
    from localai_ci.oci.login import Login
    from localai_ci.release.targets import login

    way = login(file, Login(Keyring.default(), insecure=False))
    return way.transport((), policy, read_only=dry_run)
