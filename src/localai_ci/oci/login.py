"""How the registries of one call are reached."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from localai_ci.oci.credentials import Keyring
from localai_ci.oci.reference import Repository
from localai_ci.oci.retry import Policy
from localai_ci.oci.transport import Transport


@dataclass(frozen=True)
class Login:
    """How the registries of one call are reached, by this client and by others.

    Attributes:
        keyring: Credentials.
        insecure: Without TLS: test registries.
        plain_http: Hosts that are reached without TLS in any case.
        auth_hosts: By registry, hosts outside its site that may sign in for it.
    """

    keyring: Keyring
    insecure: bool
    plain_http: frozenset[str] = frozenset()
    auth_hosts: Mapping[str, AbstractSet[str]] = field(default_factory=dict)

    def transport(
        self,
        targets: Sequence[Repository],
        policy: Policy | None = None,
        *,
        read_only: bool = False,
    ) -> Transport:
        """This client, for these repositories; it refuses to write where it is ``read_only``."""
        plain = frozenset(target.host for target in targets) if self.insecure else frozenset()
        return Transport(
            self.keyring,
            policy=policy,
            plain_http=plain | self.plain_http,
            auth_hosts=self.auth_hosts,
            read_only=read_only,
        )


ANONYMOUS = Login(Keyring({}), insecure=False)
"""Nobody, over TLS."""
