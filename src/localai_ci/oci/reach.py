"""Which hosts an answer may send this client to: a registry's word does not open inner nets.

A registry that the user names may be anywhere. A host that only an answer names (a realm, a
redirect, an upload address) is public, or in a net of the kind that the registry itself is in.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache

from localai_ci.oci import address
from localai_ci.oci.address import Origin
from localai_ci.oci.reference import HUB_HOST, without_tls

_KNOWN = {HUB_HOST: "auth.docker.io"}  # checked without a list of suffixes: it is the usual case


class Reach:
    """What is known of hosts: whose word they are, and in what kind of net.

    Args:
        plain_http: Hosts that are declared to be reached without TLS.
        auth_hosts: By registry as users write it, hosts besides its own site that sign in there.
    """

    def __init__(
        self,
        plain_http: frozenset[str] = frozenset(),
        auth_hosts: Mapping[str, AbstractSet[str]] | None = None,
    ) -> None:
        """Nothing is known yet."""
        self._plain_http = plain_http
        self._auth_hosts = auth_hosts or {}
        self._own: set[str] = set()
        self._tellers: dict[str, set[str]] = {}
        self._nets: dict[str, set[str]] = {}

    def own(self, host: str) -> None:
        """Note a host (with its port, if any) that the user named."""
        self._own.add(address.origin(f"https://{host}").host)

    def refusal(self, url: str, by: str) -> str:
        """Why an address that ``by`` (host and port) named is not gone to, or nothing."""
        try:
            place = address.origin(url)
        except ValueError as e:
            return str(e)
        if place.scheme == "http" and not self.plain(url):
            return "it is plain HTTP"
        teller = address.origin(f"https://{by}").host
        if place.host in self._own or place.host == teller:
            return ""
        self._tellers.setdefault(place.host, set()).add(teller)
        kind = address.net_kind_of_name(place.host)
        if kind and not self.allows(place.host, kind):
            return f"it is in a net of the kind {kind!r}, the registry is not"
        return ""

    def plain(self, url: str) -> bool:
        """Whether an address may be reached without TLS."""
        return without_tls(address.netloc(url), self._plain_http)

    def allows(self, host: str, kind: str) -> bool:
        """Whether a host may be at an address of this kind."""
        if kind == "public" or host.lower() in self._own:
            return True
        tellers = self._tellers.get(host.lower(), set())
        return all(kind in self._nets_of(teller) for teller in tellers)

    def saw(self, host: str, kind: str) -> None:
        """Note where a host is."""
        self._nets.setdefault(host.lower(), set()).add(kind)

    def signs_in(self, registry: str, host: str, realm: Origin) -> bool:
        """Whether a token service is of the registry's own site, or declared to be its.

        Args:
            registry: As users write it.
            host: Its host and port.
            realm: Where the token service is.
        """
        own = address.origin(f"https://{host}").host
        declared = {*self._auth_hosts.get(registry, ()), *self._auth_hosts.get(host, ())}
        if realm.host == own or realm.host in declared or f"{realm.host}:{realm.port}" in declared:
            return True
        if _KNOWN.get(own) == realm.host:
            return True
        kinds = {address.net_kind_of_name(own), address.net_kind_of_name(realm.host)}
        return kinds == {"loopback"} or (kinds == {""} and _site(own) == _site(realm.host))

    def _nets_of(self, host: str) -> set[str]:
        kind = address.net_kind_of_name(host)
        return {kind} if kind else self._nets.get(host, set())


@cache
def _site(host: str) -> str:
    """The domain that somebody registered, by the public suffix list; a lone word is itself."""
    from publicsuffixlist import PublicSuffixList

    plain = host.rstrip(".")
    return str(PublicSuffixList(accept_unknown=True).privatesuffix(plain) or plain)
