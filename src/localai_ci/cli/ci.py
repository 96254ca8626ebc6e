"""`localai-ci login`, `summary`, `registries`: what a CI's jobs need besides building."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localai_ci import json_text
from localai_ci.cli import output
from localai_ci.cli.options import RegistriesPath, load_registries
from localai_ci.errors import InputError

if TYPE_CHECKING:
    from localai_ci.config.registries import Registries
    from localai_ci.oci.credentials import Credential

registries_app = typer.Typer(help="registries.yaml: where images go.", no_args_is_help=True)


@registries_app.callback()
def _group() -> None:
    """One command is a group too: more will come."""


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    for command in (login, summary):
        app.command()(command)
    app.add_typer(registries_app, name="registries")


def login(
    registries_file: RegistriesPath = None,
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A Docker config.json; absent: of DOCKER_CONFIG."),
    ] = None,
) -> None:
    """Write a Docker config.json from LOCALAI_CI_<REGISTRY>_USERNAME and …_PASSWORD.

    A registry of registries.yaml without both is reached anonymously. The file is this user's.
    """
    from localai_ci.oci.credentials import docker_config
    from localai_ci.release.result import write_durably

    path = out or Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    file = load_registries(registries_file)
    found = credentials(file, os.environ)
    before = os.umask(0o077)
    try:
        write_durably(path, docker_config({host: one for host, (_, one) in found.items()}))
    except OSError as e:
        raise InputError(
            f"this cannot be written: {e.strerror}", where=str(path), remedy="Give --output."
        ) from None
    finally:
        os.umask(before)
    named = {name for name, _ in found.values()}
    for name in file.registries:
        how = "with a password" if name in named else "anonymously"
        output.note(f"{name}: {how}")


def credentials(
    file: "Registries", environ: Mapping[str, str]
) -> "dict[str, tuple[str, Credential]]":
    """By host, the registry's name and its credential, where the environment has one.

    Raises:
        InputError: a user name without a password, the other way round, or two for one host.
    """
    from localai_ci.oci.credentials import Credential
    from localai_ci.oci.reference import Repository

    found: dict[str, tuple[str, Credential]] = {}
    for name, registry in file.registries.items():
        prefix = "LOCALAI_CI_" + "".join(c if c.isalnum() else "_" for c in name.upper())
        user, password = (environ.get(f"{prefix}_{part}", "") for part in ("USERNAME", "PASSWORD"))
        if bool(user) != bool(password):
            given, missing = ("USERNAME", "PASSWORD") if user else ("PASSWORD", "USERNAME")
            raise InputError(
                f"{prefix}_{given} is set, and {prefix}_{missing} is not",
                where=name,
                remedy="Set both, or neither to reach it anonymously.",
            )
        if not user:
            continue
        host = Repository.parse(registry.backends).registry
        if host in found and found[host][1] != Credential(user, password):
            raise InputError(
                f"{name} and {found[host][0]} are both {host}, with different credentials",
                where="registries.yaml",
                remedy="A Docker config.json has one for a host: give both the same.",
            )
        found[host] = (name, Credential(user, password))
    return found


def summary(
    result: Annotated[Path, typer.Option("--result", help="The --result file of a merge.")],
    identity: Annotated[
        str,
        typer.Option("--identity", help="Show how to verify keyless signatures of it (regexp)."),
    ] = "",
    issuer: Annotated[
        str, typer.Option("--issuer", help="Who vouches for the identity; absent: GitHub.")
    ] = "",
) -> None:
    """Print a merge's result as Markdown: tables, and the commands that verify the images."""
    from localai_ci.release.result import MergeResult
    from localai_ci.release.sign import GITHUB
    from localai_ci.release.summary import summary as told

    text = told(MergeResult.read(result), identity, issuer or GITHUB)
    output.line(text.removesuffix("\n"))


@registries_app.command("pull-requests")
def pull_requests(registries_file: RegistriesPath = None) -> None:
    """Print a registries.yaml that sends everything to the repositories for pull requests."""
    from localai_ci.config.throw_away import throw_away

    made = throw_away(load_registries(registries_file))
    output.line(json_text.write(made.model_dump(exclude_defaults=True), indent=1))
