"""The three registries of a test run, and fresh repositories in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from localai_ci.oci.credentials import Credential, Keyring, docker_config
from localai_ci.oci.reference import Repository
from localai_ci.oci.retry import Policy
from registries import debian, tokens
from registries.oci import Registry, oci_registry

USER = "pusher"
CANARY = "canary-7f3a-do-not-print-me"
"""The password everywhere: searched for in all that is printed and published."""

QUICK = Policy(base=0.01, cap=0.05, budget=10, longest_retry_after=5, timeout=10, settle=2)
_numbers = count(1)


@dataclass
class Servers:
    """A registry with basic authentication, one with tokens, one open with referrers."""

    basic: debian.Process
    token: debian.Process
    service: tokens.TokenService
    own: Registry

    def keyring(self, *more: str) -> Keyring:
        """A keyring for the first two, and for the proxies in front of them."""
        hosts = [self.basic.address, self.token.address, *more]
        return Keyring({host: Credential(USER, CANARY) for host in hosts})

    def authfile(self, folder: Path) -> Path:
        """Both passwords in a Docker ``config.json``: other people's clients read that."""
        hosts = (self.basic.address, self.token.address)
        path = folder / "config.json"
        path.write_text(docker_config({host: Credential(USER, CANARY) for host in hosts}))
        return path


@contextmanager
def started(folder: Path) -> Iterator[Servers]:
    """Start all three."""
    with (
        tokens.token_service(folder / "tokens", USER, CANARY) as service,
        debian.registry(folder / "basic", debian.htpasswd(folder / "users", USER, CANARY)) as basic,
        debian.registry(folder / "token", service.auth) as token,
        oci_registry() as own,
    ):
        yield Servers(basic, token, service, own)


def fresh(address: str, name: str = "test") -> Repository:
    """A repository that no other test has touched."""
    return Repository(address, f"{name}/r{next(_numbers)}")
