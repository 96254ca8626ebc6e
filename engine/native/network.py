"""The engine's way out of its own network namespace: one link, one table, one sysctl.

Everything else that Dagger sets up (bridge, DNS, NAT for 10.87.0.0/16) stays inside.
The host's side is run with the programs of the engine's root, so the host needs none of them.
"""

import os
import re
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from native.errors import EngineError
from native.home import Home

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
PREFIX = "10.86.255."
TABLES = "localai_ci_"
LINKS = "lci-"
LINK_SECONDS = 10


class Net(NamedTuple):
    """The link between the host and one engine."""

    link: str
    table: str
    gateway: str
    address: str
    cidr: str
    mtu: int


class Route(NamedTuple):
    """One IPv4 route of the host, addresses as numbers."""

    link: str
    to: int
    mask: int


def names(where: Home) -> tuple[str, str]:
    """The link and the table of this cache folder's engine."""
    return f"{LINKS}{where.key}", f"{TABLES}{where.key}"


def routes() -> list[Route]:
    """The host's IPv4 routes; the kernel prints the addresses in its own byte order."""
    lines = Path("/proc/net/route").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return [
        Route(row[0], socket.ntohl(int(row[1], 16)), socket.ntohl(int(row[7], 16))) for row in rows
    ]


def plan(where: Home, known: list[Route]) -> Net:
    """Pick the first /30 of 10.86.255.0/24 that no route of the host leads to."""
    link, table = names(where)
    first = next((number for number in range(0, 256, 4) if not _taken(number, known)), None)
    if first is None:
        raise EngineError(
            f"the host already routes all of {PREFIX}0/24, which the engine's network needs",
            "`ip route` shows by which link: remove it or use a container runtime",
        )
    default = next((route.link for route in known if not route.mask), "")
    # Both ends need the way out's MTU: with a larger one TLS and apt hang.
    mtu = int(Path(f"/sys/class/net/{default}/mtu").read_text()) if default else 1500
    ends = f"{PREFIX}{first + 1}", f"{PREFIX}{first + 2}"
    return Net(link, table, *ends, f"{PREFIX}{first}/30", mtu)


def _taken(number: int, known: list[Route]) -> bool:
    base = struct.unpack("!I", socket.inet_aton(f"{PREFIX}{number}"))[0]
    # A wide private route (a VPN's 10.0.0.0/8) may keep all but these four addresses.
    wide = 0xFFFF0000
    return any(
        route.mask >= wide and (route.to & route.mask & ~3) == (base & route.mask & ~3)
        for route in known
    )


def resolver() -> str:
    """The engine's /etc/resolv.conf: the host's name servers that can be reached from inside."""
    if own := os.environ.get("LOCALAI_CI_DNS"):
        return "".join(f"nameserver {server}\n" for server in own.replace(",", " ").split())
    for file in map(Path, ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")):
        lines = file.read_text().splitlines() if file.exists() else []
        usable = [line for line in lines if not re.match(r"nameserver\s+(127\.|::1)", line)]
        if any(line.startswith("nameserver") for line in usable):
            return "\n".join(usable) + "\n"
    raise EngineError(
        "/etc/resolv.conf names no name server but this machine's own, which containers cannot ask",
        "set LOCALAI_CI_DNS=<address> to one on the network",
    )


def connect(net: Net, pid: int, root: Path) -> None:
    """Put the inner end into the namespace of ``pid`` and let it out through the host.

    A link that is there already is of an engine that ended: a command that somebody runs in its
    network keeps both alive.
    """
    if Path(f"/sys/class/net/{net.link}").exists():
        _run(root, "ip", "link", "delete", net.link)
    _run(root, "ip", "link", "add", net.link, "mtu", str(net.mtu), "type", "veth",
         "peer", "name", "eth0", "mtu", str(net.mtu), "netns", str(pid))  # fmt: skip
    _run(root, "ip", "address", "add", f"{net.gateway}/30", "dev", net.link)
    _run(root, "ip", "link", "set", net.link, "up")
    _run(root, "nft", "-f", "-", given=ruleset(net, _forward_before(root)))
    FORWARD.write_text("1")


def ruleset(net: Net, was: str) -> str:
    """The host's rules for one engine; in place before anything is forwarded.

    Engines get out, and what answers them gets in. A host that forwarded nothing before forwards
    nothing else: it is not a router for its neighbours because an engine runs. On one that did, all
    else goes on as it was.

    Args:
        net: The engine's link.
        was: What ip_forward was before the first engine.
    """
    others = "accept" if was == "1" else "drop"
    # Declaring and deleting first makes it the same whether the table is there or not.
    return f"""
        table ip {net.table}
        delete table ip {net.table}
        table ip {net.table} {{
            comment "ip_forward was {was}"
            chain leave {{
                type nat hook postrouting priority srcnat
                ip saddr {net.cidr} oifname != "{net.link}" masquerade
            }}
            chain pass {{
                type filter hook forward priority filter; policy {others};
                oifname "{LINKS}*" ct state established,related accept
                oifname "{LINKS}*" drop
                iifname "{net.link}" ip saddr != {net.cidr} drop
                iifname "{LINKS}*" accept
            }}
        }}"""


def disconnect(where: Home, root: Path) -> None:
    """Take back what connect did; nothing to do is fine."""
    link, table = names(where)
    # The link goes with the engine's namespace, which the kernel takes down a moment later.
    end = time.monotonic() + LINK_SECONDS
    while Path(f"/sys/class/net/{link}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    tables = _tables(root)
    if table in tables:
        # The last engine on this host switches forwarding back, and only then is nothing filtered.
        if len(tables) == 1 and tables[table] in ("0", "1"):
            FORWARD.write_text(tables[table])
        _run(root, "nft", "delete", "table", "ip", table)


def _forward_before(root: Path) -> str:
    """What ip_forward was before the first of our engines; its table remembers."""
    return next(iter(_tables(root).values()), FORWARD.read_text().strip())


def _tables(root: Path) -> dict[str, str]:
    listing = _run(root, "nft", "list", "tables", "ip")
    ours = re.findall(rf"table ip ({TABLES}\w+)", listing)
    return {
        name: "".join(
            re.findall(r"ip_forward was (\d)", _run(root, "nft", "list", "table", "ip", name))
        )
        for name in ours
    }


def _run(root: Path, *command: str, given: str = "") -> str:
    """Run a program of the engine's root on the host's network."""
    done = subprocess.run(
        ["chroot", root, *command], input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineError(
            f"could not set up the host's side of the engine's network: {' '.join(command)}: "
            f"{done.stderr.strip()}",
            "the kernel may lack veth or nf_tables with NAT",
        )
    return done.stdout
