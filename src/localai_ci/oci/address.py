"""Addresses that registries name: where they lead, kept byte for byte, and where they must not.

A registry signs its upload addresses, so nothing of a query is decoded or written anew.
Source: RFC 3986, sections 3 and 5.
"""

import ipaddress
import re
import urllib.request
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_SEEN = re.compile(r"[\x21-\x7e]*")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?")
# What the C library takes for an address too: 2130706433, 127.1, 0177.0.0.1, 0x7f.1.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_WITH_IPV4 = tuple(
    ipaddress.ip_network(net)  # NAT64, SIIT, and the old form of an IPv4 address
    for net in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")
)
IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class Origin(NamedTuple):
    """Who answers at an address: what a password is bound to."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin:
    """The origin of an absolute address.

    Raises:
        ValueError: it is not an address of HTTP with a host, or it carries a user name.
    """
    if not _SEEN.fullmatch(url):  # Python's own reader would drop some of it
        raise ValueError("an address has no blanks, no control and no foreign characters")
    return _origin(_beginning(url))


@lru_cache(1024)  # asked several times for every request, of few hosts
def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in _PORTS or not host or "@" in parts.netloc or "\\" in parts.netloc:
        raise ValueError("not an address of the form https://host/path")
    if literal(host) is None and (not _NAME.fullmatch(host) or _NUMBER.fullmatch(host)):
        raise ValueError("its host is neither a name nor an IP address in its usual form")
    port = parts.port
    if port == 0:
        raise ValueError("there is no port 0")
    return Origin(scheme, host, port or _PORTS[scheme])


def netloc(url: str) -> str:
    """Host and port as the address spells them, in lower case."""
    return _netloc(_beginning(url))


@lru_cache(1024)
def _netloc(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _beginning(url: str) -> str:
    """An address up to its path or query: all that says whose it is."""
    found = _HOST.match(url)
    return found[0] if found else url


def follow(url: str, location: str) -> str:
    """The address that ``location`` means in an answer from ``url``; its bytes stay as they are.

    A registry behind a TLS proxy may not know its own scheme: an address of the same host and
    port keeps the scheme of ``url``.

    Raises:
        ValueError: not an address that can be followed.
    """
    place = quote(location.strip(), safe=_VISIBLE).partition("#")[0]
    whole, base = urlsplit(url), f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    if _ABSOLUTE.match(place):
        found = place
    elif place.startswith("//"):
        found = f"{whole.scheme}:{place}"
    elif place.startswith("/"):
        found = base + place
    elif place.startswith("?") or not place:
        found = f"{base}{whole.path}{place or (f'?{whole.query}' if whole.query else '')}"
    else:
        path, mark, query = place.partition("?")
        found = urljoin(f"{base}{whole.path}", path) + mark + query
    scheme, _, rest = found.partition("://")
    origin(found)
    return f"{whole.scheme if netloc(found) == netloc(url) else scheme.lower()}://{rest}"


def with_query(url: str, more: str) -> str:
    """The address with one parameter more, which is given in its encoded form."""
    if "?" not in url:
        return f"{url}?{more}"
    return url + (more if url.endswith(("?", "&")) else f"&{more}")


def shown(url: str) -> str:
    """An address for an error: without query, where signatures and tokens stand."""
    return url.partition("?")[0]


def literal(host: str) -> IP | None:
    """The IP address that a host's name spells; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def net_kind(address: IP) -> str:
    """``public``, or the kind of net behind which an address hides."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and int(address) > 1 and any(address in net for net in _WITH_IPV4):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return net_kind(inner)
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    return "public" if address.is_global and not address.is_multicast else "private"


def net_kind_of_name(host: str) -> str:
    """What a host's name says by itself: the kind of net of a literal, ``loopback``, or nothing."""
    address = literal(host)
    if address is not None:
        return net_kind(address)
    plain = host.rstrip(".").lower()
    return "loopback" if plain == "localhost" or plain.endswith(".localhost") else ""


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address; never for this machine."""
    scheme, host, port = origin(url)
    if net_kind_of_name(host) == "loopback":
        return None
    known = urllib.request.getproxies_environment()
    found = known.get(scheme) or known.get("all")
    if not found or passes(host, port, known.get("no", "")):
        return None
    return found if "://" in found else f"http://{found}"


def passes(host: str, port: int, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` exempts a host: by name, domain, address or net, or by ``*``."""
    ip = literal(host)
    for entry in (part.strip().lower() for part in no_proxy.split(",")):
        name = entry.removesuffix(f":{port}").removeprefix("*").lstrip(".")
        if entry == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
        if ip is not None and "/" in entry:
            try:
                if ip in ipaddress.ip_network(entry, strict=False):
                    return True
            except ValueError:
                continue
    return False
