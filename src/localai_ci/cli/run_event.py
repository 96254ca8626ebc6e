"""What commands about released images share: the event of a run, and the way to registries."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from localai_ci.config.registries import Registries
    from localai_ci.oci.transport import Transport
    from localai_ci.release.tags import GitEvent

EventName = Annotated[
    str, typer.Option("--event", help="What happened, as GitHub calls it: push, …")
]
Ref = Annotated[str, typer.Option("--ref", help="refs/heads/master, refs/tags/v4.2.2")]
Sha = Annotated[str, typer.Option("--sha", help="The commit, 40 hex digits.")]
Epoch = Annotated[
    int | None,
    typer.Option("--epoch", help="Seconds since 1970 for branch-epoch-sha: one value a run."),
]


def event_of(file: "Registries", event: str, ref: str, sha: str, epoch: int | None) -> "GitEvent":
    """The event of a run, checked.

    Raises:
        InputError: one of its parts is not of its form.
    """
    from localai_ci.release.tags import GitEvent

    return GitEvent(event, ref, sha, file.default_branch, epoch)


def transport_to(file: "Registries", *, dry_run: bool) -> "Transport":
    """The way out to the registries, signed in as `docker login` left it."""
    from localai_ci.oci.credentials import Keyring
    from localai_ci.oci.transport import Transport
    from localai_ci.release.targets import auth_hosts, plain_http

    return Transport(
        Keyring.default(),
        plain_http=plain_http(file),
        auth_hosts=auth_hosts(file),
        read_only=dry_run,
    )
