"""Names to addresses, and which nets an address may lie in; loaded with the HTTP library.

What is checked is the address that is connected to, not a name's spelling: a name that an answer
gave may resolve to the machine itself or to a cloud's metadata service.
"""

import ipaddress
import socket
from collections.abc import Callable

from aiohttp import ThreadedResolver
from aiohttp.abc import ResolveResult

from localai_ci.oci import address


class InnerNetError(OSError):
    """A name that leads only where an answer may not send this client."""


class CheckedResolver(ThreadedResolver):
    """Resolves, and leaves out the addresses that a name may not lead to.

    Args:
        allows: Whether a host may be at an address of this kind (`address.net_kind`).
        saw: Told of each kind at which a host is.
    """

    def __init__(self, allows: Callable[[str, str], bool], saw: Callable[[str, str], None]) -> None:
        """Resolve in the running loop."""
        super().__init__()
        self._allows = allows
        self._saw = saw

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As the library asks for it.

        Raises:
            InnerNetError: the name leads only where it may not.
        """
        found = await super().resolve(host, port, family)
        good = []
        for one in found:
            kind = address.net_kind(ipaddress.ip_address(one["host"].partition("%")[0]))
            self._saw(host, kind)
            if self._allows(host, kind):
                good.append(one)
        if found and not good:
            raise InnerNetError(f"{host} is at {found[0]['host']}")
        return good
