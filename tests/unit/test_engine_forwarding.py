"""What the host forwards while an engine runs: really, between four network namespaces."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parents[2]
NEEDED = ("ip", "nft", "unshare")

# Runs in namespaces of its own, as the host of two engines: `out` is the way to the world, `lan` a
# neighbour. Each end answers on port 80; what can be reached is printed as JSON.
SCRIPT = """
import json, subprocess, sys, time
from pathlib import Path

sys.path[:0] = [sys.argv[1]]
from native import network
from native.network import Net

WAS = sys.argv[2]
def run(*command):
    subprocess.run(command, check=True)

run("mount", "-t", "tmpfs", "tmpfs", "/run")
run("mount", "-t", "proc", "proc", "/proc")
run("ip", "link", "set", "lo", "up")
network.FORWARD.write_text(WAS)
for number, name in ((1, "out"), (2, "lan")):
    run("ip", "netns", "add", name)
    run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "address", "add", f"198.51.{number}.1/24", "dev", name)
    run("ip", "link", "set", name, "up")
    inside = ("ip", "netns", "exec", name)
    run(*inside, "ip", "link", "set", "lo", "up")
    run(*inside, "ip", "address", "add", f"198.51.{number}.2/24", "dev", "eth0")
    run(*inside, "ip", "link", "set", "eth0", "up")
    run(*inside, "ip", "route", "add", "default", "via", f"198.51.{number}.1")

SERVER = '''
import socket
s = socket.create_server(("0.0.0.0", 80))
while True:
    c, who = s.accept(); c.sendall(who[0].encode()); c.close()
'''
def reach(name, address):
    code = (
        "import socket\\n"
        "try:\\n    print(socket.create_connection((%r, 80), 0.7).recv(99).decode())\\n"
        "except OSError: print('-')" % address
    )
    done = subprocess.run(["ip", "netns", "exec", name, sys.executable, "-c", code],
                          capture_output=True, text=True, check=True)
    return done.stdout.strip()

def ruleset():
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True,
                          check=True).stdout

class Where:
    def __init__(self, key): self.key = key

started = [subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-c", SERVER])
           for name in ("out", "lan")]
before = ruleset(), network.FORWARD.read_text()
nets = {}
for number, key in ((1, "aaaaaaaa"), (5, "bbbbbbbb")):
    run("ip", "netns", "add", key)
    server = subprocess.Popen(["ip", "netns", "exec", key, sys.executable, "-c", SERVER])
    while Path(f"/proc/{server.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
        time.sleep(0.01)
    started.append(server)
    link, table = network.names(Where(key))
    net = Net(link, table, f"10.86.255.{number}", f"10.86.255.{number + 1}",
              f"10.86.255.{number - 1}/30", 1500)
    network.connect(net, server.pid, Path("/"))
    inside = ("ip", "netns", "exec", key)
    run(*inside, "ip", "link", "set", "lo", "up")
    run(*inside, "ip", "address", "add", f"{net.address}/30", "dev", "eth0")
    run(*inside, "ip", "link", "set", "eth0", "up")
    run(*inside, "ip", "route", "add", "default", "via", net.gateway)
    nets[key] = net, server
time.sleep(0.3)
first, second = (nets[key][0].address for key in nets)
seen = {
    "engine to the world": reach("aaaaaaaa", "198.51.1.2"),
    "engine to the neighbour": reach("bbbbbbbb", "198.51.2.2"),
    "engine to another engine": reach("aaaaaaaa", second),
    "world to the engine": reach("out", first),
    "neighbour to the engine": reach("lan", first),
    "neighbour to the world": reach("lan", "198.51.1.2"),
    "world to the neighbour": reach("out", "198.51.2.2"),
}
for key, (net, server) in nets.items():
    server.kill(); server.wait()
    run("ip", "netns", "delete", key)
    network.disconnect(Where(key), Path("/"))
    if key == "aaaaaaaa":
        seen["second engine after the first"] = reach("bbbbbbbb", "198.51.1.2")
        seen["still no router"] = reach("lan", "198.51.1.2")
seen["as before"] = (ruleset(), network.FORWARD.read_text()) == before
for process in started:
    process.kill()
print(json.dumps(seen))
"""


def seen(was: str) -> dict[str, Any]:
    missing = [program for program in NEEDED if not shutil.which(program)]
    if missing or os.geteuid():
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing else'}")
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation",
         "private", sys.executable, "-c", SCRIPT, str(REPO / "engine"), was],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_host_that_was_no_router_forwards_for_engines_alone_and_is_as_before_after() -> None:
    assert seen("0") == {
        "engine to the world": "198.51.1.1",
        "engine to the neighbour": "198.51.2.1",
        "engine to another engine": "-",
        "world to the engine": "-",
        "neighbour to the engine": "-",
        "neighbour to the world": "-",
        "world to the neighbour": "-",
        "second engine after the first": "198.51.1.1",
        "still no router": "-",
        "as before": True,
    }


def test_a_host_that_is_a_router_stays_one_and_nobody_reaches_into_an_engine() -> None:
    assert seen("1") == {
        "engine to the world": "198.51.1.1",
        "engine to the neighbour": "198.51.2.1",
        "engine to another engine": "-",
        "world to the engine": "-",
        "neighbour to the engine": "-",
        "neighbour to the world": "198.51.2.2",
        "world to the neighbour": "198.51.1.2",
        "second engine after the first": "198.51.1.1",
        "still no router": "198.51.2.2",
        "as before": True,
    }
